"""One sitting at the machine: check, ask for the password, say what will happen, ask for the phrase, release, send.

The only part here that commits. No transaction is open while somebody reads or types.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import structlog
from sqlalchemy.exc import DBAPIError

from crisis import logs, throttle
from crisis.actor import Actor
from crisis.breakglass import journal, machine, place, statement, words
from crisis.breakglass.folder import PRIVATE_FILE, Busy, Folder, NotTrusted, demand_private
from crisis.breakglass.place import Place
from crisis.breakglass.proof import Proof
from crisis.breakglass.request import Checked, Refused, Request, check
from crisis.breakglass.speaking import Speaking, Standing, all_out, open_channels
from crisis.breakglass.statement import Prepared
from crisis.channels.base import Channel
from crisis.embedded import keys
from crisis.models import User, utcnow
from crisis.runtime import Runtime
from crisis.settings import Settings

log = structlog.get_logger()
Say = Callable[[str], None]

TRIES = 3
USUAL_LIMIT = timedelta(minutes=5)  # on top of twice what the accounts' pace needs
READ_FOR = timedelta(minutes=9)  # a little less than what is shown stays true


class Unclear(Exception):
    """Nobody here can know whether it was released."""


class Operator:
    """What the operator brings: settings, and a password and phrase when they don't type them."""

    def __init__(self, settings: Settings, *, say: Say, password: str | None, phrase: str | None) -> None:
        if stranger := machine.stranger_to(settings.data_dir):
            raise Refused(
                [f"run this as the user {stranger}, who owns {settings.data_dir}: sudo -u {stranger} crisis send ..."]
            )
        lend_demo_secrets(settings)
        self._settings, self._say, self._password, self._phrase = settings, say, password, phrase
        self._machine, self._proof, self._folder = machine.here(), Proof.of(settings), Folder(settings.data_dir)

    def send(self, request: Request, minutes: float | None) -> bool:
        """True when everything is out. Raises `Refused` or `NotAllowed` when nothing was sent."""
        with (
            quiet(self._folder),
            place.place(self._settings, self._folder, self._machine, self._proof) as where,
        ):
            if where.copied_at is not None:
                for line in words.database_away(where.why, where.copied_at, utcnow()):
                    self._say(line)
            elif self._folder.to_merge():
                self._say("A journal of this machine is not merged yet; `crisis journal merge` does it.")
            with where.parts.database.reading() as session:
                checked = check(session, self._settings, where.parts.playbooks.shelf(), request, utcnow())
            actor = self._prove(where.parts, checked)
            try:
                broadcast_id, channels, limit = self._release(where, checked, actor)
            except DBAPIError as error:
                again = "the database went away before it was released; do it again, then the local copy is used"
                raise Refused([f"{again} ({type(error.orig).__name__})"]) from None
            return speak(where.parts, [broadcast_id], channels, minutes * 60 if minutes else limit, self._say)

    def _prove(self, parts: Runtime, checked: Checked) -> Actor:
        """The officer's own password: whoever sits here is not an officer by that. Guessing is slowed as at sign-in."""
        with parts.database.reading() as session:
            user = session.get_one(User, checked.user_id)
            actor = self._machine.actor(user)
        keys = [f"login:{user.login}"]
        for left in reversed(range(TRIES if self._password is None else 1)):
            password = self._password
            if password is None:
                password = click.prompt(f"Password of {user.login}", hide_input=True, default="", show_default=False)
            with parts.database.reading() as session:
                wait = throttle.wait_seconds(session, keys, utcnow())
            if wait:
                raise Refused([f"too many wrong passwords for {user.login}: wait {wait} s and do it again"])
            if machine.password_right(user, password, utcnow()):
                return actor
            with parts.database.writing() as session:
                throttle.failed(session, keys, utcnow())
                statement.wrong_password(session, self._machine, checked, user)
            if left:
                self._say("That is not the password. Try again.")
        raise Refused([f"the password is not that of {user.login}"])

    def _release(self, where: Place, checked: Checked, actor: Actor) -> tuple[uuid.UUID, dict[str, Channel], float]:
        parts, mode = where.parts, checked.request.mode
        chosen = [account for account in self._settings.accounts if account.key in checked.accounts]
        # Through these the words leave where an account is known to be down already.
        spare = {account.fallback for account in chosen} - set(checked.accounts)
        others = [account for account in self._settings.accounts if account.key in spare]
        channels, closed = open_channels(parts, [*chosen, *others])
        if not channels:
            raise Refused(["no account can be used from here", *(f"{key}: {why}" for key, why in closed.items())])
        with parts.database.writing() as session:
            prepared = statement.prepare(session, actor, self._settings, checked, utcnow())
        try:
            for line in words.what_happens(mode, checked.unit, prepared, closed):
                self._say(line)
            self._ask(words.phrase(mode, again=prepared.earlier is not None), since=utcnow())
            count = self._let_go(where, checked, actor, prepared)
        except Unclear:
            raise
        except BaseException:  # Ctrl-C too: what was prepared and not released is taken back
            with contextlib.suppress(DBAPIError), parts.database.writing() as session:
                statement.take_back(session, actor, prepared)
            raise
        self._say(f"Released: {count} deliveries. Ctrl-C stops sending from here; what waits then stays in the record.")
        slowest = prepared.preview.slowest
        return prepared.broadcast_id, channels, USUAL_LIMIT.total_seconds() + 2 * (slowest.seconds if slowest else 0)

    def _let_go(self, where: Place, checked: Checked, actor: Actor, prepared: Prepared) -> int:
        """From the phrase on, Ctrl-C no longer means no: it is heard again when sending has begun."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with where.parts.database.writing() as session:
                return statement.let_go(
                    session, actor, self._settings, checked, prepared, self._machine, self._proof, utcnow(),
                    in_journal=where.journal is not None,
                )  # fmt: skip
        except DBAPIError as error:
            raise Unclear(
                f"the database went away while it was told ({type(error.orig).__name__})\n"
                "the release may be written there all the same, and then it leaves; look at the board before you try again"
            ) from None

    def _ask(self, wanted: str, since: datetime) -> None:
        typed = self._phrase
        if typed is None:
            typed = click.prompt(f"\nType {wanted} to send it; anything else ends this", default="", show_default=False)
        if typed.strip() != wanted:
            raise Refused([f"the phrase is '{wanted}', and '{typed.strip()}' was given"])
        if utcnow() - since > READ_FOR:
            raise Refused(["that took too long: times in the text are no longer right. Do it again"])


def speak(
    parts: Runtime, broadcast_ids: Sequence[uuid.UUID], channels: dict[str, Channel], seconds: float, say: Say
) -> bool:
    """Send, and tell how it goes. True when everything is out."""
    told: dict[str, str] = {}

    def tell(standing: Standing) -> None:
        for key, (count, ended) in standing.items():
            line = words.progress(key, count, "" if ended == "done" else ended)
            if told.get(key) != line:
                told[key] = line
                say(line)

    async def work() -> Standing:
        speaking = Speaking(parts, broadcast_ids, channels)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, speaking.stop)
        return await speaking.run(seconds, tell)

    try:
        standing = asyncio.run(work())
    except DBAPIError as error:
        say(f"The database went away: {type(error.orig).__name__}. What became of the rest is not known here.")
        return False
    tell(standing)
    done = all_out(standing)
    say("All out." if done else "NOT all of it is out. See above; the record has each one.")
    return done


def continue_sending(settings: Settings, say: Say, minutes: float) -> bool:
    """Go on with everything unfinished in this machine's journals. True when all of it is out."""
    if stranger := machine.stranger_to(settings.data_dir):
        raise Refused([f"run this as the user {stranger}, who owns {settings.data_dir}"])
    lend_demo_secrets(settings)
    folder, proof, done = Folder(settings.data_dir), Proof.of(settings), True
    if not folder.waiting():
        say("No journal waits here.")
        return True
    with quiet(folder):
        for path in folder.waiting():
            try:
                demand_private(path)
                with folder.speaking(path):
                    done &= _continue(settings, path, proof, say, minutes)
            except (NotTrusted, Busy) as error:
                raise Refused([f"{path.name}: {error}"]) from None
    return done


