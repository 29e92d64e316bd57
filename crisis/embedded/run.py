"""`crisis run`: everything on one machine, from an empty folder to a console that answers, and back down again.

The order is the point: whatever can be wrong is found before anything is started, and nothing is left behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crisis import migrations, runtime
from crisis.db import Database
from crisis.embedded import keys, redis, seed
from crisis.embedded.ports import Ports, check_free, ports, with_ports
from crisis.embedded.programs import console_address, programs, public_pages
from crisis.embedded.seed import DemoUser
from crisis.embedded.supervise import Supervisor
from crisis.models import utcnow
from crisis.playbooks.read import read_all
from crisis.settings import Settings, SettingsError

READY_SECONDS = 90.0
LOOK_SECONDS = 0.25
EXAMPLE = Path("crisis.example.toml")

Say = Callable[[str], None]


def run(path: Path, wanted: dict[str, int | None], say: Say) -> int:
    """Run until told to stop; the exit status. Raises `SettingsError` or `NoRedis` before anything is started."""
    _ensure_settings(path, say)
    settings = runtime.load(path)
    chosen = _chosen(ports(settings), wanted)
    with _alone(settings.data_dir):
        if (text := with_ports(settings, chosen)) is not None:
            path = settings.data_dir / "run" / "crisis.toml"
            path.write_text(text)
            settings = runtime.load(path)
        check_free(settings)
        if keys.make_secret_key(settings):
            say(f"Made a secret key: {settings.console.secret_key.file}")
        public_pages(settings).mkdir(parents=True, exist_ok=True)
        people = prepare(settings, say)
        own = None
        if settings.redis_url:
            redis.ping(settings.redis_url)
        else:
            own = redis.prepare(settings.data_dir / "redis", redis.find_server())
        environment = {**os.environ, "CRISIS_SETTINGS": str(path.resolve()), "PYTHONUNBUFFERED": "1"}
        environment |= keys.demo_secrets(settings, environment)
        if own is not None:
            environment["REDIS_URL"] = own.url
        supervisor = Supervisor(settings.data_dir, programs(settings, chosen, own), say)
        waiting = {"console": f"{console_address(settings)}/healthz"}
        if chosen.simulator is not None:
            waiting["simulator"] = f"http://127.0.0.1:{chosen.simulator}/"
        return _supervise(supervisor, environment, waiting, welcome(settings, chosen, people, supervisor.logs), say)


def prepare(settings: Settings, say: Say) -> list[DemoUser]:
    """Bring the database up to date and, in a demo, put people in. Gives the demo's users."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(database_url(settings))
    try:
        before, after = migrations.upgrade(database)
    finally:
        database.close()
    if before != after:
        say(f"Database brought from revision {before or 'nothing'} to {after}")
    parts = runtime.start(settings)
    try:
        with parts.database.reading() as session:
            there = seed.users(session, settings, parts.seal)
        if reason := seed.why_not(settings):
            if there:
                raise seed.refusal(reason)
            say(f"No demo users: {reason}.")
            return []
        shelf = read_all(settings.playbooks_dir)
        with parts.database.writing() as session:
            if seed.seed(session, settings, parts.seal, shelf, utcnow()):
                say("Demo people and sign-offs added")
        with parts.database.reading() as session:
            return seed.users(session, settings, parts.seal)
    finally:
        parts.close()


def database_url(settings: Settings) -> str:
    return settings.database_url or f"sqlite:///{settings.data_dir / 'crisis.db'}"


def _ensure_settings(path: Path, say: Say) -> None:
    if path.exists():
        return
    if not EXAMPLE.exists():
        raise SettingsError([f"there is no {path} here; run this in the project's folder, or name one with --settings"])
    text = EXAMPLE.read_text()
    if shutil.which("openssl") is None:
        # The simulator makes its certificate with it.
        text = text.replace('tls = "starttls"', 'tls = "none"')
    path.write_text(text)
    say(f"Wrote {path}, the demo's settings, from {EXAMPLE}")


def _chosen(now: Ports, wanted: dict[str, int | None]) -> Ports:
    return Ports(
        wanted.get("console") or now.console,
        now.simulator and (wanted.get("simulator") or now.simulator),
        now.mail and (wanted.get("mail") or now.mail),
        now.mailbox and (wanted.get("mailbox") or now.mailbox),
    )


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the folder: two installations in one would drive two Redis servers over the same files."""
    run_dir = data_dir / "run"
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise SettingsError(
                [f"`crisis run` runs already in {data_dir} (process {lock.read().strip() or 'unknown'}); stop it first"]
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Told:
    """Whether a signal has told us to stop. A plain value: an Event's lock, taken again by a second signal, is for ever."""

    def __init__(self) -> None:
        self.to_stop = False

    def stop(self, *_signal: object) -> None:
        self.to_stop = True

    def wait(self, seconds: float) -> bool:
        if not self.to_stop:
            time.sleep(seconds)
        return self.to_stop


def _supervise(
    supervisor: Supervisor, environment: dict[str, str], waiting: dict[str, str], welcome: Iterator[str], say: Say
) -> int:
    told = Told()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, told.stop)
    say("Starting ...")
    try:
        supervisor.start(environment)
        if not _wait_for(waiting, supervisor, told, say):
            return 0 if told.to_stop else 1
        for line in welcome:
            say(line)
        while not told.wait(LOOK_SECONDS):
            supervisor.look()
            if not supervisor.alive():
                say(f"The supervisor ended by itself; see {supervisor.log('supervisor')}")
                return 1
        return 0
    finally:
        say("Stopping ...")
        supervisor.stop()
        say("Stopped.")


def _wait_for(waiting: dict[str, str], supervisor: Supervisor, told: Told, say: Say) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while waiting:
        if told.wait(LOOK_SECONDS):
            return False
        supervisor.look()
        waiting = {name: url for name, url in waiting.items() if not _answers(url)}
        if waiting and (not supervisor.alive() or time.monotonic() > deadline):
            for name in waiting if supervisor.alive() else ["supervisor"]:
                say(f"The {name} does not answer. The end of {supervisor.log(name)}:\n{supervisor.last_words(name)}")
            return False
    return True


def _answers(url: str) -> bool:
    try:
        # Never through a proxy: it is this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


def welcome(settings: Settings, used: Ports, people: list[DemoUser], logs: Path) -> Iterator[str]:
    """What the screen says when everything is up."""
    yield f"\nCrisis runs. The console:      {console_address(settings)}/"
    if used.simulator is not None:
        yield f"What the world sees (pretend): http://127.0.0.1:{used.simulator}/"
    for account in settings.accounts:
        if account.channel == "page" and account.mode == "live":
            url = account.options.public_url
            yield f"Public pages of {account.unit}:{' ' * max(1, 15 - len(account.unit))}{url}/"
    if people:
        yield f"\nSign in (demo only; everybody's password is {seed.PASSWORD}):"
        yield f"  {'login':<16} {'code now':<10} {'key for an authenticator app':<34} who"
        for user in people:
            yield f"  {user.login:<16} {user.code():<10} {user.secret:<34} {user.duty}, {user.unit}"
        yield "  Codes change every 30 seconds: `crisis demo-code LOGIN` shows the next (.venv/bin/crisis, if not found)."
    yield f"\nLogs are in {logs}/. Ctrl-C stops everything.\n"
