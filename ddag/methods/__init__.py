"""Methods: each says its settings, its network, its objective and what it asks of the data."""
