"""What every worker process does first and last: read its settings, set up its log, open the runtime, close it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvloop

from crisis import heap, logs, runtime, traces
from crisis.runtime import Runtime
from crisis.sending import pulse
from crisis.settings import SettingsError


@contextlib.contextmanager
def configured(kind: str) -> Iterator[Runtime]:
    """The runtime of a worker called `kind`. Ends the process with one clear message when the settings are wrong."""
    heap.one_heap()
    logs.set_up(kind)
    traces.set_up(kind)
    try:
        parts = runtime.start(runtime.load(Path(os.environ.get("CRISIS_SETTINGS", "crisis.toml"))))
    except SettingsError as error:
        sys.exit(f"{kind} cannot start:\n" + "\n".join(error.mistakes))
    heap.settled()
    try:
        yield parts
    finally:
        with contextlib.suppress(Exception), parts.database.writing() as session:  # going anyway
            pulse.leave(session, pulse.process_name(kind))
        parts.close()


class Flag:
    """Set by a signal. Not a `threading.Event`: its `set`, called in a handler, can wait for ever for the lock that the
    interrupted `wait` holds.
    """

    def __init__(self) -> None:
        self._up = False

    def set(self) -> None:
        self._up = True

    def is_set(self) -> bool:
        return self._up

    def wait(self, seconds: float) -> None:
        """Come back when it is set, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._up and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
