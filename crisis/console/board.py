"""The board of a released broadcast: what has left, what has not, and the few things a person can still do about it.

Reads counters, so it may be asked each second. What may be stopped, repeated or followed is decided in the domain.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import board as domain
from crisis.broadcasts import draft, release, retract
from crisis.console import found, language
from crisis.console.found import Sent
from crisis.console.guard import may
from crisis.console.here import actor, runtime, unit
from crisis.console.incidents import headline, is_over
from crisis.console.wording import refusal
from crisis.models import Account, Broadcast, Delivery, ReceiptRow, User, utcnow
from crisis.playbooks.playbook import Playbook
from crisis.sending import resolve
from crisis.states import BroadcastState, DeliveryState, NotAllowed, Purpose, Role

pages = Blueprint("board", __name__)


@pages.get("/broadcasts/<uuid:broadcast_id>/board")
@may()
def show(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        this = found.sent(session, broadcast_id)
        if Role.OFFICER in unit().roles and (call_out := found.call_out_of(session, this.broadcast)):
            return redirect(url_for("callouts.show", call_out_id=call_out.id))
        if not is_over(this.broadcast):
            return redirect(_before(this.broadcast))
        return render_template("console/board.html", **_seen(session, this))


@pages.get("/broadcasts/<uuid:broadcast_id>/board/piece")
@may()
def piece(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    """The part that is renewed each second. Its name is the board's version: unchanged costs neither bytes nor rendering."""
    with runtime().database.reading() as session:
        this = found.sent(session, broadcast_id)
        seen = _seen(session, this)
        response = make_response("")
        response.set_etag(f"{seen['board'].version}{_moment(this.broadcast)}{language.current()}")
        if response.make_conditional(request).status_code != 304:
            response.set_data(render_template("console/board_piece.html", **seen))
        return response


