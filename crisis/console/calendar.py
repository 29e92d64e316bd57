"""The calendar of planned posts: what leaves when, what waits for a yes, and what a person must decide after a pause.

What may be done with a post is decided in broadcasts/planned.py; this only asks and shows.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import planned, planned_calendar, suggestions
from crisis.broadcasts.planned_words import LONGEST_TITLE, Wording
from crisis.broadcasts.preview import frozen
from crisis.console.guard import enter, may
from crisis.console.here import actor, runtime, unit
from crisis.console.wording import refusal
from crisis.media import library
from crisis.models import Account, Broadcast, Delivery, PlannedPost, Suggestion, utcnow
from crisis.settings import LANGUAGES
from crisis.states import NotAllowed, Role

pages = Blueprint("calendar", __name__, url_prefix="/calendar")

SPANS = {"week": 7, "month": 31}


@pages.get("/")
@may()
def index() -> ResponseReturnValue:
    span = request.args.get("span") if request.args.get("span") in SPANS else "month"
    account, tag = request.args.get("account", ""), request.args.get("tag", "")
    zone = unit().settings.tz
    since = _day(request.args.get("since", "")) or utcnow().astimezone(zone).replace(hour=0, minute=0, second=0)
    until = since + timedelta(days=SPANS[str(span)])
    with runtime().database.reading() as session:
        here = unit().id
        posts = planned_calendar.between(session, here, since, until, account=account, tag=tag)
        return render_template(
            "console/calendar/index.html",
            section="calendar",
            posts=[(post, planned_calendar.warnings(session, post, zone)) for post in posts],
            outcomes=planned_calendar.outcomes(session, [post.id for post in posts]),
            drafts=planned_calendar.drafts(session, here),
            paused=[
                (post, planned_calendar.next_time(post, utcnow(), zone))
                for post in planned_calendar.to_decide(session, here)
            ],
            incident=planned.live_incident(session, here),
            accounts=planned.accounts_for(session, here),
            tags=planned_calendar.campaigns(session, here),
            suggested=suggestions.waiting(session, here, utcnow()),
            span=span,
            since=since,
            until=until,
            asked={"account": account, "tag": tag},
            days=SPANS[str(span)],
            step=timedelta(days=SPANS[str(span)]),
        )


@pages.get("/new")
@may(Role.OFFICER)
def new() -> ResponseReturnValue:
    """Empty, or with the first words of a suggestion."""
    with runtime().database.reading() as session:
        one = _suggestion(session, request.args.get("suggestion", ""))
        words = suggestions.wording(session, one, unit().settings) if one else Wording("", {})
        return _form(session, None, words, "", one)


@pages.post("/new")
@may(Role.OFFICER)
def create() -> ResponseReturnValue:
    words, told = _wording(), request.form.get("suggestion", "")
    try:
        with runtime().database.writing() as session:
            made = planned.write(session, actor(), unit().id, words, utcnow())
            if one := _suggestion(session, told, lock=True):
                suggestions.use(session, actor(), one, made, utcnow())
    except NotAllowed as refused:
        with runtime().database.reading() as session:
            return _form(session, None, words, refusal(refused), _suggestion(session, told)), 422
    return redirect(url_for("calendar.show", post_id=made.id))


@pages.post("/suggestions/<uuid:suggestion_id>/pass")
@may(Role.OFFICER)
def pass_over(suggestion_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            one = _suggestion(session, str(suggestion_id), lock=True) or abort(404)
            suggestions.pass_over(session, actor(), one, utcnow())
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("calendar.index", _anchor="suggestions"))


@pages.get("/<uuid:post_id>")
@may()
def show(post_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        return _page(session, _post(session, post_id))


@pages.get("/<uuid:post_id>/words")
@may(Role.OFFICER)
def words_of(post_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        post = _post(session, post_id)
        return _form(session, post, planned.wording_of(post), "")


@pages.post("/<uuid:post_id>/words")
@may(Role.OFFICER)
def rewrite(post_id: uuid.UUID) -> ResponseReturnValue:
    words = _wording()
    try:
        with runtime().database.writing() as session:
            post = _post(session, post_id, lock=True)
            planned.write(session, actor(), post.unit_id, words, utcnow(), post=post)
    except NotAllowed as refused:
        with runtime().database.reading() as session:
            return _form(session, _post(session, post_id), words, refusal(refused)), 422
    return redirect(url_for("calendar.show", post_id=post_id))


@pages.post("/<uuid:post_id>/<any(plan, move, resume, draft, cancel):what>")
@may(Role.OFFICER)
def change(post_id: uuid.UUID, what: str) -> ResponseReturnValue:
    now, told = utcnow(), runtime().settings
    try:
        with runtime().database.writing() as session:
            post = _post(session, post_id, lock=True)
            match what:
                case "plan":
                    planned.plan(session, actor(), post, _time(), told, now)
                case "move":
                    planned.move(session, actor(), post, _time(), told, now)
                case "resume":
                    planned.resume(session, actor(), post, _time(), told, now)
                case "draft":
                    planned.to_draft(session, actor(), post)
                case _:
                    planned.cancel(session, actor(), post, request.form.get("reason", ""))
        flash(gettext("It is recorded."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
    if request.form.get("back") == "list":  # one after the other, without losing one's place
        return redirect(url_for("calendar.index", _anchor="decide"))
    return redirect(url_for("calendar.show", post_id=post_id))


@pages.post("/<uuid:post_id>/approve")
@may(Role.OFFICER, Role.APPROVER)
def approve(post_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            post = _post(session, post_id, lock=True)
            planned.approve(session, actor(), post, request.form.get("digest", ""), runtime().settings, utcnow())
        flash(gettext("Approved. It leaves at its time."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
    return redirect(url_for("calendar.show", post_id=post_id))


def _post(session: Session, post_id: uuid.UUID, *, lock: bool = False) -> PlannedPost:
    post = session.get(PlannedPost, post_id, with_for_update=lock or None) or abort(404)
    enter(post.unit_id)
    return post


def _suggestion(session: Session, told: str, *, lock: bool = False) -> Suggestion | None:
    if not told:
        return None
    try:
        one = session.get(Suggestion, uuid.UUID(told), with_for_update={"of": Suggestion} if lock else None)
    except ValueError:
        return None
    if one is not None:
        enter(one.feed.unit_id)
    return one


def _page(session: Session, post: PlannedPost) -> str:
    waiting = planned.unsent(session, post)
    gone = session.execute(
        select(Delivery, Account)
        .join(Account, Account.id == Delivery.account_id)
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .where(Broadcast.planned_post_id == post.id)
        .order_by(Account.key, Delivery.language, Delivery.id)
    ).all()
    digest = waiting.digest if waiting else None
    made = frozen(waiting) if waiting and digest else planned.composed(session, post, runtime().settings)
    return render_template(
        "console/calendar/post.html",
        section="calendar",
        post=post,
        state=str(post.state),
        composed=made,
        digest=digest,
        gone=gone,
        incident=planned.live_incident(session, post.unit_id),
        warnings=planned_calendar.warnings(session, post, unit().settings.tz),
        soon=planned_calendar.next_time(post, utcnow(), unit().settings.tz),
        boards=planned_calendar.boards(session, post),
    )


def _form(
    session: Session, post: PlannedPost | None, words: Wording, wrong: str, suggestion: Suggestion | None = None
) -> str:
    return render_template(
        "console/calendar/words.html",
        section="calendar",
        post=post,
        words=words,
        wrong=wrong,
        suggestion=suggestion,
        accounts=planned.accounts_for(session, unit().id),
        items=[one for one in library.items(session, unit().id, withdrawn=False) if library.why_not(one) is None],
        longest_title=LONGEST_TITLE,
    )


def _wording() -> Wording:
    form = request.form
    own: dict[str, dict[str, str]] = {}
    for name, text in form.items():
        if name.startswith("own-") and text.strip():
            channel, _, language = name.removeprefix("own-").rpartition("-")
            own.setdefault(channel, {})[language] = text
    return Wording(
        form.get("title", ""),
        {language: form.get(f"text-{language}", "") for language in LANGUAGES},
        own,
        form.get("link", ""),
        form.get("tags", "").replace(",", " ").split(),
        form.getlist("account"),
        form.getlist("media"),
    )


def _time() -> datetime:
    """What was typed, on the unit's clock."""
    try:
        return datetime.fromisoformat(request.form.get("at", "")).replace(tzinfo=unit().settings.tz)
    except ValueError:
        raise NotAllowed("choose a day and a time") from None


def _day(told: str) -> datetime | None:
    try:
        return datetime.fromisoformat(told).replace(tzinfo=unit().settings.tz, hour=0, minute=0)
    except ValueError:
        return None
