"""What the page of one inbound and its card show. Asks the domain; changes nothing.

Whoever opens it works in the inbound's unit from then on.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, cast, get_args

from flask import abort, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.channels.registry import FACTS
from crisis.console import found
from crisis.console.guard import enter
from crisis.console.here import actor, runtime, unit
from crisis.console.triage_words import abuse_words, answer_lanes, lane_words
from crisis.console.wording import said
from crisis.models import Account, Broadcast, InboundRow, Incident, Unit, User, utcnow
from crisis.playbooks.playbook import Playbook
from crisis.settings import LANGUAGES, Language
from crisis.states import BroadcastState, InboundState, Mode, Purpose, Role
from crisis.triage import abuse, answers, handover, queue, thread


def page(session: Session, inbound_id: uuid.UUID, body: str = "", spoken: Language | None = None) -> dict[str, Any]:
    """Everything on the page. `body`: words somebody has written and wants to see as they will appear."""
    known, now = facts(session, inbound_id), utcnow()
    row, settings = known["row"], runtime().settings
    at = answers.place(session, row, settings, unit().key)
    playbook = playbook_of(session, row)
    spoken = spoken or spoken_in(request.args.get("language"), answers.language_of(row, unit().settings))
    mine = {"kinds": abuse_words(), "lanes": lane_words(), "answer_lanes": answer_lanes(), "reasons": queue.REASONS}
    own = answers.finished(at, spoken, body) if body.strip() else None
    others = session.scalars(select(Unit).where(Unit.id != row.unit_id).order_by(Unit.name)).all()
    return {
        **known,
        **mine,
        "spoken": spoken,
        "obstacle": answers.obstacle(session, at, now),
        "ready": answers.ready(session, at, settings, playbook, spoken, now),
        "needs": answers.authority(session, at, playbook, now),
        "own_needs": answers.own_authority(at),
        "own": own,
        "own_wrong": answers.complaint(own, body) if own else None,
        "body": body,
        "may_write": Role.OFFICER in unit().roles,
        "around": thread.around(session, row),
        "units": [(one.key, one.name) for one in others if one.key in {told.key for told in settings.units}],
        "emergency": handover.EMERGENCY,
        "incidents": _open_incidents(session, row),
        "said_there": _said_there(session, row, playbook),
        "public": FACTS[row.channel].public,
        "countdown": unit().settings.countdown_live_seconds
        if row.mode is Mode.LIVE
        else unit().settings.countdown_drill_seconds,
    }


def facts(session: Session, inbound_id: uuid.UUID) -> dict[str, Any]:
    """What changes while somebody looks: who is on it, what has become of it, what of ours is on its way."""
    row, now = inbound(session, inbound_id), utcnow()
    holds = row.state is InboundState.CLAIMED and row.claimed_until is not None
    fresh = holds and cast("datetime", row.claimed_until) > now
    holder = session.get(User, row.claimed_by) if holds and row.claimed_by else None
    settler = session.get(User, row.settled_by) if row.settled_by else None
    me, group = actor(), abuse.together(session, row)
    hiding, reported = (abuse.of(session, group, act) for act in get_args(abuse.Act))
    mine = holds and row.claimed_by == me.user_id
    given = thread.given(session, row.id)
    waits = next((one for one in given if one.broadcast.state is BroadcastState.SUBMITTED), None)
    return {
        "section": "triage",
        "row": row,
        "now": now,
        "mode": row.mode,
        "account": session.get_one(Account, row.account_id),
        "incident": session.get(Incident, row.incident_id) if row.incident_id else None,
        "mine": mine,
        "holder": holder.name if holder and fresh and not mine else "",
        "settled_by": settler.name if settler else "",
        "open_": row.state in queue.STANDING,
        "can": Role.TRIAGER in unit().roles,
        "officer": Role.OFFICER in unit().roles,
        "judges": Role.APPROVER in unit().roles and waits is not None and waits.broadcast.created_by != me.user_id,
        "waits": waits,
        "given": given,
        "lane_word": lane_words()[row.lane],
        "target": unit().settings.triage.target(row.lane),
        "hiding": hiding,
        "reported": reported,
        "hides": len(abuse.able("hide", group)),
        "reports": len(abuse.able("report", group)),
        **_evidence(hiding, reported),
        "minutes": max(0, int((now - row.at).total_seconds() // 60)),
        "why": [said(one["words"], one["facts"]) for one in row.reasons],
    }


def inbound(session: Session, inbound_id: uuid.UUID) -> InboundRow:
    """The inbound, or the one it was folded into; work in its unit from here on."""
    row = session.get(InboundRow, inbound_id) or abort(404)
    if row.folded_into_id is not None:
        row = session.get_one(InboundRow, row.folded_into_id)
    enter(row.unit_id)
    return row


def playbook_of(session: Session, row: InboundRow) -> Playbook | None:
    incident = session.get(Incident, row.incident_id) if row.incident_id else None
    return found.playbook(incident.playbook) if incident else None


def _evidence(*done: abuse.Outcome | None) -> dict[str, Any]:
    """The copy that is kept longest, and when the unit's rule erases it; no copy after that, or when nobody acted."""
    copies = sorted((one.copy for one in done if one is not None and one.copy), key=lambda one: one.asked_at)
    kept = copies[-1] if copies else None
    days = timedelta(days=unit().settings.keep_evidence_days)
    return {"evidence": kept, "evidence_until": kept.asked_at + days if kept else None}


def _open_incidents(session: Session, row: InboundRow) -> list[tuple[str, str]]:
    wanted = select(Incident).where(
        Incident.unit_id == row.unit_id, Incident.mode == row.mode, Incident.closed_at.is_(None)
    )
    return [(str(one.id), one.title) for one in session.scalars(wanted.order_by(Incident.opened_at.desc()).limit(20))]


def _said_there(session: Session, row: InboundRow, playbook: Playbook | None) -> list[tuple[str, str]]:
    """What our last broadcast in its incident said in its slots: it belongs on the card."""
    if row.incident_id is None or playbook is None:
        return []
    last = session.scalars(
        select(Broadcast)
        .where(Broadcast.incident_id == row.incident_id, Broadcast.purpose == Purpose.STATEMENT)
        .where(Broadcast.released_at.is_not(None))
        .order_by(Broadcast.released_at.desc())
        .limit(1)
    ).first()
    told = last.slots if last else {}
    return [
        (slot.label.in_(found.spoken()), str(told[name]))
        for name, slot in playbook.slots.items()
        if told.get(name) and slot.type in ("place", "text", "time")
    ]


def spoken_in(told: str | None, otherwise: Language = "nb") -> Language:
    return told if told in LANGUAGES else otherwise
