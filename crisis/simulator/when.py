"""Times as the town square wants them."""

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """A moment of the epoch, in ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
