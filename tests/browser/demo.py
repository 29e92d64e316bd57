"""The demo installation for the browser: everything running, the demo's people seeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from crisis.embedded import seed
from tests.stories.town import Town, town


@contextmanager
def demo(
    folder: Path, countdown: int = 2, database_url: str = "", edit: Callable[[str], str] = str
) -> Iterator[tuple[Town, dict[str, str]]]:
    """A town with every process running, and the one-time-code secrets of the demo's users by login."""
    with town(folder, countdown=countdown, database_url=database_url, edit=edit) as here:
        runtime = here.runtime
        with runtime.database.writing() as session:
            seed.seed(session, runtime.settings, runtime.seal, runtime.playbooks.shelf(), datetime.now(UTC))
        with runtime.database.reading() as session:
            secrets = {one.login: one.secret for one in seed.users(session, runtime.settings, runtime.seal)}
        here.start("console", "sender-live", "sender-drill", "clock", "listener")
        yield here, secrets
