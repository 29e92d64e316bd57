"""A thread of an account's own, for a client library that blocks: its calls run one after another, beside everything else.

A call that is given up keeps its thread until the network lets go of it; those that follow get another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

MOST_STUCK = 8  # threads whose call was given up; with more of them the next call waits
T = TypeVar("T")


class OwnThread:
    """Open one for each account. It belongs to the event loop that uses it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool = self._new()
        self._stuck: set[Future[Any]] = set()

    async def run(self, call: Callable[..., T], *given: Any) -> T:
        """What `call` returns or raises."""
        future = self._pool.submit(partial(call, *given))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.done() and len(self._stuck) < MOST_STUCK:
                # An answer in drops has no end, and each call after it would be given up before it has begun.
                self._stuck.add(future)
                future.add_done_callback(self._stuck.discard)
                self._pool.shutdown(wait=False)
                self._pool = self._new()
            raise

    def close(self) -> None:
        """Nothing more is begun; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _new(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)
