"""In what order the deliveries of one account leave. Pure numbers; the smallest goes first.

Urgent before bulk, and the first hundred of anything before the tail of everything: a second incident's words to its
thirty people do not wait behind twenty thousand texts of the first, whatever both are called.
"""

from __future__ import annotations

from bisect import bisect_right

HEADS = (100, 1_000, 10_000)  # receivers of one broadcast up to here leave before what comes after, of any broadcast
STEP = 10  # greater than every priority a broadcast can have
STEPS = tuple(STEP * band for band in range(len(HEADS) + 1))  # what is added to a broadcast's priority

LAST = STEPS[-1] + STEP  # a broadcast's own priority when it belongs to no incident: after everything that does


def priority(of_broadcast: int, position: int) -> int:
    """The priority of the delivery at `position` (from 0) among the receivers of a broadcast on one account."""
    return of_broadcast + STEPS[bisect_right(HEADS, position)]
