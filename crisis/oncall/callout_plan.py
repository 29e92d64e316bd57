"""Preparing a call-out: whom it asks for, by which ways, and its words as a draft. Nobody is asked here.

The words are a broadcast like any other: from a signed-off playbook, or read by a second person. Takes a session and
never commits; letting it go is `callout`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import Actor
from crisis.broadcasts.draft import usable_accounts
from crisis.channels.registry import FACTS
from crisis.models import Account, Broadcast, CallOut, Group, Incident, Need
from crisis.playbooks.playbook import Playbook
from crisis.states import BroadcastState, CallOutState, NotAllowed, Purpose, Role

USUAL_WAYS = ("voice", "sms", "whatsapp", "email")
MOST_NEEDED = 2_000
MOST_NEEDS = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an officer asks for."""

    title: str
    needs: Sequence[tuple[str, int, datetime | None]]  # skill (empty: anybody), how many, by when
    groups: Sequence[str] = ()
    site: str = ""
    ways: Sequence[str] = ()
    tries: int = 4
    again_seconds: int = 180
    surplus: int = 150
    widen_seconds: int = 120
    override_quiet: bool = True
    needs_pin: bool = False
    slots: Mapping[str, str] | None = None  # of the message; None: left as they are


def plan(
    session: Session, actor: Actor, incident: Incident, playbook: Playbook, message_key: str, wanted: Wanted
) -> CallOut:
    """A call-out being prepared: its words as a draft, its needs, nobody asked. Raises `NotAllowed`."""
    actor.demand(Role.OFFICER, incident.unit_id)
    if incident.closed_at is not None:
        raise NotAllowed("the incident is closed; open a new one")
    message = playbook.messages.get(message_key)
    if message is None:
        raise NotAllowed("the playbook no longer has this message")
    if message.phase != "call_out":
        raise NotAllowed("this message speaks to the public; choose one that calls people in")
    _demand_a_group(session, incident, wanted)
    accounts = speaking(session, incident)
    ways = [way for way in (wanted.ways or USUAL_WAYS) if way in {account.channel for account in accounts}]
    if not ways:
        raise NotAllowed("no account of this unit can reach a person's phone or mailbox; an administrator must add one")
    broadcast = Broadcast(
        incident_id=incident.id,
        unit_id=incident.unit_id,
        mode=incident.mode,
        purpose=Purpose.CALL_OUT,
        playbook=playbook.id,
        message=message_key,
        phase="call_out",
        audiences=list(dict.fromkeys(wanted.groups)),
        accounts=[account.key for account in accounts if account.channel in ways],
        authority="dual",  # until release decides
        created_by=actor.user_id,
        slots=_filled(playbook, message_key, wanted.slots or {}),
    )
    session.add(broadcast)
    session.flush()
    call_out = CallOut(
        unit_id=incident.unit_id,
        incident_id=incident.id,
        mode=incident.mode,
        broadcast_id=broadcast.id,
        title=" ".join(wanted.title.split())[:120] or incident.title,
        ways=ways,
        opened_by=actor.user_id,
        state=CallOutState.PLANNED,
    )
    _set(call_out, wanted)
    session.add(call_out)
    session.flush()
    details = {"playbook": playbook.id, "message": message_key}
    audit.record(
        session, actor, "call_out.planned", f"call_out:{call_out.id}", unit_id=call_out.unit_id, details=details
    )
    return call_out


def _filled(playbook: Playbook, message_key: str, slots: Mapping[str, str]) -> dict[str, str]:
    """The values this message has a place for. They are checked when they are composed, so half a form can be kept."""
    return {name: str(slots[name])[:500] for name in playbook.slots_of(message_key) if name in slots}


def change(session: Session, actor: Actor, call_out: CallOut, wanted: Wanted, playbook: Playbook | None = None) -> None:
    """Other needs, limits or fill-ins while it is being prepared; `playbook` is needed for the last. Raises `NotAllowed`."""
    actor.demand(Role.OFFICER, call_out.unit_id)
    broadcast = session.get_one(Broadcast, call_out.broadcast_id)
    if call_out.state is not CallOutState.PLANNED or broadcast.state is not BroadcastState.DRAFT:
        raise NotAllowed("this is frozen; only a draft can be changed")
    incident = session.get_one(Incident, call_out.incident_id)
    _demand_a_group(session, incident, wanted)
    accounts = speaking(session, incident)
    if wanted.ways:
        call_out.ways = [
            way for way in wanted.ways if way in {account.channel for account in accounts}
        ] or call_out.ways
    broadcast.accounts = [account.key for account in accounts if account.channel in call_out.ways]
    broadcast.audiences = list(dict.fromkeys(wanted.groups))
    if wanted.slots is not None and playbook is not None and broadcast.message in playbook.messages:
        broadcast.slots = _filled(playbook, broadcast.message, wanted.slots)
    call_out.title = " ".join(wanted.title.split())[:120] or call_out.title
    _set(call_out, wanted)
    session.flush()


def _demand_a_group(session: Session, incident: Incident, wanted: Wanted) -> None:
    """Where anybody will do, the whole list would be asked, and it holds press and residents, too."""
    anybody = any(number > 0 and not skill.strip() for skill, number, _ in wanted.needs)
    has_groups = select(Group.id).where(Group.unit_id == incident.unit_id).limit(1)
    if anybody and not wanted.groups and session.scalar(has_groups) is not None:
        raise NotAllowed(
            "choose a group or a skill: otherwise press and residents of your list would be called in, too"
        )


def _set(call_out: CallOut, wanted: Wanted) -> None:
    needs = [(" ".join(skill.split())[:60], number, by) for skill, number, by in wanted.needs if number > 0]
    if not needs:
        raise NotAllowed("say how many people are needed: at least one")
    if len(needs) > MOST_NEEDS or sum(number for _, number, _ in needs) > MOST_NEEDED:
        raise NotAllowed("one call-out takes at most %(most)d people; start another one for the rest", most=MOST_NEEDED)
    kept = [*call_out.needs, *(Need() for _ in needs)]  # rows are used again, because positions are unique
    for position, (row, (skill, number, by)) in enumerate(zip(kept, needs, strict=False)):
        row.position, row.skill, row.number, row.by = position, skill, number, by
    call_out.needs = kept[: len(needs)]
    call_out.site = " ".join(wanted.site.split())[:80]
    call_out.tries = min(12, max(1, wanted.tries))
    call_out.again_seconds = min(3600, max(10, wanted.again_seconds))
    call_out.surplus = min(1000, max(100, wanted.surplus))
    call_out.widen_seconds = min(3600, max(5, wanted.widen_seconds))
    call_out.override_quiet, call_out.needs_pin = wanted.override_quiet, wanted.needs_pin


def speaking(session: Session, incident: Incident) -> list[Account]:
    """One account a channel that reaches persons, in the usual order of ways."""
    found: dict[str, Account] = {}
    for account in usable_accounts(session, incident):
        if FACTS[account.channel].medium != "wall" and account.channel in USUAL_WAYS:
            found.setdefault(account.channel, account)
    return [found[channel] for channel in USUAL_WAYS if channel in found]
