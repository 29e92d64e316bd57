"""The memory of a process that lives long: one heap for all its threads, and no search for waste in what stays for ever."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_ARENA_MAX = -8  # M_ARENA_MAX; glibc manual, malloc tunable parameters
YOUNG = 10_000  # objects made before they are searched; what a batch of a thousand deliveries holds fits in


def one_heap() -> None:
    """Let all threads share one heap; to be called before there are any.

    glibc gives each thread its own and keeps what was once needed there: a sender that had sent 20,000 held 56 MiB more.
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc has no such thing
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def settled() -> None:
    """All that this process has loaded stays: never look through it again. To be called when everything is open.

    A tenth of a sender's time went into looking through the same modules and batches, and a full look holds up every
    thread for longer than a page may take.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