@pages.post("/broadcasts/<uuid:broadcast_id>/stop")
@may(Role.OFFICER)
def stop(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            this = found.sent(session, broadcast_id, lock=True)
            count = release.stop(session, actor(), this.broadcast, request.form.get("reason", ""), utcnow())
        flash(gettext("Stopped. %(count)d had not left and were cancelled.", count=count), "good")
    except NotAllowed:
        flash(gettext("There was nothing left to stop. What has left cannot be called back."), "warn")
    return redirect(url_for("board.show", broadcast_id=broadcast_id))


@pages.post("/broadcasts/<uuid:broadcast_id>/retry")
@may(Role.OFFICER)
def retry(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            this = found.sent(session, broadcast_id, lock=True)
            account = session.get(Account, uuid.UUID(request.form.get("account", ""))) or abort(404)
            count = resolve.retry_failed(session, actor(), this.broadcast, account)
        flash(gettext("%(count)d are tried again; the others are left alone.", count=count), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    except ValueError:
        abort(400)
    return redirect(url_for("board.show", broadcast_id=broadcast_id))


@pages.post("/broadcasts/<uuid:broadcast_id>/follow")
@may(Role.OFFICER)
def follow(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    """A draft of the update, correction or all-clear, filled from this one; or of the same again when it was stopped."""
    with runtime().database.writing() as session:
        this = found.broadcast(session, broadcast_id)
        if this.playbook is None:
            raise NotAllowed("the playbook of this incident cannot be read; an administrator must mend its file")
        parts = (session, actor(), this.broadcast, this.incident, this.playbook)
        if request.form.get("message") == "again":
            made = draft.again(*parts)
        else:
            made = draft.follow(*parts, request.form.get("message", ""))
    return redirect(url_for("broadcasts.show", broadcast_id=made.id))


@pages.get("/deliveries/<uuid:delivery_id>")
@may()
def delivery(delivery_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        row, this = found.delivery(session, delivery_id)
        receipts = session.scalars(
            select(ReceiptRow).where(ReceiptRow.delivery_id == row.id).order_by(ReceiptRow.at, ReceiptRow.id)
        ).all()
        story = domain.story(session, row.id)
        values = {
            **_frame(this),
            "story": story,
            "receipts": receipts,
            "may_repeat": _may_repeat(session, this.broadcast),
        }
        text = next((one for one in this.broadcast.texts if one.id == row.text_id), None)
        return render_template("console/delivery.html", text=text, **values)


@pages.post("/deliveries/<uuid:delivery_id>/decide")
@may(Role.OFFICER)
def decide(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """A person looked at the provider: it is there, or it is not and is sent again."""
    try:
        with runtime().database.writing() as session:
            row, this = found.delivery(session, delivery_id, lock=True)
            broadcast_id = this.broadcast.id  # a refusal makes the rows forget themselves
            _resolve(session, row, this.broadcast, request.form.get("decision", ""))
        flash(gettext("Your answer is recorded."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("board.show", broadcast_id=broadcast_id))


def _resolve(session: Session, row: Delivery, broadcast: Broadcast, decision: str) -> None:
    if decision == "there":
        resolve.it_is_there(session, actor(), row)
    elif decision == "again" and _may_repeat(session, broadcast):
        resolve.send_again(session, actor(), row)
    else:
        raise NotAllowed("the broadcast was stopped or is too old; release a new one")


def _frame(this: Sent) -> dict[str, Any]:
    return {
        "section": "calendar" if this.post else "incidents",
        "mode": "" if this.post else this.broadcast.mode,  # no emergency: the page of a quiet day
        "post": this.post,
        "broadcast": this.broadcast,
        "incident": this.incident,
        "title": this.post.title if this.post else headline(this.broadcast, {}),
    }


def _seen(session: Session, this: Sent) -> dict[str, Any]:
    broadcast, now = this.broadcast, utcnow()
    return {
        **_frame(this),
        "board": domain.board(session, broadcast),
        "states": DeliveryState,
        "now": now,
        "seconds_left": max(0, round((broadcast.leaves_at - now).total_seconds())) if broadcast.leaves_at else 0,
        "minutes_to_update": _minutes(broadcast.next_update_at, now),
        "followed": _followed(session, broadcast),
        "down": retract.progress(session, broadcast, now),
        "ended": _ended(session, broadcast),
        "follow_ups": follow_ups(this.playbook, broadcast) if this.incident and this.incident.closed_at is None else [],
        "may_repeat": _may_repeat(session, broadcast),
        "releaser": session.get(User, broadcast.released_by) if broadcast.released_by else None,
        "test": broadcast.purpose is Purpose.SELF_TEST,
    }


def follow_ups(playbook: Playbook | None, broadcast: Broadcast) -> list[tuple[str, str]]:
    """(phase, message) of what can follow, by the playbook's own links."""
    if playbook is None or broadcast.purpose is not Purpose.STATEMENT or broadcast.message not in playbook.messages:
        return []
    message = playbook.messages[broadcast.message]
    update = next((key for key, one in playbook.messages.items() if one.phase == "update"), None)
    links = (("update", update), ("correction", message.corrected_by), ("all_clear", message.ended_by))
    return [(phase, key) for phase, key in links if key in playbook.messages]


def _followed(session: Session, broadcast: Broadcast) -> list[Broadcast]:
    """What was released after this one in answer to it, the newest first."""
    return list(
        session.scalars(
            select(Broadcast)
            .where(Broadcast.follows_id == broadcast.id, Broadcast.released_at.is_not(None))
            .order_by(Broadcast.released_at.desc())
        )
    )


def _ended(session: Session, broadcast: Broadcast) -> bool:
    """Has the all-clear of its incident been released, and is this not it?"""
    asked = select(Broadcast.id).where(
        Broadcast.incident_id == broadcast.incident_id,
        Broadcast.phase == "all_clear",
        Broadcast.purpose == Purpose.STATEMENT,
        Broadcast.released_at.is_not(None),
        Broadcast.state != BroadcastState.STOPPED,
        Broadcast.id != broadcast.id,
    )
    return (
        broadcast.incident_id is not None
        and broadcast.phase != "all_clear"
        and session.scalar(asked.limit(1)) is not None
    )


def _may_repeat(session: Session, broadcast: Broadcast) -> bool:
    in_time = broadcast.expires_at is None or broadcast.expires_at > utcnow()
    standing = broadcast.state in (BroadcastState.RELEASED, BroadcastState.CLOSED)
    return in_time and standing and not resolve.replaced(session, broadcast)


def _minutes(at: datetime | None, now: datetime) -> int | None:
    """Whole minutes until `at`; negative when it has passed."""
    return None if at is None else int((at - now).total_seconds() // 60)


def _moment(broadcast: Broadcast) -> str:
    """What of the page changes by the clock alone: has it left, and which minute of the promise is it."""
    now = utcnow()
    left = broadcast.leaves_at is not None and broadcast.leaves_at <= now
    return f"{left:d}{_minutes(broadcast.next_update_at, now)}"


def _before(broadcast: Broadcast) -> str:
    """Where a broadcast is looked at that has not been released."""
    if broadcast.planned_post_id is not None:
        return url_for("calendar.show", post_id=broadcast.planned_post_id)
    return url_for("broadcasts.show", broadcast_id=broadcast.id)
