"""Data sets: how each is read, what is query and gallery, and by which rules it is ranked."""
