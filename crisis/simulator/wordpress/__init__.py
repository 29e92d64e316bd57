"""Pretend web sites that run WordPress, one for each demo account."""

from crisis.simulator.wordpress.api import WordPress

__all__ = ["WordPress"]
