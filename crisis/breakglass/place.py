"""Where the record of a break-glass release is kept: the main database while it answers, else a journal on this machine.

What works on a place does not know which of the two it is. Redis is never asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from crisis import migrations, runtime
from crisis.breakglass import journal, local_copy
from crisis.breakglass.folder import Folder, NotTrusted
from crisis.breakglass.machine import Machine
from crisis.breakglass.proof import Proof
from crisis.breakglass.request import Refused
from crisis.models import utcnow
from crisis.runtime import Runtime
from crisis.sending import pulse
from crisis.sending.desk import trouble
from crisis.settings import Settings


class Away(Exception):
    """The main database can't be used now; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An open database to work on. `journal` is its file when the main database is away, and `why` says what is wrong."""

    parts: Runtime
    journal: Path | None = None
    why: str = ""
    copied_at: datetime | None = None


def without_redis(settings: Settings) -> Settings:
    """Nobody waits for a Redis that is down; running senders look by themselves every second."""
    return settings.model_copy(update={"redis_url": ""})


@contextlib.contextmanager
def place(settings: Settings, folder: Folder, machine: Machine, proof: Proof) -> Iterator[Place]:
    """The main database, or a journal. Raises `Refused` when there is neither, `SettingsError` for wrong tables."""
    try:
        parts = main(settings)
    except Away as away:
        with _on_journal(settings, folder, machine, proof, str(away)) as found:
            yield found
        return
    try:
        yield Place(parts)
    finally:
        parts.close()


def main(settings: Settings) -> Runtime:
    """The parts on the main database, which was written to a moment ago. Raises `Away` or `SettingsError`."""
    parts = runtime.build(without_redis(settings))
    file = Path(parts.database.url.removeprefix("sqlite:///"))
    try:
        _demand_working(parts, file)
    except BaseException:  # whatever ends this, the connection is not left open
        parts.close()
        raise
    return parts


def _demand_working(parts: Runtime, file: Path) -> None:
    if parts.database.is_sqlite and not file.exists():
        raise Away(f"its file {file} is not there")  # opening it would make an empty one
    try:
        with parts.database.engine.connect():
            pass
        migrations.demand_current(parts.database)
        process = pulse.process_name("terminal")
        with parts.database.writing() as session:
            runtime.match_settings(session, parts.settings)
            # A database that can only be read is no help.
            pulse.beat(session, process, "terminal", utcnow())
            pulse.leave(session, process)
    except DBAPIError as error:
        if not trouble(error):
            raise
        first = str(error.orig).strip().splitlines() if error.orig else []
        raise Away(first[0] if first else type(error).__name__) from None


@contextlib.contextmanager
def _on_journal(settings: Settings, folder: Folder, machine: Machine, proof: Proof, why: str) -> Iterator[Place]:
    try:
        folder.prepare()
        copied_at = local_copy.seen_at(folder)
    except (NotTrusted, OSError) as error:
        raise Refused([f"the database can't be used ({why}), and the local copy is not usable: {error}"]) from None
    if copied_at is None:
        none = f"the database can't be used ({why}), and this machine has no local copy of it"
        raise Refused([f"{none}; the clock makes one every few minutes, `crisis copy refresh` makes one at once"])
    with contextlib.ExitStack() as held:
        try:
            path = held.enter_context(journal.for_writing(folder, machine, proof, utcnow()))
        except NotTrusted as error:
            raise Refused([f"the database can't be used ({why}), and the journal is not usable: {error}"]) from None
        parts = on_file(settings, path)
        try:
            yield Place(parts, path, why, copied_at)
        finally:
            parts.close()


def on_file(settings: Settings, path: Path) -> Runtime:
    """The parts on a journal. Its accounts are those of the copy: one added since could not be merged."""
    database_url = f"sqlite:///{path}"
    return runtime.build(without_redis(settings).model_copy(update={"database_url": database_url}))
