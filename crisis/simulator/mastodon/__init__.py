"""A pretend Mastodon instance."""

from crisis.simulator.mastodon.api import Mastodon

__all__ = ["Mastodon"]
