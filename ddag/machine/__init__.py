"""The machine: devices, processors, files, signals, and how errors are said."""
