"""Incidents: the list, opening one, and the page an officer works from while it lasts.

What an incident may do is decided in broadcasts/incidents.py; this only asks and shows.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crisis.broadcasts import authority, draft
from crisis.broadcasts.compose import incident_link, loosely
from crisis.broadcasts.incidents import LONGEST_TITLE, close_incident, known_words, open_incident
from crisis.console import found
from crisis.console.guard import may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.console.wording import refusal
from crisis.models import Broadcast, Incident, Tally, Unit, utcnow
from crisis.oncall import callout_board, own_need
from crisis.playbooks.playbook import PHASES, Playbook
from crisis.playbooks.slots import check_all
from crisis.states import BroadcastState, DeliveryState, Mode, NotAllowed, Purpose, Role
from crisis.triage import inbox

pages = Blueprint("incidents", __name__)

MOST_CLOSED = 50


@pages.get("/incidents")
@may()
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        mine = select(Incident).where(Incident.unit_id.in_(actor().units())).order_by(Incident.opened_at.desc())
        going_on = session.scalars(mine.where(Incident.closed_at.is_(None))).all()
        over = session.scalars(mine.where(Incident.closed_at.is_not(None)).limit(MOST_CLOSED)).all()
        return render_template("console/incidents.html", section="incidents", going_on=going_on, over=over)


@pages.get("/incidents/new")
@may(Role.OFFICER)
def new() -> ResponseReturnValue:
    return _form({}, "")


@pages.post("/incidents")
@may(Role.OFFICER)
def create() -> ResponseReturnValue:
    form = request.form
    try:
        mode, playbook = _chosen(form)
        with runtime().database.writing() as session:
            here = session.get_one(Unit, unit().id)
            made = open_incident(session, actor(), here, mode, form.get("title", ""), playbook)
    except NotAllowed as refused:
        return _form(form, refusal(refused)), 422
    return redirect(url_for("incidents.show", incident_id=made.id))


@pages.get("/incidents/<uuid:incident_id>")
@may()
def show(incident_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        incident = found.incident(session, incident_id)
        playbook, settings = found.playbook(incident.playbook), runtime().settings
        known = known_words(session, settings, incident, playbook, found.spoken()) if playbook else {}
        said = _said_so_far(session, incident, known)
        return render_template(
            "console/incident.html",
            section="incidents",
            incident=incident,
            mode=incident.mode,
            playbook=playbook,
            broken=runtime().playbooks.shelf().broken.get(f"{incident.playbook}.toml", []),
            spoken=found.spoken(),
            said_so_far=said,
            last=next((one for one in said if one.stands), None),
            sendable=_sendable(session, incident, playbook, known, said) if playbook else [],
            known=known,
            loosely=loosely,
            public_page=incident_link(settings, incident.unit.key, incident.mode, incident.id.hex),
            heard=inbox.heard(session, incident),
            call_outs=callout_board.standings(session, utcnow(), incident_id=incident.id),
            calling=_calling(session, incident, playbook) if Role.OFFICER in unit().roles else [],
        )


@pages.get("/incidents/<uuid:incident_id>/call-outs/piece")
@may()
def call_outs(incident_id: uuid.UUID) -> ResponseReturnValue:
    """How the incident's call-outs stand, renewed."""
    with runtime().database.reading() as session:
        incident = found.incident(session, incident_id)
        listed = callout_board.standings(session, utcnow(), incident_id=incident.id)
        return fragment("console/callouts/of_incident.html", call_outs=listed)


