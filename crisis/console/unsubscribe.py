"""Saying stop from an e-mail: a page with one button, and the one-click answer that mail programs send by themselves.

Reading the page changes nothing, because link scanners read every page. It works for ever, twice is as good as once, and
nobody learns from it who was written to.
"""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from crisis.console.guard import csrf, public
from crisis.console.here import runtime
from crisis.models import Delivery, utcnow
from crisis.sending.consent import opt_out
from crisis.sending.unsubscribe import NotOurs

pages = Blueprint("unsubscribe", __name__)
csrf.exempt(pages)  # RFC 8058: the mail program has no form token; the one in the address is proof enough


@pages.get("/unsubscribe/<token>")
@public
def ask(token: str) -> ResponseReturnValue:
    _delivery_id(token)
    return render_template("console/unsubscribe.html", done=False)


@pages.post("/unsubscribe/<token>")
@public
def stop(token: str) -> ResponseReturnValue:
    delivery_id = _delivery_id(token)
    with runtime().database.writing() as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is not None:
            opt_out(session, delivery.account_id, delivery.address, "link", utcnow())
    return render_template("console/unsubscribe.html", done=True)


def _delivery_id(token: str) -> uuid.UUID:
    try:
        return runtime().unsubscribe.read(token)
    except NotOurs:
        abort(404)
