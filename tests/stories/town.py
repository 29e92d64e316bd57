"""A whole installation on real processes: simulator, Redis, database, console, senders and clock, on ports of its own.

Stories act as people would and look at the simulator as the public would. Processes are killed for real.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import func, select, update

from crisis import runtime as wiring
from crisis.actor import Actor
from crisis.broadcasts import draft, incidents, retract
from crisis.broadcasts.release import release
from crisis.embedded import keys
from crisis.embedded.ports import moved
from crisis.embedded.redis import running as running_redis
from crisis.models import (
    Account,
    Broadcast,
    Delivery,
    Destination,
    Group,
    Heartbeat,
    InboundRow,
    Incident,
    Person,
    Removal,
    ShardRow,
    Tally,
    Unit,
    User,
)
from crisis.playbooks import signoff
from crisis.runtime import Runtime
from crisis.simulator.server import Simulator
from crisis.states import DeliveryState, Mode, RemovalState, Role
from tests import nursery
from tests.tables import make_tables

ROOT = Path(__file__).parent.parent.parent
SLOTS = {"place": "Oslo S", "hospital": "ulleval", "kin_phone": "23 00 00 50"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], Any], within: float = 60.0, every: float = 0.05) -> Any:
    """What `check` gives once it is true. Fails with its last answer when that takes too long."""
    deadline = time.monotonic() + within
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {within} s")
        time.sleep(every)


@dataclass
class Town:
    """One installation. Processes are started by name and killed by name."""

    folder: Path
    simulator: Simulator
    runtime: Runtime
    environment: dict[str, str]
    redis_url: str
    processes: dict[str, subprocess.Popen[bytes] | nursery.Process] = field(default_factory=dict)
    people: int = 0
    cold: bool = False  # processes start from nothing, as they do on a real machine

    # -- processes ---------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        commands = {
            "sender-live": ["-m", "workers.sender", "--mode", "live"],
            "sender-drill": ["-m", "workers.sender", "--mode", "drill"],
            "sender-live-2": ["-m", "workers.sender", "--mode", "live"],
            "sender-live-3": ["-m", "workers.sender", "--mode", "live"],
            "clock": ["-m", "workers.clock"],
            "listener": ["-m", "workers.listener"],
            "console": [
                "-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "warning",
                "--port", str(self.runtime.settings.console.port), "crisis.console.wsgi:app",
            ],
        }  # fmt: skip
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                if self.cold:
                    self.processes[name] = subprocess.Popen(
                        [sys.executable, *commands[name]],
                        cwd=ROOT,
                        env=self.environment,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,  # a group of its own: the web server has a child that would outlive it
                    )
                else:
                    self.processes[name] = nursery.Process(commands[name], self.environment, log=log)
        if "console" in names:
            eventually(lambda: _answers(self.runtime.settings.console.port), within=90)
        for name in names:
            if name.startswith("sender"):
                eventually(lambda name=name: self.beats(name), within=90)

    def beats(self, name: str) -> bool:
        """Has this process begun its work?"""
        pid = self.processes[name].pid
        with self.runtime.database.reading() as session:
            return any(one.endswith(f":{pid}") for one in session.scalars(select(Heartbeat.process)))

    def kill(self, name: str) -> None:
        """SIGKILL: no last words."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM, and its exit status."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(40)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    # -- what people do ----------------------------------------------------------------------------------------

    def officer(self, unit: str = "ous") -> Actor:
        with self.runtime.database.reading() as session:
            unit_id = session.scalars(select(Unit.id).where(Unit.key == unit)).one()
            user_id = session.scalars(select(User.id).where(User.login == "vakt")).one()
        return Actor(user_id, "Vakt", frozenset({(unit_id, Role.OFFICER), (unit_id, Role.VIEWER)}))

    def populate(self, count: int, group: str = "staff", channels: tuple[str, ...] = ("phone",)) -> list[str]:
        """More people in a group of the hospital; gives their phone numbers."""
        phones = []
        with self.runtime.database.writing() as session:
            unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
            found = session.scalars(select(Group).where(Group.unit_id == unit_id, Group.key == group)).first()
            if found is None:
                found = Group(unit_id=unit_id, key=group, name=group)
                session.add(found)
            for _ in range(count):
                self.people += 1
                phone = f"+4741{self.people:06}"
                phones.append(phone)
                person = Person(
                    unit_id=unit_id, reference=f"r{self.people}", name=f"Person {self.people}", language="nb"
                )
                if "phone" in channels:
                    person.destinations.append(Destination(medium="phone", address=phone))
                if "mailbox" in channels:
                    mailbox = f"p{self.people}@ous.example"
                    person.destinations.append(Destination(medium="mailbox", address=mailbox, position=1))
                found.persons.append(person)
        return phones

    def open(self, mode: Mode, title: str = "Mange skadde ved Oslo S") -> uuid.UUID:
        playbook = self.runtime.playbooks.shelf().playbooks["mass-casualty"]
        with self.runtime.database.writing() as session:
            unit = session.scalars(select(Unit).where(Unit.key == "ous")).one()
            return incidents.open_incident(session, self.officer(), unit, mode, title, playbook).id

    def draft(
        self,
        incident_id: uuid.UUID,
        message: str = "initial",
        *,
        channels: tuple[str, ...] = ("page", "x", "sms", "email"),
        slots: dict[str, str] = SLOTS,
        audiences: tuple[str, ...] = ("staff",),
    ) -> uuid.UUID:
        """A message with its slots filled in, ready to be released. Returns the broadcast's id."""
        playbook, actor = self.runtime.playbooks.shelf().playbooks["mass-casualty"], self.officer()
        with self.runtime.database.writing() as session:
            incident = session.get_one(Incident, incident_id)
            made = draft.start(session, actor, incident, playbook, message)
            accounts = [one.key for one in draft.usable_accounts(session, incident) if one.channel in channels]
            draft.change(
                session, actor, made, incident, playbook, slots=slots, accounts=accounts, audiences=[*audiences]
            )
            return made.id

    def release(
        self,
        incident_id: uuid.UUID,
        message: str = "initial",
        *,
        follows: uuid.UUID | None = None,
        manners: Mapping[str, str] | None = None,
        **more: Any,
    ) -> uuid.UUID:
        """Draft and release a message, as the console does; `more` as in `draft`. Returns the broadcast's id."""
        if follows is None:
            return self.let_go(self.draft(incident_id, message, **more))
        playbook, actor = self.runtime.playbooks.shelf().playbooks["mass-casualty"], self.officer()
        with self.runtime.database.writing() as session:
            incident, original = session.get_one(Incident, incident_id), session.get_one(Broadcast, follows)
            broadcast = retract.correct(session, actor, original, incident, playbook, message, manners or {})
            release(session, actor, broadcast, self.runtime.settings, playbook, datetime.now(UTC))
            return broadcast.id

    def let_go(self, broadcast_id: uuid.UUID) -> uuid.UUID:
        """Release what is drafted."""
        playbook = self.runtime.playbooks.shelf().playbooks["mass-casualty"]
        with self.runtime.database.writing() as session:
            broadcast = session.get_one(Broadcast, broadcast_id)
            release(session, self.officer(), broadcast, self.runtime.settings, playbook, datetime.now(UTC))
        return broadcast_id

    def gather(self, size: int, *, seed: int = 1, seconds: float = 0.0) -> dict[str, Any]:
        """A crowd answers the hospital's live accounts; comes back when all have spoken, with who said what where."""
        body = json.dumps({"account": "ous", "size": size, "seed": seed, "seconds": seconds}).encode()
        address = f"{self.simulator.url}/control/crowd"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

        def ended() -> dict[str, Any]:
            with urllib.request.urlopen(address, timeout=10) as answer:
                play: dict[str, Any] = json.load(answer)
            return play if play["ended"] else {}

        found: dict[str, Any] = eventually(ended, within=seconds + 120, every=0.2)
        return found

    def post(self, handle: str, text: str) -> None:
        """A passer-by writes on X."""
        body = json.dumps({"handle": handle, "text": text}).encode()
        address = f"{self.simulator.url}/control/posts"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def answer_mail(self, number: int, text: str) -> None:
        """Whoever got this mail writes back."""
        address = f"{self.simulator.url}/control/mails/{number}/answer"
        body = json.dumps({"text": text}).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    # -- what they see -----------------------------------------------------------------------------------------

    def states(self, broadcast_id: uuid.UUID, channel: str = "") -> Counter[str]:
        with self.runtime.database.reading() as session:
            asked = (
                select(Delivery.state, func.count())
                .join(Account, Account.id == Delivery.account_id)
                .where(Delivery.broadcast_id == broadcast_id)
                .group_by(Delivery.state)
            )
            if channel:
                asked = asked.where(Account.channel == channel)
            return Counter({state.value: count for state, count in session.execute(asked)})

    def counted(self, broadcast_id: uuid.UUID) -> Counter[str]:
        with self.runtime.database.reading() as session:
            asked = select(Tally.state, func.sum(Tally.count)).where(Tally.broadcast_id == broadcast_id)
            return Counter(
                {state.value: int(count) for state, count in session.execute(asked.group_by(Tally.state)) if count}
            )

    def settled(self, broadcast_id: uuid.UUID, within: float = 90.0, channel: str = "") -> Counter[str]:
        """The states once nothing is queued, in the air or uncertain."""

        def done() -> Counter[str] | None:
            # Texts are settled when their receipts have come. Asked first: what comes in between is in the second answer.
            texts, states = self.states(broadcast_id, "sms"), self.states(broadcast_id, channel)
            return None if {"queued", "sending", "uncertain"} & set(states) or "accepted" in texts else states

        found: Counter[str] = eventually(done, within)
        return found

    def phones(self) -> Counter[str]:
        """How many texts each phone has got."""
        ours = {number for account in self.simulator.internet.accounts.sms for number in account.numbers}
        texts = self.simulator.state("messages")["messages"]
        return Counter(one["to"] for one in texts if one["to"] not in ours)

    def inbound(self) -> list[str]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(InboundRow.text)))

    def cursor(self, key: str) -> str | None:
        """How far the listener has read an account."""
        with self.runtime.database.reading() as session:
            return session.scalars(select(Account.cursor).where(Account.key == key)).one()

    def found_out(self, *broadcasts: uuid.UUID, within: float = 90.0) -> Counter[str]:
        """The states of these broadcasts once nothing is left that mends itself; look-ups and leases are hurried on."""

        def done() -> Counter[str] | None:
            self.hurry()
            states = sum((self.states(one) for one in broadcasts), Counter[str]())
            with self.runtime.database.reading() as session:
                waiting = session.scalar(
                    select(func.count())
                    .select_from(Delivery)
                    .where(Delivery.broadcast_id.in_(broadcasts), Delivery.state == DeliveryState.UNCERTAIN)
                    .where(Delivery.due_at.is_not(None))
                )
            return None if {"queued", "sending"} & set(states) or waiting else states

        found: Counter[str] = eventually(done, within, every=0.25)
        return found

    def settled_soon(self, broadcast_id: uuid.UUID) -> Counter[str]:
        """The states once everything was taken, which may take seconds but not a minute."""

        def done() -> Counter[str] | None:
            states = self.states(broadcast_id)
            return None if {"queued", "sending"} & set(states) else states

        found: Counter[str] = eventually(done, within=12)
        return found

    def account_ids(self) -> list[uuid.UUID]:
        with self.runtime.database.reading() as session:
            return list(session.scalars(select(Account.id).where(Account.active)))

    def hurry(self, ahead: float = 0) -> None:
        """Let what is uncertain be looked at now instead of in a minute; the rules stay the same.

        `ahead`: by the clock of a machine that is so many seconds ahead.
        """
        with self.runtime.database.writing() as session:
            now = datetime.now(UTC) + timedelta(seconds=ahead)
            for table, waits in ((Delivery, DeliveryState.UNCERTAIN), (Removal, RemovalState.UNCERTAIN)):
                session.execute(update(table).where(table.state == waits, table.due_at.is_not(None)).values(due_at=now))

    def lapse(self) -> None:
        """Let the leases of whoever died run out now instead of in a minute and a half."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        with self.runtime.database.writing() as session:
            session.execute(update(Delivery).where(Delivery.state == DeliveryState.SENDING).values(lease_until=past))
            session.execute(update(Removal).where(Removal.state == RemovalState.DELETING).values(lease_until=past))
            session.execute(update(Account).where(Account.lease_owner.is_not(None)).values(lease_until=past))
            session.execute(update(ShardRow).where(ShardRow.lease_owner.is_not(None)).values(lease_until=past))


def listening_fast(source: str) -> str:
    """Settings in which every account that is polled is asked as often as its network's rules allow."""
    for key in ("bluesky-ous", "wordpress-ous", "linkedin-ous"):
        source = source.replace(f'key = "{key}"\n', f'key = "{key}"\npoll_seconds = 5\n')
    return source


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


