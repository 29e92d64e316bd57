"""What is asked for on the command line, checked whole: every mistake at once, before anything is written.

Only what one officer may release alone passes. There is no way around a missing signature here: that takes a second person
and the console.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.breakglass.machine import officer
from crisis.broadcasts import authority
from crisis.broadcasts.compose import channels_of, compose
from crisis.broadcasts.reach import receivers
from crisis.models import Account, Broadcast, Group, Incident, Unit, User, new_id
from crisis.playbooks.playbook import Playbook
from crisis.playbooks.read import Shelf
from crisis.playbooks.slots import BadSlot, check_all
from crisis.settings import LANGUAGES, Settings, UnitSettings
from crisis.states import Mode, Purpose


class Refused(Exception):
    """Nothing was sent; `mistakes` says why, one sentence each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator typed."""

    playbook: str
    message: str
    unit: str
    mode: Mode
    incident: str  # title or id
    login: str
    slots: Mapping[str, str] = field(default_factory=dict)
    channels: Sequence[str] = ()  # none: the playbook's own
    audiences: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that may be released, with what its words were found to mean."""

    request: Request
    playbook: Playbook
    unit: UnitSettings
    unit_id: uuid.UUID
    user_id: uuid.UUID
    accounts: Sequence[str]
    audiences: Sequence[str]
    incident_id: uuid.UUID | None  # None: a new one is opened


def check(session: Session, settings: Settings, shelf: Shelf, request: Request, now: datetime) -> Checked:
    """Raises `Refused` with everything that stands in the way. Reads only."""
    found = _Findings()
    unit = next((one for one in settings.units if one.key == request.unit), None)
    row = session.scalar(select(Unit).where(Unit.key == request.unit)) if unit else None
    playbook = _playbook(found, shelf, request)
    if unit is None or row is None:
        found.wrong(f"there is no unit '{request.unit}'; known are {_list(one.key for one in settings.units)}")
        raise Refused(found.mistakes)
    user = _officer(found, session, request, row)
    incident = _incident(found, session, request, row)
    if playbook is None:
        raise Refused(found.mistakes)
    if playbook.kind != unit.kind:
        found.wrong(f"playbook '{playbook.id}' is not for a {unit.kind.replace('_', ' ')} such as {unit.name}")
    accounts = _accounts(found, session, settings, request, playbook, row)
    audiences = _audiences(found, session, request, playbook, row)
    needs = authority.needed(session, row.id, unit, playbook, request.message, now)
    if needs.needs != "single":
        found.wrong(f"one officer may not release this: {needs.why}; release it in the console with a second person")
    _words(found, session, settings, request, playbook, row, accounts, audiences, now)
    if found.mistakes or user is None:
        raise Refused(found.mistakes)
    return Checked(request, playbook, unit, row.id, user.id, [account.key for account in accounts], audiences, incident)


class _Findings:
    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def wrong(self, say: str) -> None:
        self.mistakes.append(say)


def _playbook(found: _Findings, shelf: Shelf, request: Request) -> Playbook | None:
    playbook = shelf.playbooks.get(request.playbook)
    if playbook is None:
        broken = any(name.removesuffix(".toml") == request.playbook for name in shelf.broken)
        why = "can't be read; `crisis playbooks check` says why" if broken else "is not there"
        found.wrong(f"playbook '{request.playbook}' {why}; known are {_list(shelf.playbooks)}")
    elif request.message not in playbook.messages:
        found.wrong(f"playbook '{playbook.id}' has no message '{request.message}'; it has {_list(playbook.messages)}")
    else:
        return playbook
    return None


def _officer(found: _Findings, session: Session, request: Request, unit: Unit) -> User | None:
    user = officer(session, request.login, unit.id)
    if user is None:
        found.wrong(f"'{request.login}' is nobody with the officer role in unit '{unit.key}'")
    return user


