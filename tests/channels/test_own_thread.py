"""One blocking call after another, and a network that never lets go of one."""

from __future__ import annotations

import asyncio
import threading

import pytest

from crisis.channels.own_thread import MOST_STUCK, OwnThread

pytestmark = pytest.mark.asyncio


async def test_calls_run_one_after_another() -> None:
    thread, running, most = OwnThread("test"), [0], [0]

    def call(number: int) -> int:
        running[0] += 1
        most[0] = max(most[0], running[0])
        running[0] -= 1
        return number

    assert await asyncio.gather(*(thread.run(call, number) for number in range(20))) == list(range(20))
    assert most == [1]
    thread.close()


async def test_a_call_that_never_ends_does_not_keep_the_next_from_being_made() -> None:
    thread, let_go = OwnThread("test"), threading.Event()
    try:
        for _ in range(MOST_STUCK):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(thread.run(let_go.wait, 30), 0.05)
            assert await asyncio.wait_for(thread.run(lambda: "said"), 5) == "said"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(thread.run(let_go.wait, 30), 0.05)
        begun: list[int] = []
        with pytest.raises(TimeoutError):  # no more threads than that
            await asyncio.wait_for(thread.run(begun.append, 1), 0.05)
    finally:
        let_go.set()
    assert await asyncio.wait_for(thread.run(lambda: "said"), 5) == "said"
    assert begun == []  # given up before it began, it is never made
    thread.close()
