"""Approvals: what waits for me, and the page where a second person reads the frozen texts and answers.

Who may judge, and whether what they read is still what would leave, is decided in broadcasts/submit.py.
"""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import planned_calendar, submit
from crisis.console import found
from crisis.console.broadcasts import page
from crisis.console.guard import may
from crisis.console.here import actor, runtime
from crisis.console.incidents import headline
from crisis.console.wording import refusal
from crisis.models import Answer, Broadcast, InboundRow, PlannedPost, User, utcnow
from crisis.states import BroadcastState, NotAllowed, Purpose, Role

pages = Blueprint("approvals", __name__)


@pages.get("/approvals")
@may(Role.APPROVER, Role.OFFICER)
def index() -> ResponseReturnValue:
    with runtime().database.reading() as session:
        rows = session.execute(
            select(Broadcast, User.name)
            .outerjoin(User, User.id == Broadcast.submitted_by)
            .where(Broadcast.unit_id.in_(actor().units(Role.APPROVER, Role.OFFICER)))
            .where(Broadcast.state.in_([BroadcastState.SUBMITTED, BroadcastState.APPROVED]))
            .where(Broadcast.purpose.in_([Purpose.STATEMENT, Purpose.CALL_OUT]))
            .order_by(Broadcast.mode.desc(), Broadcast.submitted_at)
        ).all()
        waiting = [(row, who or "", headline(row, {}), _may_judge(row)) for row, who in rows]
        posts = planned_calendar.waiting(session, actor().units(Role.APPROVER, Role.OFFICER))
        planned = [(post, _may_say_yes(post)) for post in posts]
        answers = [(*one, _may_judge(one[0])) for one in _answers(session)]
        lists = {"waiting": waiting, "planned": planned, "answers": answers}
        return render_template("console/approvals.html", section="approvals", **lists)


@pages.get("/approvals/<uuid:broadcast_id>")
@may(Role.APPROVER)
def show(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        this = found.broadcast(session, broadcast_id)
        if this.broadcast.state is not BroadcastState.SUBMITTED:
            return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))
        author = session.get(User, this.broadcast.submitted_by) if this.broadcast.submitted_by else None
        mine = not _may_judge(this.broadcast)
        values = {**page(session, this), "section": "approvals", "author": author, "mine": mine}
        return render_template("console/approval.html", **values)


@pages.post("/approvals/<uuid:broadcast_id>")
@may(Role.APPROVER)
def judge(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    form, now = request.form, utcnow()
    try:
        with runtime().database.writing() as session:
            row = found.broadcast(session, broadcast_id, lock=True).broadcast
            match form.get("decision"):
                case "yes":
                    submit.approve(session, actor(), row, form.get("digest", ""), now)
                case "returned":
                    submit.send_back(session, actor(), row, form.get("reason", ""), form.get("digest", ""), now)
                case "rejected":
                    submit.reject(session, actor(), row, form.get("reason", ""), form.get("digest", ""), now)
                case _:
                    abort(400)
        flash(gettext("Your answer is recorded."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        return redirect(url_for("approvals.show", broadcast_id=broadcast_id))
    return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))


def _answers(session: Session) -> list[tuple[Broadcast, InboundRow, str]]:
    """Answers to people that wait for a yes, the longest waiting first: each is judged on the page of what it answers."""
    rows = session.execute(
        select(Broadcast, InboundRow, User.name)
        .join(Answer, Answer.broadcast_id == Broadcast.id)
        .join(InboundRow, InboundRow.id == Answer.inbound_id)
        .outerjoin(User, User.id == Broadcast.created_by)
        .where(Broadcast.unit_id.in_(actor().units(Role.APPROVER, Role.OFFICER)))
        .where(Broadcast.state == BroadcastState.SUBMITTED)
        .order_by(Broadcast.mode.desc(), Broadcast.submitted_at)
        .limit(100)
    )
    return [(row, about, who or "") for row, about, who in rows]


def _may_judge(row: Broadcast) -> bool:
    who = actor()
    return who.has(Role.APPROVER, row.unit_id) and who.user_id not in (row.submitted_by, row.created_by)


def _may_say_yes(post: PlannedPost) -> bool:
    second = runtime().settings.unit(post.unit.key).planned_second_person
    return not second or actor().user_id not in (post.created_by, post.changed_by)
