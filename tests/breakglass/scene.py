"""A town where somebody sits at the machine and types `crisis send`, as a process of its own."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from argon2 import PasswordHasher
from sqlalchemy import func, select

from crisis import audit
from crisis.breakglass import journal, local_copy
from crisis.breakglass.folder import Folder
from crisis.breakglass.machine import Machine
from crisis.breakglass.proof import Proof
from crisis.breakglass.request import Request
from crisis.db import Database
from crisis.models import AuditRow, Broadcast, Delivery, Grant, Incident, Unit, User
from crisis.states import Mode, Role
from tests import nursery
from tests.stories.town import SLOTS, Town, town

PASSWORD = "fire hester i regnet"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # weak, so that tests are quick
MACHINE = Machine("vaktrommet", "kari")
TITLE = "Mange skadde ved Oslo S"
LIVE, DRILL, AGAIN = "SEND LIVE", "SEND DRILL", "SEND LIVE AGAIN"
NOW = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


def request(**more: object) -> Request:
    """What is usually typed; `more` replaces parts of it."""
    usual: dict[str, object] = {
        "playbook": "mass-casualty",
        "message": "initial",
        "unit": "ous",
        "mode": Mode.LIVE,
        "incident": TITLE,
        "login": "vakt",
        "slots": SLOTS,
        "audiences": ("staff",),
    }
    return Request(**(usual | more))  # type: ignore[arg-type]


@dataclass
class Vault:
    """A town with an operator at its machine."""

    town: Town
    away: str = ""  # a DATABASE_URL that answers nobody
    started: list[nursery.Process] = field(default_factory=list)

    @property
    def folder(self) -> Folder:
        return Folder(self.town.runtime.settings.data_dir)

    @property
    def proof(self) -> Proof:
        return Proof.of(self.town.runtime.settings)

    def copy(self) -> None:
        local_copy.refresh(self.town.runtime.database, self.folder, datetime.now(UTC))

    def words(self, *extra: str, mode: str = "--live", message: str = "initial", incident: str = TITLE) -> list[str]:
        slots = [part for name, value in SLOTS.items() for part in ("--slot", f"{name}={value}")]
        return [
            "send", "mass-casualty", message, "--unit", "ous", mode, "--as", "vakt",
            "--incident", incident, "--audience", "staff", *slots, *extra,
        ]  # fmt: skip

    def run(self, *words: str, typed: str = "", password: str | None = PASSWORD) -> Said:
        """A command as a process, until it ends."""
        process = self.start(*words, password=password)
        out, err = process.communicate(typed, timeout=120)
        return Said(process.returncode, out, err)

    def send(self, *extra: str, phrase: str = LIVE, password: str | None = PASSWORD, **kind: str) -> Said:
        return self.run(*self.words(*extra, "--yes-i-mean-it", phrase, **kind), password=password)

    def start(self, *words: str, password: str | None = PASSWORD) -> nursery.Process:
        environment = self.town.environment | ({"CRISIS_PASSWORD": password} if password is not None else {})
        if self.away:
            environment["DATABASE_URL"] = self.away
        process = nursery.Process(["-m", "crisis.cli", *words], environment, text=True)
        self.started.append(process)
        return process

    # -- what is there ---------------------------------------------------------------------------------------------

    def broadcasts(self) -> list[uuid.UUID]:
        with self.town.runtime.database.reading() as session:
            return list(session.scalars(select(Broadcast.id).order_by(Broadcast.created_at)))

    def count(self, model: type) -> int:
        with self.town.runtime.database.reading() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def acts(self) -> Counter[str]:
        with self.town.runtime.database.reading() as session:
            assert list(audit.verify(session)) == []
            return Counter(session.scalars(select(AuditRow.act)))

    def journal(self) -> Path:
        (path,) = self.folder.to_merge()
        return path

    def in_journal(self) -> Counter[str]:
        """The states of the deliveries in the one journal that waits."""
        with journal.closing_file(self.journal()) as database, database.reading() as session:
            rows = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
            return Counter({state.value: count for state, count in rows})


def without_networks(source: str) -> str:
    """The settings without accounts whose network fetches pictures from the console, which is away here."""
    blocks = source.split("[[accounts]]")
    return "[[accounts]]".join([blocks[0], *(one for one in blocks[1:] if 'channel = "instagram"' not in one)])


@contextmanager
def vault(folder: Path, *, database_url: str = "", edit: Callable[[str], str] = str) -> Iterator[Vault]:
    """No Redis and no process runs in it: that is what break-glass is for."""
    with town(
        folder, database_url=database_url, redis=False, edit=lambda source: edit(without_networks(source))
    ) as here:
        with here.runtime.database.writing() as session:
            user = session.scalars(select(User).where(User.login == "vakt")).one()
            unit = session.scalars(select(Unit).where(Unit.key == "ous")).one()
            user.password_hash = HASH
            user.grants.append(Grant(unit_id=unit.id, role=Role.OFFICER))
            session.add(User(name="Ser bare", login="seer", password_hash=HASH))
        found = Vault(here)
        try:
            yield found
        finally:
            for process in found.started:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def tables(database: Database) -> dict[str, int]:
    """How many rows of what a journal could have brought."""
    with database.reading() as session:
        return {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Incident, Broadcast, Delivery, AuditRow)
        }
