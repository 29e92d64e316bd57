"""A pretend server of the AT Protocol with the network's index beside it."""

from crisis.simulator.bluesky.api import Bluesky

__all__ = ["Bluesky"]
