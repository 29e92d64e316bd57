"""The commands of one machine: start everything or one part of it, see who is alive, sign in to the demo.

`crisis/cli.py` puts them under the `crisis` command and turns their expected trouble into words.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import select

from crisis import migrations, runtime
from crisis.db import Database
from crisis.embedded import programs, seed
from crisis.embedded import run as embedded
from crisis.models import Heartbeat, utcnow
from crisis.runtime import Runtime
from crisis.sending.pulse import STUCK_JOURNAL
from crisis.settings import Settings, SettingsError
from crisis.simulator.__main__ import main as simulator_main

SILENT_SECONDS = 30


def open_database(told: Settings) -> Database:
    return Database(embedded.database_url(told))


@contextmanager
def running(path: Path) -> Iterator[Runtime]:
    """The parts, on a database that is up to date."""
    told = runtime.load(path)
    database = open_database(told)
    try:
        migrations.demand_current(database)
    finally:
        database.close()
    parts = runtime.start(told)
    try:
        yield parts
    finally:
        parts.close()


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", help="Console port for this run (also PORT).")
@click.option("--simulator-port", type=click.IntRange(1, 65535), help="The simulator's web port for this run.")
@click.option("--mail-port", type=click.IntRange(1, 65535), help="The simulator's mail port for this run.")
@click.option("--mailbox-port", type=click.IntRange(1, 65535), help="The simulator's IMAP port for this run.")
@click.pass_obj
def run(
    path: Path, port: int | None, simulator_port: int | None, mail_port: int | None, mailbox_port: int | None
) -> None:
    """Everything on this machine: database, Redis, console, senders, simulator; Ctrl-C stops it."""
    wanted = {"console": port, "simulator": simulator_port, "mail": mail_port, "mailbox": mailbox_port}
    sys.exit(embedded.run(path, wanted, click.echo))


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=programs.CONSOLE_WORKERS, show_default=True)
@click.pass_obj
def console(path: Path, workers: int) -> None:
    """Only the console, in the foreground."""
    with running(path) as parts:
        told = parts.settings
        with parts.database.reading() as session:
            demo_users = seed.users(session, told, parts.seal)
        if demo_users and (reason := seed.why_not(told)):
            raise seed.refusal(reason)
    os.environ["CRISIS_SETTINGS"] = str(path)
    command = programs.console_command(told, workers=workers)
    os.execv(command[0], command)  # noqa: S606 - becomes the server; no shell


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Only the pretend internet, in the foreground; takes the options of `python -m crisis.simulator`."""
    sys.exit(simulator_main(list(arguments)))


@click.command()
@click.argument("kind", required=False, type=click.Choice(["sender-live", "sender-drill", "listener", "clock"]))
@click.pass_obj
def pulse(path: Path, kind: str | None) -> None:
    """Which processes are alive? With KIND: exit status 1 unless one of that kind is alive on this machine."""
    database = open_database(runtime.load(path))
    migrations.demand_current(database)
    with database.reading() as session:
        processes = select(Heartbeat).where(Heartbeat.kind != STUCK_JOURNAL)
        beats = session.scalars(processes.order_by(Heartbeat.process)).all()
    database.close()
    now, alive = utcnow(), False
    for beat in beats:
        age = (now - beat.at).total_seconds()
        ours = beat.process.partition("@")[2].rpartition(":")[0] == socket.gethostname()
        alive |= age < SILENT_SECONDS and (kind is None or (beat.kind == kind and ours))
        click.echo(f"{beat.process:<50} {'alive' if age < SILENT_SECONDS else 'SILENT'}, last heard {age:.0f} s ago")
    if not alive:
        raise SettingsError([f"no {kind or 'process'} has been heard in the last {SILENT_SECONDS} seconds"])


@click.command("demo-code")
@click.argument("login", required=False)
@click.pass_obj
def demo_code(path: Path, login: str | None) -> None:
    """The code an authenticator app would show now, for one of the demo's users or for all. A code is good once."""
    with running(path) as parts, parts.database.reading() as session:
        users = seed.users(session, parts.settings, parts.seal)
    if not users:
        raise SettingsError(["there is no demo here; `make run` in a fresh checkout makes one"])
    chosen = [known for known in users if login in {None, known.login}]
    if not chosen:
        raise SettingsError([f"'{login}' is no demo user; there are {', '.join(known.login for known in users)}"])
    for known in chosen:
        click.echo(
            f"{known.login:<16} {known.code()}  (used already? {known.code(ahead=1)} works too)  key {known.secret}"
        )
