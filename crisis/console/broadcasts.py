"""Drafting a broadcast: fill in, see exactly what everybody will get, edit by hand, try it on oneself.

Nothing here can leave. Letting go is in release.py, watching it in board.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from crisis.broadcasts import draft, links, preview, reach, self_test
from crisis.broadcasts.compose import Composed, channels_of, compose, loosely
from crisis.broadcasts.incidents import known_words
from crisis.channels.base import Outgoing
from crisis.channels.email.mail import render_html
from crisis.channels.registry import FACTS
from crisis.channels.text.counting import outside_gsm
from crisis.console import found
from crisis.console.found import Found
from crisis.console.guard import may
from crisis.console.here import actor, fragment, runtime, unit
from crisis.console.incidents import filled_in, headline, is_over
from crisis.console.language import channel_word
from crisis.console.slot_words import in_words
from crisis.console.wording import located, refusal, said, told
from crisis.media import library
from crisis.models import Broadcast, MediaItem, utcnow
from crisis.playbooks.playbook import Playbook
from crisis.settings import LANGUAGES
from crisis.states import BroadcastState, NotAllowed, Role

pages = Blueprint("broadcasts", __name__)

# The mail as its receiver sees it, in a frame that may do nothing: no script, no form, no way out of the frame.
FRAME = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


@pages.get("/broadcasts/<uuid:broadcast_id>")
@may()
def show(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.reading() as session:
        this = found.broadcast(session, broadcast_id)
        if Role.OFFICER in unit().roles and (call_out := found.call_out_of(session, this.broadcast)):
            return redirect(url_for("callouts.show", call_out_id=call_out.id))
        if is_over(this.broadcast):
            return redirect(url_for("board.show", broadcast_id=broadcast_id))
        if this.broadcast.state is BroadcastState.DRAFT:
            return render_template("console/broadcast_draft.html", **_draft_page(session, this))
        return render_template("console/broadcast_frozen.html", **page(session, this))


@pages.get("/broadcasts/<uuid:broadcast_id>/state")
@may()
def state(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    """What has become of a frozen one: the part that is renewed while somebody waits for the second person."""
    with runtime().database.reading() as session:
        this = found.broadcast(session, broadcast_id)
        return fragment("console/broadcast_state.html", broadcast=this.broadcast)


@pages.post("/broadcasts/<uuid:broadcast_id>")
@may(Role.OFFICER)
def save(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            _change(session, found.broadcast(session, broadcast_id, lock=True))
    except NotAllowed as refused:
        flash(refusal(refused), "bad")
        return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id))
    if request.form.get("go") == "release":
        return redirect(url_for("release.show", broadcast_id=broadcast_id))
    return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id, _anchor="preview"))


@pages.post("/broadcasts/<uuid:broadcast_id>/check")
@may(Role.OFFICER)
def check(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    """What the form would make, as it is being typed. Nothing is kept."""
    with runtime().database.reading() as session:
        this = found.broadcast(session, broadcast_id)
        _change(session, this)
        channels = channels_of(draft.chosen_accounts(session, this.broadcast))
        told, key = runtime().settings, this.broadcast.unit.key
        composed = compose(told, _playbook(this), this.broadcast, key, channels, utcnow())
    errors = {name: in_words(bad) for name, bad in composed.slot_errors.items()}
    return jsonify(errors=errors, sizes=_sizes(composed), problems=[located(one) for one in composed.problems])


@pages.post("/broadcasts/<uuid:broadcast_id>/edit")
@may(Role.OFFICER)
def edit(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    """A text changed by hand, or the playbook's own put back. One that was not touched is no edit."""
    form = request.form
    channel, language, text = form.get("channel", ""), form.get("language", ""), form.get("text", "")
    if channel not in FACTS or language not in LANGUAGES:
        abort(400)
    text = "" if "undo" in form else "\n".join(text.splitlines())[:20_000]
    touched = text.strip() != form.get("before", "").replace("\r\n", "\n").strip()
    with runtime().database.writing() as session:
        this = found.broadcast(session, broadcast_id, lock=True)
        if touched and (text or "undo" in form):
            edits = {one: dict(texts) for one, texts in this.broadcast.edits.items()}
            edits.setdefault(channel, {})[language] = text
            who, book = actor(), _playbook(this)
            draft.change(session, who, this.broadcast, this.incident, book, edits=edits, now=utcnow())
    return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id, _anchor="preview"))