def _incident(found: _Findings, session: Session, request: Request, unit: Unit) -> uuid.UUID | None:
    """The open incident meant: by its id, or by its whole title; None for a title nobody has used."""
    title = " ".join(request.incident.split())
    mine = select(Incident).where(Incident.unit_id == unit.id, Incident.closed_at.is_(None))
    try:
        named = session.scalar(mine.where(Incident.id == uuid.UUID(title)))
    except ValueError:
        same = [one for one in session.scalars(mine) if one.title.casefold() == title.casefold()]
        same = [one for one in same if one.mode is request.mode]
        if len(same) > 1:
            found.wrong(f"{len(same)} open incidents are called '{title}'; give an id: {_list(i.id for i in same)}")
        elif not title:
            found.wrong("give the incident a title, so that colleagues recognise it")
        elif len(title) > 120:
            found.wrong(f"the title of the incident is {len(title) - 120} characters too long")
        return same[0].id if same else None
    if named is None:
        found.wrong(f"there is no open incident {title} in unit '{unit.key}'")
    elif named.mode is not request.mode:
        found.wrong(f"incident '{named.title}' is {named.mode}, and stays so; you asked for {request.mode}")
    return named.id if named else None


def _accounts(
    found: _Findings, session: Session, settings: Settings, request: Request, playbook: Playbook, unit: Unit
) -> list[Account]:
    # By the settings, because the local copy knows of no fallbacks: one that is kept for another would say it twice.
    told = {account.key: account for account in settings.accounts}
    kept = {one.fallback for one in told.values() if one.fallback in told and told[one.fallback].channel == one.channel}
    usable = [
        account
        for account in session.scalars(
            select(Account)
            .where(Account.unit_id == unit.id, Account.mode == request.mode, Account.active)
            .order_by(Account.key)
        )
        if account.key in told and account.key not in kept
    ]
    wanted = list(request.channels or playbook.messages[request.message].channels)
    for name in request.channels:
        if name not in channels_of(usable):
            found.wrong(
                f"unit '{unit.key}' has no {request.mode} account for '{name}'; it has {_list(channels_of(usable))}"
            )
    chosen = [account for account in usable if account.channel in wanted]
    if not chosen and not request.channels:
        found.wrong(f"unit '{unit.key}' has no {request.mode} account for this message")
    return chosen


def _audiences(found: _Findings, session: Session, request: Request, playbook: Playbook, unit: Unit) -> list[str]:
    groups = set(session.scalars(select(Group.key).where(Group.unit_id == unit.id)))
    for name in request.audiences:
        if name not in groups:
            found.wrong(f"unit '{unit.key}' has no group '{name}'; it has {_list(sorted(groups))}")
    return list(dict.fromkeys(request.audiences or playbook.messages[request.message].audiences))


def _words(
    found: _Findings,
    session: Session,
    settings: Settings,
    request: Request,
    playbook: Playbook,
    unit: Unit,
    accounts: Sequence[Account],
    audiences: Sequence[str],
    now: datetime,
) -> None:
    """Would the texts fit, and would anybody get them? Asked of a broadcast that is never stored."""
    bad: dict[str, BadSlot] = {}
    for language in LANGUAGES:
        bad |= check_all(playbook, request.message, request.slots, language, settings.unit(unit.key).link_domains)[1]
    known = playbook.slots_of(request.message)
    for name, error in bad.items():
        hint = f"; it has {_list(known)}" if error.key == "unknown" else ""
        found.wrong(f"slot {name}: {error.say}{hint}")
    if bad or not accounts:
        return
    imagined = Broadcast(
        incident_id=new_id(), unit_id=unit.id, mode=request.mode, purpose=Purpose.STATEMENT, playbook=playbook.id,
        message=request.message, phase=playbook.messages[request.message].phase, slots=dict(request.slots),
        audiences=list(audiences), accounts=[account.key for account in accounts], edits={},
    )  # fmt: skip
    composed = compose(settings, playbook, imagined, unit.key, channels_of(accounts), now)
    for problem in composed.problems:
        found.wrong(str(problem))
    if not receivers(session, imagined, accounts, None):
        found.wrong("nobody would get this; choose audiences or channels")


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
