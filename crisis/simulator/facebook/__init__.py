"""A pretend Facebook, under /facebook: Pages with posts, pictures, films and comments."""

from crisis.simulator.facebook.network import Facebook

__all__ = ["Facebook"]
