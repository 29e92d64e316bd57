"""Break-glass from the command line: `crisis send`, and what keeps it ready (`crisis copy`, `crisis journal`).

`crisis/cli.py` puts them under the `crisis` command. Exit status of sending: 0 all out, 1 refused, 3 something is
uncertain, failed or still waiting.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from crisis import runtime
from crisis.breakglass import journal, late_receipts, local_copy, machine, place
from crisis.breakglass.folder import MERGING, Busy, Folder, NotTrusted
from crisis.breakglass.merge import merge_all
from crisis.breakglass.operator import Operator, Unclear, continue_sending
from crisis.breakglass.proof import Proof
from crisis.breakglass.request import Refused, Request
from crisis.models import utcnow
from crisis.settings import SettingsError
from crisis.states import Mode, NotAllowed

REFUSED, NOT_ALL_OUT = 1, 3


@click.command()
@click.argument("playbook")
@click.argument("message")
@click.option("--unit", required=True, metavar="KEY", help="The unit that speaks.")
@click.option("--slot", "slots", multiple=True, metavar="NAME=VALUE", help="A fill-in; may be repeated.")
@click.option("--incident", required=True, metavar="TITLE|ID", help="An open incident, or the title of a new one.")
@click.option("--live", is_flag=True, help="Real people get it.")
@click.option("--drill", is_flag=True, help="Only drill accounts are used.")
@click.option("--as", "login", required=True, metavar="LOGIN", help="The officer whose password will be asked for.")
@click.option("--channel", "channels", multiple=True, help="Only this channel; may be repeated. Else the playbook's.")
@click.option("--audience", "audiences", multiple=True, help="This group; may be repeated. Else the playbook's.")
@click.option("--minutes", type=click.FloatRange(0.1, 1440), help="How long to send and wait, at most.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input (also CRISIS_PASSWORD).")
@click.option("--yes-i-mean-it", "phrase", metavar="PHRASE", help="The phrase, for use without a keyboard.")
@click.pass_obj
def send(  # one parameter for each option
    path: Path,
    playbook: str,
    message: str,
    unit: str,
    slots: tuple[str, ...],
    incident: str,
    live: bool,
    drill: bool,
    login: str,
    channels: tuple[str, ...],
    audiences: tuple[str, ...],
    minutes: float | None,
    password_stdin: bool,
    phrase: str | None,
) -> None:
    """Release a signed-off message straight from this machine, without console and Redis, and if need be without the database."""
    try:
        asked = Request(
            playbook, message, unit, _mode(live=live, drill=drill), incident, login, _filled(slots), channels, audiences
        )
        password = sys.stdin.readline().rstrip("\n") if password_stdin else os.environ.get("CRISIS_PASSWORD")
        told = runtime.load(path)
        operator = Operator(told, say=click.echo, password=password, phrase=phrase)
        all_out = operator.send(asked, minutes)
    except (Refused, NotAllowed, SettingsError, journal.Forged) as error:
        _refuse(error)
    except Unclear as error:
        for line in str(error).splitlines():
            click.echo(f"crisis: {line}", err=True)
        sys.exit(NOT_ALL_OUT)
    except click.Abort:
        _refuse(Refused(["nothing was typed"]))
    else:
        sys.exit(0 if all_out else NOT_ALL_OUT)


def _mode(*, live: bool, drill: bool) -> Mode:
    if live is drill:
        raise Refused(["say whether it is real: either --live or --drill"])
    return Mode.LIVE if live else Mode.DRILL


def _filled(slots: tuple[str, ...]) -> dict[str, str]:
    wrong = [slot for slot in slots if "=" not in slot]
    if wrong:
        raise Refused([f"--slot {slot}: write it as name=value" for slot in wrong])
    pairs = [slot.split("=", 1) for slot in slots]
    names = [name.strip() for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused([f"--slot {name} is there twice" for name in twice])
    return {name.strip(): value for name, value in pairs}


def _refuse(error: Exception) -> None:
    for line in str(error).splitlines():
        click.echo(f"crisis: {line}", err=True)
    click.echo("crisis: nothing was sent", err=True)
    sys.exit(REFUSED)


@click.group("copy")
def copy_group() -> None:
    """The copy on this machine of what break-glass needs when the database is away."""


@copy_group.command("refresh")
@click.pass_obj
def copy_refresh(path: Path) -> None:
    """Make it anew, now. The clock does it every `emergency_copy_minutes`."""
    told = runtime.load(path)
    folder = Folder(told.data_dir)
    parts = _main(path)
    try:
        counts = local_copy.refresh(parts.database, folder, utcnow())
    except (local_copy.NothingToCopy, Busy, NotTrusted) as error:
        raise SettingsError([str(error)]) from None
    finally:
        parts.close()
    click.echo(f"{folder.copy}: {', '.join(f'{count} {name}' for name, count in counts.items())}")


@click.group("journal")
def journal_group() -> None:
    """What break-glass wrote down on this machine while the database was away."""


@journal_group.command("list")
@click.pass_obj
def journal_list(path: Path) -> None:
    """Which journals wait, and how old the copy is."""
    folder = Folder(runtime.load(path).data_dir)
    try:
        copied_at = local_copy.seen_at(folder)
    except NotTrusted as error:
        raise SettingsError([str(error)]) from None
    click.echo(f"the local copy was made {copied_at:%Y-%m-%d %H:%M} UTC" if copied_at else "there is no local copy")
    for known in folder.to_merge():
        click.echo(f"{known.name}: {'being merged' if known.suffix == MERGING else 'waits to be merged'}")


@journal_group.command("merge")
@click.pass_obj
def journal_merge(path: Path) -> None:
    """Bring what waits into the database; the clock does it at its start and each minute. Safe to run twice."""
    parts = _main(path)
    trouble = 0
    try:
        folder, proof = Folder(parts.settings.data_dir), Proof.of(parts.settings)
        for merged in merge_all(parts.database, folder, machine.here(), proof):
            rows = ", ".join(f"{count} {name}" for name, count in merged.counts.items() if count)
            what = "was merged before" if merged.already else f"merged: {rows}"
            click.echo(f"{merged.path.stem}: {merged.trouble or what}", err=bool(merged.trouble))
            trouble += bool(merged.trouble)
        with parts.database.writing() as session:
            late_receipts.apply(session, utcnow())
    except NotTrusted as error:
        raise SettingsError([str(error)]) from None
    finally:
        parts.close()
    if trouble:
        sys.exit(1)


@journal_group.command("continue")
@click.option("--minutes", type=click.FloatRange(0.1, 1440), default=15, show_default=True)
@click.pass_obj
def journal_continue(path: Path, minutes: float) -> None:
    """The database is still away and sending was interrupted: go on with what was released from this machine."""
    try:
        all_out = continue_sending(runtime.load(path), click.echo, minutes)
    except (Refused, journal.Forged) as error:
        for line in str(error).splitlines():
            click.echo(f"crisis: {line}", err=True)
        sys.exit(REFUSED)
    sys.exit(0 if all_out else NOT_ALL_OUT)


def _main(path: Path) -> runtime.Runtime:
    told = runtime.load(path)
    if stranger := machine.stranger_to(told.data_dir):
        raise SettingsError([f"run this as the user {stranger}, who owns {told.data_dir}"])
    try:
        return place.main(told)
    except place.Away as away:
        raise SettingsError([f"the database can't be used: {away}"]) from None


COMMANDS: tuple[click.Command, ...] = (send, copy_group, journal_group)
