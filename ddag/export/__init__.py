"""Networks out of this framework: files that give the features without it, and those files run."""
