"""The network of DDAG."""
