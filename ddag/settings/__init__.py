"""What a run is told: typed settings with their limits. No MindSpore."""
