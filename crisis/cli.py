"""The `crisis` command: start things, check things, put things right from a terminal.

Expected trouble is one clear line on standard error and exit status 1; a traceback means a defect.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import click

from crisis import audit, migrations, passwords, runtime
from crisis.actor import Actor
from crisis.breakglass import command as breakglass
from crisis.embedded import commands, keys, seed
from crisis.embedded.commands import open_database, running
from crisis.embedded.redis import NoRedis
from crisis.embedded.users import BadUser, add_user, reset_totp
from crisis.models import AuditHead
from crisis.playbooks import check as playbook_check
from crisis.playbooks import paper
from crisis.playbooks.read import read_all
from crisis.seal import BrokenSeal
from crisis.settings import SettingsError
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


for _command in (
    commands.run,
    commands.console,
    commands.simulator,
    commands.pulse,
    commands.demo_code,
    *breakglass.COMMANDS,
):
    cli.add_command(_command)


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
    database = open_database(runtime.load(path))
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
    """Do they read, and does every text fit every channel? [FOLDER] [--quiet]"""
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
    with running(path) as parts, parts.database.reading() as session:
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
    with running(path) as parts, parts.database.writing() as session:
        password = add_user(session, _operator(), login, name, roles=roles, language=language)
    _tell_password(login, password)


@user.command("reset-totp")
@click.argument("login")
@click.pass_obj
def user_reset_totp(path: Path, login: str) -> None:
    """Somebody lost their phone: end their sign-ins, and let them enrol anew with the password printed here."""
    with running(path) as parts, parts.database.writing() as session:
        password = reset_totp(session, _operator(), login)
    _tell_password(login, password)


def _tell_password(login: str, password: str) -> None:
    hours = int(passwords.ONE_TIME_FOR.total_seconds() // 3600)
    click.echo(f"One-time password for {login}: {password}")
    click.echo(f"It is good for {hours} hours.")
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


if __name__ == "__main__":
    main()
