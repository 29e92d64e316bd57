"""The personal address in a call-out's message: one asked person reads the words again and answers, without signing in.

Reading changes nothing, because link scanners read every page. It tells nothing about anybody else, and not even whom
it was made for.
"""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from crisis.console.guard import csrf, public
from crisis.console.here import runtime
from crisis.models import new_id, utcnow
from crisis.oncall import answering, links
from crisis.oncall.reply_words import LONGEST_WAIT

pages = Blueprint("callouts_answer", __name__)
csrf.exempt(pages)  # whoever holds the address may answer; there is no sign-in a forged form could borrow


@pages.get("/a/<token>")
@public
def ask(token: str) -> ResponseReturnValue:
    return _page(token, "")


@pages.post("/a/<token>")
@public
def answer(token: str) -> ResponseReturnValue:
    word, typed = request.form.get("answer", ""), request.form.get("minutes", "").strip()
    minutes = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 0
    if word not in ("yes", "no", "later") or (word == "later" and not 0 < minutes <= LONGEST_WAIT):
        return _page(token, "minutes"), 422
    with runtime().database.writing() as session:
        asked = links.opened(session, token, utcnow()) or abort(404)
        if asked.over:
            return _page(token, ""), 410
        reference, now = str(new_id()), utcnow()
        proven = asked.call_out.needs_pin and word != "no"
        if proven and not answering.right_pin(session, asked.ask, request.form.get("pin", ""), reference, now):
            wrong = "pin"
        else:
            said = answering.Said(word, "web", reference, minutes if word == "later" else None)
            answering.answer(session, asked.ask.id, said, now, proven=proven)
            wrong = ""
    return _page(token, wrong), 422 if wrong else 200


def _page(token: str, wrong: str) -> str:
    with runtime().database.reading() as session:
        asked = links.opened(session, token, utcnow()) or abort(404)
        values = {"asked": asked, "wrong": wrong, "drill": asked.call_out.mode == "drill", "most": LONGEST_WAIT}
        return render_template("console/callout_answer.html", **values)
