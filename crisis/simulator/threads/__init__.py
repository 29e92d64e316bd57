"""A pretend Threads, under /threads: short posts, replies and mentions."""

from crisis.simulator.threads.network import Threads

__all__ = ["Threads"]
