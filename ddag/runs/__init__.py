"""What runs leave behind, and what many say together."""