@pages.get("/incidents/<uuid:incident_id>/heard")
@may()
def heard(incident_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        incident = found.incident(session, incident_id)
        return fragment("console/incident_heard.html", heard=inbox.heard(session, incident))


@pages.post("/incidents/<uuid:incident_id>/draft")
@may(Role.OFFICER)
def start_draft(incident_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        incident = found.incident(session, incident_id)
        playbook = found.playbook(incident.playbook)
        if playbook is None:
            raise NotAllowed("the playbook of this incident cannot be read; an administrator must mend its file")
        made = draft.start(session, actor(), incident, playbook, request.form.get("message", ""))
    return redirect(url_for("broadcasts.show", broadcast_id=made.id))


@pages.post("/incidents/<uuid:incident_id>/close")
@may(Role.OFFICER)
def close(incident_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            close_incident(session, actor(), found.incident(session, incident_id, lock=True))
        flash(gettext("The incident is closed."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("incidents.show", incident_id=incident_id))


def _chosen(form: Mapping[str, str]) -> tuple[Mode, Playbook]:
    playbook = found.playbook(form.get("playbook", ""))
    if form.get("mode") not in (Mode.LIVE, Mode.DRILL):
        raise NotAllowed("choose: is this real, or an exercise?")
    if playbook is None or playbook.kind != unit().settings.kind:
        raise NotAllowed("choose a playbook")
    return Mode(form["mode"]), playbook


def _form(form: Mapping[str, str], wrong: str) -> str:
    shelf, today = runtime().playbooks.shelf(), utcnow().astimezone(unit().settings.tz).date()
    fitting = [one for one in shelf.playbooks.values() if one.kind == unit().settings.kind and not one.staff_only]
    return render_template(
        "console/incident_new.html",
        section="incidents",
        form=form,
        wrong=wrong,
        spoken=found.spoken(),
        playbooks=sorted(fitting, key=lambda one: one.title.in_(found.spoken()).casefold()),
        broken=shelf.broken,
        today=today,
        longest_title=LONGEST_TITLE,
    )


@dataclass(frozen=True, slots=True)
class Sendable:
    """A message of the playbook, by the name an officer knows it under, and what releasing it needs."""

    key: str
    phase: str
    title: str
    needs: authority.Authority
    sent: bool  # it has been released in this incident, and stood


@dataclass(frozen=True, slots=True)
class Calling:
    """A message with which our own people are called in; `needs` is None for words of one's own."""

    key: str
    title: str
    needs: authority.Authority | None


def _calling(session: Session, incident: Incident, playbook: Playbook | None) -> Sequence[Calling]:
    told, now, language = runtime().settings.unit(incident.unit.key), utcnow(), found.spoken()
    ready = [
        Calling(
            key,
            loosely(message.title.in_(language), {}),
            authority.needed(session, incident.unit_id, told, playbook, key, now),
        )
        for key, message in (playbook.messages.items() if playbook else ())
        if playbook and message.phase == "call_out"
    ]
    return [*ready, Calling(own_need.NEED, gettext("In your own words"), None)]


def _sendable(
    session: Session, incident: Incident, playbook: Playbook, known: dict[str, str], said: Sequence[Said]
) -> Sequence[Sendable]:
    sent = {one.broadcast.message for one in said if one.stands}
    told, now, language = runtime().settings.unit(incident.unit.key), utcnow(), found.spoken()
    return [
        Sendable(
            key,
            message.phase,
            loosely(message.title.in_(language), known),
            authority.needed(session, incident.unit_id, told, playbook, key, now),
            key in sent,
        )
        for phase in PHASES
        for key, message in playbook.messages.items()
        if message.phase == phase
    ]


@dataclass(frozen=True, slots=True)
class Said:
    """One broadcast in the incident's list: its headline, and how many of how many are through."""

    broadcast: Broadcast
    title: str
    done: int
    total: int

    @property
    def stands(self) -> bool:
        """Has somebody got it, or will they? Then more is said to those people."""
        released = self.broadcast.state is BroadcastState.RELEASED
        return self.broadcast.purpose is Purpose.STATEMENT and (released or self.done > 0)


def _said_so_far(session: Session, incident: Incident, known: dict[str, str]) -> Sequence[Said]:
    rows = session.scalars(
        select(Broadcast)
        .where(
            Broadcast.incident_id == incident.id,
            Broadcast.purpose.not_in([Purpose.NOTICE, Purpose.CALL_OUT, Purpose.ANSWER]),
        )
        .order_by(func.coalesce(Broadcast.released_at, Broadcast.created_at).desc())
    ).all()
    through = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)
    counts: dict[uuid.UUID, list[int]] = {}
    for broadcast_id, state, count in session.execute(
        select(Tally.broadcast_id, Tally.state, func.sum(Tally.count))
        .where(Tally.broadcast_id.in_([row.id for row in rows]))
        .group_by(Tally.broadcast_id, Tally.state)
    ):
        pair = counts.setdefault(broadcast_id, [0, 0])
        pair[0] += count if state in through else 0
        pair[1] += count
    return [Said(row, headline(row, known), *counts.get(row.id, [0, 0])) for row in rows]


def headline(broadcast: Broadcast, known: dict[str, str]) -> str:
    """What people call a broadcast: its frozen headline in the reader's language, else the playbook's for a draft."""
    frozen = next((text.title for text in broadcast.texts if text.language == found.spoken() and text.title), "")
    playbook = found.playbook(broadcast.playbook)
    if frozen or playbook is None or broadcast.message not in playbook.messages:
        return frozen or broadcast.message
    return loosely(playbook.messages[broadcast.message].title.in_(found.spoken()), {**known, **filled_in(broadcast)})


def filled_in(broadcast: Broadcast) -> dict[str, str]:
    """The slots that hold something usable, as the reader's language says them."""
    playbook = found.playbook(broadcast.playbook)
    if playbook is None or broadcast.message not in playbook.messages:
        return {}
    domains = runtime().settings.unit(broadcast.unit.key).link_domains
    return check_all(playbook, broadcast.message, broadcast.slots, found.spoken(), domains)[0]


def is_over(broadcast: Broadcast) -> bool:
    """Has it left the officers' hands?"""
    return broadcast.state in (BroadcastState.RELEASED, BroadcastState.CLOSED, BroadcastState.STOPPED)
