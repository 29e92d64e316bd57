"""The `crisis` command: start things, check things, put things right from a terminal.

Expected trouble is one clear line on standard error and exit status 1; a traceback means a defect.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from crisis import audit, migrations, runtime
from crisis.actor import Actor
from crisis.db import Database
from crisis.embedded import keys, programs, seed
from crisis.embedded import run as embedded
from crisis.embedded.redis import NoRedis
from crisis.embedded.users import BadUser, add_user, reset_totp
from crisis.models import AuditHead
from crisis.playbooks import check as playbook_check
from crisis.playbooks import paper
from crisis.playbooks.read import read_all
from crisis.runtime import Runtime
from crisis.seal import BrokenSeal
from crisis.settings import Settings, SettingsError
from crisis.simulator.__main__ import main as simulator_main
from crisis.states import Role

EXPECTED = (SettingsError, NoRedis, BadUser, BrokenSeal)


def main() -> None:
    """The entry point: expected trouble becomes words."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EXPECTED as error:
        for line in str(error).splitlines():
            click.echo(f"crisis: {line}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--settings",
    "path",
    type=click.Path(path_type=Path),
    default=Path("crisis.toml"),
    envvar="CRISIS_SETTINGS",
    show_default=True,
    help="The settings file (also CRISIS_SETTINGS).",
)
@click.pass_context
def cli(context: click.Context, path: Path) -> None:
    """Crisis communication: start it, check it, put it right."""
    context.obj = path


@cli.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", help="Console port for this run (also PORT).")
@click.option("--simulator-port", type=click.IntRange(1, 65535), help="The simulator's web port for this run.")
@click.option("--mail-port", type=click.IntRange(1, 65535), help="The simulator's mail port for this run.")
@click.pass_obj
def run(path: Path, port: int | None, simulator_port: int | None, mail_port: int | None) -> None:
    """Everything on this machine: database, Redis, console, senders, simulator; Ctrl-C stops it."""
    wanted = {"console": port, "simulator": simulator_port, "mail": mail_port}
    sys.exit(embedded.run(path, wanted, click.echo))


@cli.group()
def settings() -> None:
    """The settings file."""


@settings.command("check")
@click.pass_obj
def settings_check(path: Path) -> None:
    """Read the settings and every secret they name; all mistakes at once."""
    told = runtime.load(path)
    mistakes: list[str] = []
    notes: list[str] = []
    demo = seed.why_not(told) is None
    for where, ref in keys.all_references(told):
        try:
            ref.reveal()
        except SettingsError as error:
            # What `crisis run` makes by itself is not missing.
            (notes if demo else mistakes).append(f"{where}: {error}")
    if mistakes:
        raise SettingsError(mistakes)
    click.echo(f"{path}: {len(told.units)} units, {len(told.accounts)} accounts, no mistakes")
    if notes:
        click.echo(f"{len(notes)} secrets are not set here; this is a demo, and `crisis run` sets them")


@cli.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@click.pass_obj
def db_upgrade(path: Path) -> None:
    """Create the tables or bring them up to date. Safe to run twice. Take a copy of a real database first."""
    database = _database(runtime.load(path))
    try:
        before, after = migrations.upgrade(database)
    finally:
        database.close()
    click.echo(f"the database is at revision {after}" + ("" if before == after else f" (was {before or 'empty'})"))


@cli.group()
def playbooks() -> None:
    """The playbooks."""


