"""Training: the parts of a run, the step and the loop around it."""
