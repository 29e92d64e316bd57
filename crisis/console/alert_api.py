"""Where machines open and close alerts: `POST /api/alerts`. Public to the guard; a signature or a token stands in its place.

A signed call names its time and is obeyed once; a sender that cannot sign shows a token. A body is never logged.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

import structlog
from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from crisis.actor import Actor
from crisis.console.guard import csrf, public
from crisis.console.here import runtime
from crisis.db import rows_changed
from crisis.models import SeenCall, utcnow
from crisis.oncall import alerts, reports
from crisis.settings import SecretRef, SettingsError, UnitSettings
from crisis.states import Mode, NotAllowed

pages = Blueprint("alert_api", __name__)
csrf.exempt(pages)

log = structlog.get_logger()
LARGEST = 256 * 1024
WINDOW = timedelta(minutes=5)  # how far a signed time may lie from ours, either way
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


@pages.post("/api/alerts")
@public
def receive() -> ResponseReturnValue:
    """403 for what is not proven, 413 too large, 422 for what cannot be read; says what was opened, counted and closed."""
    request.max_content_length = LARGEST
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        return "too large\n", 413, PLAIN
    now = utcnow()
    try:
        unit, seen = _proven(body, now)
    except SettingsError as error:
        log.error("alerts.no_key", mistakes=error.mistakes)
        return "the key of this unit can't be read\n", 503, PLAIN
    if unit is None:
        log.warning("alerts.refused", size=len(body))
        return "not proven: docs/alerts.md says how a call is signed\n", 403, PLAIN
    try:
        mode = Mode(request.args.get("mode", "live"))
        found = reports.read(body)
        with runtime().database.writing() as session:
            if seen and not _first_time(session, seen, now):
                return jsonify({"opened": 0, "counted": 0, "closed": 0, "repeated": True})
            return jsonify(_obey(session, unit, mode, found, now))
    except NotAllowed as error:
        return f"{error}\n", 422, PLAIN
    except ValueError:
        return "mode is live or drill\n", 422, PLAIN


def _obey(
    session: Session, told: UnitSettings, mode: Mode, found: list[reports.Report], now: datetime
) -> dict[str, object]:
    unit = alerts.unit_named(session, told.key)
    done: dict[str, object] = {"opened": 0, "counted": 0, "closed": 0}
    ids = []
    for one in found:
        if one.over:
            word = "closed" if alerts.close_by_key(session, unit.id, mode, one.key, "resolved", now) else ""
        else:
            opening = alerts.Opening(
                one.key, one.title, one.text, one.source, request.args.get("escalation", ""), dict(one.details)
            )
            alert, new = alerts.open_alert(session, Actor(None, one.source), unit.id, mode, opening, now)
            ids.append(str(alert.id))
            word = "opened" if new else "counted"
        if word:
            done[word] = int(str(done[word])) + 1
    return {**done, "ids": ids}


def _proven(body: bytes, now: datetime) -> tuple[UnitSettings | None, str]:
    """The unit whose key signed this or whose token it shows, and the digest of a signed call. None: neither.

    An unknown unit answers like a wrong key, so that nobody learns which there are.
    """
    units = runtime().settings.units
    wanted = request.args.get("unit", units[0].key if len(units) == 1 else "")
    unit = next((one for one in units if one.key == wanted), None)
    if unit is None:
        return None, ""
    if given := request.headers.get("X-Crisis-Signature", ""):
        at = request.headers.get("X-Crisis-Timestamp", "")
        if unit.alert_key is None or not _in_time(at, now):
            return None, ""
        signed = signature(_reveal(unit.alert_key), at, request.query_string, body)
        right = hmac.compare_digest(given.removeprefix("sha256=").encode(), signed.encode())
        return (unit, hashlib.sha256(signed.encode()).hexdigest()) if right else (None, "")
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if unit.alert_token is None or kind.lower() != "bearer":
        return None, ""
    right = hmac.compare_digest(token.strip().encode(), _reveal(unit.alert_token).encode())
    return (unit if right else None), ""


def signature(key: str, timestamp: str, query: bytes, body: bytes) -> str:
    """HMAC-SHA256 over the time, what follows the question mark, and the body, parted by line feeds, in hex.

    The query is part of it, so that a call signed for a drill cannot be turned into a live one.
    """
    return hmac.new(key.encode(), timestamp.encode() + b"\n" + query + b"\n" + body, hashlib.sha256).hexdigest()


def _reveal(ref: SecretRef) -> str:
    """Raises `SettingsError`, also for an empty secret: anybody could sign with that."""
    secret = ref.reveal()
    if not secret:
        raise SettingsError(["the key for alerts is empty"])
    return secret


def _in_time(written: str, now: datetime) -> bool:
    if not (written.isascii() and written.isdigit() and len(written) <= 11):
        return False
    return abs(now.timestamp() - int(written)) <= WINDOW.total_seconds()


def _first_time(session: Session, digest: str, now: datetime) -> bool:
    session.execute(delete(SeenCall).where(SeenCall.at < now - 3 * WINDOW))
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(SeenCall)
    return rows_changed(session, insert.values(digest=digest, at=now).on_conflict_do_nothing()) == 1