def _continue(settings: Settings, path: Path, proof: Proof, say: Say, minutes: float) -> bool:
    parts = place.on_file(settings, path)
    try:
        with parts.database.reading() as session:
            journal.demand_whole(session, proof)
            unfinished = journal.unfinished(session)
            keys_of = {key for broadcast in unfinished for key in broadcast.accounts}
        if not unfinished:
            return True
        channels, closed = open_channels(parts, [one for one in settings.accounts if one.key in keys_of])
        for key, why in closed.items():
            say(f"{key} can't be used from here: {why}")
        return speak(parts, [broadcast.id for broadcast in unfinished], channels, minutes * 60, say)
    finally:
        parts.close()


def lend_demo_secrets(settings: Settings) -> None:
    """Accounts that talk to the simulator on this machine get its public keys, so that the card can be practised."""
    os.environ.update(keys.demo_secrets(settings, os.environ))


@contextlib.contextmanager
def quiet(folder: Folder) -> Iterator[None]:
    """The log goes to a file, so that the screen holds nothing but what the operator must read."""
    folder.prepare()
    root = logging.getLogger()
    before, handlers = structlog.get_config(), root.handlers[:]
    number = os.open(folder.root / "send.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, PRIVATE_FILE)
    with os.fdopen(number, "a") as file:
        logs.set_up("terminal")
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(file))
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(file)
        try:
            yield
        finally:
            structlog.configure(**before)
            root.handlers[:] = handlers