@pages.post("/broadcasts/<uuid:broadcast_id>/test")
@may(Role.OFFICER)
def test(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    try:
        with runtime().database.writing() as session:
            this = found.broadcast(session, broadcast_id)
            self_test.send_to_myself(session, actor(), this.broadcast, runtime().settings, _playbook(this), utcnow())
        flash(gettext("A test is on its way to your own phone and mailbox. Nobody else gets it."), "good")
    except NotAllowed as refused:
        flash(refusal(refused), "warn")
    return redirect(url_for("broadcasts.show", broadcast_id=broadcast_id, _anchor="preview"))


@pages.post("/broadcasts/<uuid:broadcast_id>/discard")
@may(Role.OFFICER)
def discard(broadcast_id: uuid.UUID) -> ResponseReturnValue:
    with runtime().database.writing() as session:
        this = found.broadcast(session, broadcast_id, lock=True)
        draft.discard(session, actor(), this.broadcast)
    flash(gettext("The draft is thrown away."), "good")
    return redirect(url_for("incidents.show", incident_id=this.incident.id))


@pages.get("/broadcasts/<uuid:broadcast_id>/mail/<any(nb, nn, en):language>")
@may()
def mail(broadcast_id: uuid.UUID, language: str) -> ResponseReturnValue:
    """The e-mail in one language as it is or would be sent, for the preview's frame."""
    with runtime().database.reading() as session:
        this = found.broadcast(session, broadcast_id)
        seen = preview.preview(session, this.broadcast, runtime().settings, this.playbook, utcnow())
        words = [one for one in seen.composed.texts.values() if one.language == language]
        mails = [one for one in words if FACTS[one.channel].medium == "mailbox"] or abort(404)
        html = render_html(_outgoing(this, mails[0].title, mails[0].text, language))
    response = make_response(html)
    response.headers.update(FRAME)
    return response


def page(session: Session, this: Found, seen: preview.Preview | None = None) -> dict[str, Any]:
    """What every page about one broadcast shows of it: where it belongs, its texts and who gets them."""
    original = session.get(Broadcast, this.broadcast.follows_id) if this.broadcast.follows_id else None
    return {
        "section": "incidents",
        "mode": this.broadcast.mode,
        "broadcast": this.broadcast,
        "incident": this.incident,
        "title": headline(this.broadcast, {}),
        "preview": seen or preview.preview(session, this.broadcast, runtime().settings, this.playbook, utcnow()),
        "original": original,
        "original_title": headline(original, {}) if original else "",
        "call_out": found.call_out_of(session, this.broadcast),
        "said": said,
        "outside_gsm": outside_gsm,
        "facts": FACTS,
        "strange": links.strangers(runtime().settings, this.playbook, this.broadcast, this.broadcast.unit.key),
    }


def _draft_page(session: Session, this: Found) -> dict[str, Any]:
    parts, broadcast, language = page(session, this), this.broadcast, found.spoken()
    message = this.playbook.messages.get(broadcast.message) if this.playbook else None
    chosen = list(broadcast.audiences) + list(message.audiences if message else ())
    known = known_words(session, runtime().settings, this.incident, this.playbook, language) if this.playbook else {}
    return {
        **parts,
        "spoken": language,
        "slots": this.playbook.slots_of(broadcast.message) if this.playbook and message else {},
        # An untouched form is no mistake yet.
        "errors": {n: in_words(e) for n, e in parts["preview"].composed.slot_errors.items()} if broadcast.slots else {},
        "library": _library(session, broadcast),
        "usable": draft.usable_accounts(session, this.incident),
        "on_offer": reach.on_offer(session, broadcast.unit_id, chosen),
        "outline": loosely(message.full.in_(language), {**known, **filled_in(broadcast)}) if message else "",
        "sizes": _sizes(parts["preview"].composed),
    }


def _library(session: Session, broadcast: Broadcast) -> list[MediaItem]:
    """What the draft may carry, and what it carries already, usable or not."""
    carried = [row.item for row in broadcast.media]
    usable = (item for item in library.items(session, broadcast.unit_id) if library.why_not(item) is None)
    return [*carried, *(item for item in usable if item not in carried)]


def _change(session: Session, this: Found) -> None:
    form = request.form
    draft.change(
        session,
        actor(),
        this.broadcast,
        this.incident,
        _playbook(this),
        slots={name.removeprefix("slot-"): value for name, value in form.items() if name.startswith("slot-")},
        accounts=form.getlist("account"),
        audiences=form.getlist("audience"),
        media=_asked_media() if "media-shown" in form else None,
    )


def _asked_media() -> list[uuid.UUID]:
    try:
        return [uuid.UUID(one) for one in request.form.getlist("media")]
    except ValueError:
        abort(400)


def _playbook(this: Found) -> Playbook:
    if this.playbook is None or this.broadcast.message not in this.playbook.messages:
        raise NotAllowed("the playbook of this draft cannot be read; an administrator must mend its file")
    return this.playbook


def _sizes(composed: Composed) -> Sequence[dict[str, Any]]:
    """How full each text is, for the channels where room is short."""
    return [
        {
            "key": f"{words.channel}-{words.language}",
            "label": channel_word(words.channel),
            "language": words.language,
            "used": words.size.used,
            "limit": words.size.limit,
            "unit": told("parts") if words.size.unit == "parts" else told("characters"),
            "over": bool(words.size.over),
        }
        for words in composed.texts.values()
        if FACTS[words.channel].form == "short"
    ]


def _outgoing(this: Found, title: str, text: str, language: str) -> Outgoing:
    return Outgoing(
        reference="preview.1",
        delivery_id="preview",
        address="you@example.org",
        language=language,
        text=text,
        title=title,
        mode=this.broadcast.mode.value,
        phase=this.broadcast.phase,
        incident_id=this.incident.id.hex,
        incident_title=this.incident.title,
        organisation=this.broadcast.unit.name,
        released_at=this.broadcast.released_at or utcnow(),
        unsubscribe_url=runtime().unsubscribe.url(this.broadcast.id),
    )
