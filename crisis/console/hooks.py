"""Where providers call us: receipts, what people write, and keys on telephones. Public addresses, each call proven.

Hands the raw request to the account's channel, and its events to `keeping`, which stores them. Answers what the
provider expects; a body is never logged.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import cast
from urllib.parse import parse_qsl

import structlog
from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from crisis.channels.base import BadSignature, Hook, HookEvents, Press, ReadsHooks, Speaks, Speech
from crisis.channels.registry import KINDS
from crisis.console import refusals
from crisis.console.guard import csrf, public
from crisis.console.here import runtime
from crisis.console.keeping import Keeping, account_of
from crisis.models import utcnow
from crisis.oncall import replies
from crisis.settings import AccountSettings, SettingsError

pages = Blueprint("hooks", __name__)
csrf.exempt(pages)

log = structlog.get_logger()
LARGEST = 64 * 1024  # a provider's form is a few hundred bytes; a channel whose provider bundles says more
ON_THE_LINE = ("digits", "none", "incoming")  # somebody waits for what is said next; other news need no answer
MARKUP = {"Content-Type": "text/xml; charset=utf-8"}
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
_opening = threading.Lock()


@pages.get("/hooks/<key>/<any(status, inbound):kind>")
@public
def shake_hands(key: str, kind: str) -> ResponseReturnValue:
    """A provider tries the address before it uses it. 405 for accounts whose provider never does."""
    channel = _channel(key) or abort(404)
    if not getattr(channel, "shakes_hands", False):
        abort(405)
    return receive(key, kind)


@pages.post("/hooks/<key>/<any(status, inbound, voice, machine):kind>")
@public
def receive(key: str, kind: str) -> ResponseReturnValue:
    """403 for what is not proven, 404 for an account that reads no webhooks; unknown ids are kept and answered 200."""
    channel = _channel(key) or abort(404)
    try:
        hook = _hook(key, kind, getattr(channel, "largest_hook", LARGEST))
    except RequestEntityTooLarge:
        refusals.note(key, "oversized")
        return "too large\n", 413, PLAIN
    try:
        events = channel.read_hook(hook)
    except BadSignature:
        log.warning("hook.refused", account=key, kind=kind, size=len(hook.body))
        refusals.note(key, "forged")
        return "the signature does not hold\n", 403, PLAIN
    said = _keep(key, events)
    if said is not None and isinstance(channel, Speaks):
        press, speech = said
        return channel.speech(hook, press, speech), 200, MARKUP
    return events.answer, 200, {"Content-Type": f"{events.content_type}; charset=utf-8"}


def _hook(key: str, kind: str, largest: int) -> Hook:
    """The request as the provider signed it. The address is our public one, whatever a proxy made of it."""
    request.max_content_length = largest
    body, query = request.get_data(), request.query_string.decode("latin-1")
    form: Sequence[tuple[str, str]] = ()
    if request.mimetype == "application/x-www-form-urlencoded":
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    url = f"{runtime().settings.console.public_url}/hooks/{key}/{kind}{'?' if query else ''}{query}"
    return Hook(request.method, url, dict(request.headers), body, form)


def _channel(key: str) -> ReadsHooks | None:
    """The open channel of an account that reads webhooks, opened once in this process; None for any other."""
    told = next((account for account in runtime().settings.accounts if account.key == key), None)
    # Asked before opening, so that the console never holds the secrets of accounts that get no webhooks.
    if told is None or not hasattr(KINDS[told.channel].open, "read_hook"):
        return None
    channels: dict[str, ReadsHooks] = current_app.extensions.setdefault("crisis-hooks", {})
    with _opening:
        if key not in channels:
            channels[key] = _open(told)
    return channels[key]


def _open(told: AccountSettings) -> ReadsHooks:
    try:
        return cast("ReadsHooks", runtime().open_channel(told))
    except SettingsError as error:
        log.warning("hook.not_opened", account=told.key, mistakes=error.mistakes)
        abort(503)  # the provider tries again


def _keep(key: str, events: HookEvents) -> tuple[Press, Speech] | None:
    """Store what was told; for somebody on the line, what they hear next. Nothing is said that is not stored."""
    if events.receipts or events.inbounds:
        keeping: Keeping = current_app.extensions["crisis-keeping"]
        keeping.keep(key, events)
    if not events.presses:
        return None
    said = None
    with runtime().database.writing() as session:
        account = account_of(session, key)
        for press in events.presses:
            speech = replies.heard(session, account, press, utcnow())
            log.info("hook.pressed", account=key, word=press.word, step=press.step)
            if press.word in ON_THE_LINE:
                said = press, speech
    return said
