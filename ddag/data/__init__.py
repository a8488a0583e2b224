"""Data sets: from folders on disk to batches of images."""
