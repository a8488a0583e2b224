"""Generated people, and cameras that photograph them."""
