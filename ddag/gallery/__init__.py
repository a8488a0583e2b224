"""Galleries that are searched: features of a folder's images, kept from one search to the next."""
