"""A pretend Instagram, under /instagram: pictures with captions, and comments."""

from crisis.simulator.instagram.network import Instagram

__all__ = ["Instagram"]
