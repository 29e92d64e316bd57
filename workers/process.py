"""What every worker process does first and last: read its settings, set up its log, open the runtime, close it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import structlog
import uvloop

from crisis import runtime
from crisis.models import utcnow
from crisis.runtime import Runtime
from crisis.sending import pulse
from crisis.settings import SettingsError


@contextlib.contextmanager
def configured(kind: str) -> Iterator[Runtime]:
    """The runtime of a worker called `kind`. Ends the process with one clear message when the settings are wrong."""
    set_up_log(kind)
    try:
        parts = runtime.start(runtime.load(Path(os.environ.get("CRISIS_SETTINGS", "crisis.toml"))))
    except SettingsError as error:
        sys.exit(f"{kind} cannot start:\n" + "\n".join(error.mistakes))
    try:
        yield parts
    finally:
        with contextlib.suppress(Exception), parts.database.writing() as session:  # going anyway
            pulse.leave(session, pulse.process_name(kind))
        parts.close()


def set_up_log(kind: str) -> None:
    """One JSON line per event on standard error; libraries speak from WARNING up, so that no token is printed."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=kind, started=utcnow().isoformat(timespec="seconds"))


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