@contextlib.contextmanager
def town(
    folder: Path,
    *,
    database_url: str = "",
    redis: bool | str = True,
    countdown: int = 0,
    edit: Callable[[str], str] = str,
    cold: bool = False,
) -> Iterator[Town]:
    """A town without processes yet: `start` those the story needs."""
    with contextlib.ExitStack() as stack:
        given = redis if isinstance(redis, str) else ""
        redis_url = stack.enter_context(running_redis(folder / "redis")) if redis is True else given
        console = free_port()
        simulator = stack.enter_context(
            Simulator.start(
                public_dir=folder / "pages",
                delay=0.05,
                sms_inbound=f"http://127.0.0.1:{console}/hooks/{{channel}}-{{account}}/inbound",
            )
        )
        web = int(simulator.url.rsplit(":", 1)[1])
        source = moved(
            (ROOT / "crisis.example.toml").read_text(),
            {8080: console, 8090: web, 8025: simulator.smtp_port, 8143: simulator.imap_port},
        )
        source = source.replace('"var', f'"{folder}').replace("port = 8080", f"port = {console}")
        source = source.replace("port = 8025", f"port = {simulator.smtp_port}")
        source = source.replace('playbooks_dir = "playbooks"', f'playbooks_dir = "{ROOT / "playbooks"}"')
        source = source.replace(
            'kind = "hospital"',
            f'kind = "hospital"\ncountdown_live_seconds = {countdown}\ncountdown_drill_seconds = {countdown}',
        )
        source = source.replace('handle = "OUS_demo"', 'handle = "OUS_demo"\npoll_seconds = 5')
        path = folder / "crisis.toml"
        path.write_text(edit(source))
        environment = {**os.environ, "CRISIS_SETTINGS": str(path), "PYTHONUNBUFFERED": "1"}
        environment |= {"REDIS_URL": redis_url, "DATABASE_URL": database_url}
        stack.enter_context(mock.patch.dict(os.environ))  # secrets of one town are unknown in the next test
        os.environ.update(REDIS_URL=redis_url, DATABASE_URL=database_url)
        settings = wiring.load(path)
        keys.make_secret_key(settings)
        environment |= keys.demo_secrets(settings, environment)
        os.environ.update(keys.demo_secrets(settings, os.environ))
        built = wiring.build(settings)
        make_tables(built.database)
        built.close()
        runtime = wiring.start(settings)
        stack.callback(runtime.close)
        here = Town(folder, simulator, runtime, environment, redis_url, cold=cold)
        _found(here)
        try:
            yield here
        finally:
            for name in list(here.processes):
                here.kill(name)


def _found(here: Town) -> None:
    """A duty officer, and everything signed off for a year."""
    now = datetime.now(UTC)
    with here.runtime.database.writing() as session:
        session.add(User(name="Vakt", login="vakt", password_hash="-"))
        session.flush()
        user_id = session.scalars(select(User.id).where(User.login == "vakt")).one()
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        for playbook in here.runtime.playbooks.shelf().playbooks.values():
            for message in playbook.messages:
                signoff.sign(session, unit_id, playbook, message, user_id, now + timedelta(days=365), now)