@playbooks.command("check", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def playbooks_check(path: Path, arguments: tuple[str, ...]) -> None:
    """Do they read, and does every text fit every channel? [FOLDER] [--sizes]"""
    folder = [] if any(not word.startswith("-") for word in arguments) else [str(_playbooks_folder(path))]
    sys.exit(playbook_check.main([*folder, *arguments]))


@playbooks.command("show")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to the screen.")
@click.option("--unit", "unit_key", help="Key of the unit to print for; the first one if left out.")
@click.option("--language", type=click.Choice(["nb", "nn", "en"]), help="Language of the booklet; the unit's own.")
@click.pass_obj
def playbooks_show(path: Path, out: Path | None, unit_key: str | None, language: str | None) -> None:
    """The paper edition: every playbook of a unit as one page to print."""
    told = runtime.load(path)
    unit = next((unit for unit in told.units if unit_key in {None, unit.key}), None)
    if unit is None:
        raise SettingsError([f"there is no unit '{unit_key}'; known are {', '.join(u.key for u in told.units)}"])
    shelf = read_all(told.playbooks_dir)
    if shelf.broken:
        raise SettingsError([f"{len(shelf.broken)} playbooks can't be read; run `crisis playbooks check`"])
    mine = [playbook for playbook in shelf.playbooks.values() if playbook.kind == unit.kind]
    today = datetime.now(unit.tz).date()
    html = paper.edition(mine, unit.name, today, language or unit.language)  # type: ignore[arg-type]  # click checked it
    if out is None:
        click.echo(html)
    else:
        out.write_text(html)
        click.echo(f"wrote {out}: {len(mine)} playbooks for {unit.name}; print it and put it in the binder")


@cli.group("audit")
def audit_group() -> None:
    """The record of who did what."""


@audit_group.command("verify")
@click.pass_obj
def audit_verify(path: Path) -> None:
    """Is the chain of the record whole? Exit status 1 when it is not."""
    with _running(path) as parts, parts.database.reading() as session:
        findings = list(audit.verify(session))
        head = session.get(AuditHead, 1)
    for finding in findings:
        click.echo(finding, err=True)
    if findings:
        sys.exit(1)
    click.echo(f"the record is whole: {head.number if head else 0} rows, last hash {head.hash if head else 'none'}")


@cli.group()
def user() -> None:
    """Users, from a terminal; the console does it more comfortably."""


@user.command("add")
@click.argument("login")
@click.argument("name")
@click.option(
    "--role", "roles", multiple=True, required=True, metavar="UNIT:ROLE",
    help=f"What they may do, as ous:officer; may be repeated. Roles: {', '.join(Role)}.",
)  # fmt: skip
@click.option("--language", type=click.Choice(["nb", "nn", "en"]), default="nb", show_default=True)
@click.pass_obj
def user_add(path: Path, login: str, name: str, roles: tuple[str, ...], language: str) -> None:
    """Add somebody who can sign in, and print the password for their first sign-in."""
    with _running(path) as parts, parts.database.writing() as session:
        password = add_user(session, _operator(), login, name, roles=roles, language=language)
    _tell_password(login, password)


@user.command("reset-totp")
@click.argument("login")
@click.pass_obj
def user_reset_totp(path: Path, login: str) -> None:
    """Somebody lost their phone: end their sign-ins, and let them enrol anew with the password printed here."""
    with _running(path) as parts, parts.database.writing() as session:
        password = reset_totp(session, _operator(), login)
    _tell_password(login, password)


@cli.command()
@click.option("--workers", type=click.IntRange(1, 64), default=programs.CONSOLE_WORKERS, show_default=True)
@click.pass_obj
def console(path: Path, workers: int) -> None:
    """Only the console, in the foreground."""
    with _running(path) as parts:
        told = parts.settings
        with parts.database.reading() as session:
            demo_users = seed.users(session, told, parts.seal)
        if demo_users and (reason := seed.why_not(told)):
            raise seed.refusal(reason)
    os.environ["CRISIS_SETTINGS"] = str(path)
    command = programs.console_command(told, workers=workers)
    os.execv(command[0], command)  # noqa: S606 - becomes the server; no shell


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Only the pretend internet, in the foreground; takes the options of `python -m crisis.simulator`."""
    sys.exit(simulator_main(list(arguments)))


@cli.command("demo-code")
@click.argument("login", required=False)
@click.pass_obj
def demo_code(path: Path, login: str | None) -> None:
    """The code an authenticator app would show now, for one of the demo's users or for all."""
    with _running(path) as parts, parts.database.reading() as session:
        users = seed.users(session, parts.settings, parts.seal)
    if not users:
        raise SettingsError(["there is no demo here; `make run` in a fresh checkout makes one"])
    chosen = [known for known in users if login in {None, known.login}]
    if not chosen:
        raise SettingsError([f"'{login}' is no demo user; there are {', '.join(known.login for known in users)}"])
    left = 30 - datetime.now(UTC).second % 30
    for known in chosen:
        click.echo(f"{known.login:<16} {known.code()}   good for {left} more seconds, once; key {known.secret}")


def _tell_password(login: str, password: str) -> None:
    click.echo(f"One-time password for {login}: {password}")
    click.echo(
        "Give it to them in person or by phone. At their first sign-in they choose their own and set up their app."
    )


def _operator() -> Actor:
    """Whoever types here: the machine's user, who holds the database anyway."""
    return Actor(
        None,
        f"{os.environ.get('SUDO_USER') or os.environ.get('USER') or os.environ.get('LOGNAME') or 'root'} (terminal)",
    )


def _playbooks_folder(path: Path) -> Path:
    return runtime.load(path).playbooks_dir if path.exists() else Path("playbooks")


def _database(told: Settings) -> Database:
    return Database(embedded.database_url(told))


@contextmanager
def _running(path: Path) -> Iterator[Runtime]:
    """The parts, on a database that is up to date."""
    told = runtime.load(path)
    database = _database(told)
    try:
        migrations.demand_current(database)
    finally:
        database.close()
    parts = runtime.start(told)
    try:
        yield parts
    finally:
        parts.close()


if __name__ == "__main__":
    main()
