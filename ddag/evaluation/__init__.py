"""Features, rankings and scores."""
