"""Meta's webhooks, whatever the network: the handshake of a new address, the proof of a message, its changes.

Each network reads the changes itself. A word nobody knows changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crisis.channels.base import BadSignature, Hook, HookEvents, Inbound

CHALLENGE = re.compile(r"[\w.~-]{1,200}", re.ASCII)  # Meta sends digits; nothing that a browser would take for a page
LARGEST = 1024 * 1024  # one message may bundle a thousand changes (Graph API docs, webhooks)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened. `whose` is the page, profile or account it happened to."""

    topic: str  # "page", "instagram", "threads"
    whose: str
    field: str
    at: float  # seconds since 1970; when Meta noticed
    value: Mapping[str, Any]


def shake(hook: Hook, verify_token: str) -> HookEvents:
    """Answer the question that Meta asks of a new address. Raises `BadSignature` when it does not know our word.

    Graph API docs, webhooks: hub.mode, hub.verify_token and hub.challenge, answered with the challenge alone.
    """
    asked = {name: values[0] for name, values in parse_qs(urlsplit(hook.url).query).items()}
    known = verify_token and _same(asked.get("hub.verify_token", ""), verify_token)
    challenge = asked.get("hub.challenge", "")
    if asked.get("hub.mode") != "subscribe" or not known or not CHALLENGE.fullmatch(challenge):
        raise BadSignature
    return HookEvents(answer=challenge)


def prove(hook: Hook, app_secret: str) -> None:
    """Raises `BadSignature` unless the body came from somebody who knows the app's secret.

    X-Hub-Signature-256 is the HMAC of the body as it came, escapes and all (Graph API docs, webhooks).
    """
    given = next((value for name, value in hook.headers.items() if name.lower() == "x-hub-signature-256"), "")
    ours = "sha256=" + hmac.new(app_secret.encode(), hook.body, hashlib.sha256).hexdigest()
    if not app_secret or not _same(given, ours):
        raise BadSignature


def events(hook: Hook, topic: str, heard: Callable[[Change], Inbound | None], keys: tuple[str, str]) -> HookEvents:
    """What people said according to a message about `topic`, or the answer to Meta's question. `keys`: app, verify token.

    Raises `BadSignature` before anything else is looked at.
    """
    app_secret, verify_token = keys
    if hook.method == "GET":
        return shake(hook, verify_token)
    prove(hook, app_secret)
    told = [heard(one) for one in changes(hook) if one.topic == topic]
    return HookEvents(inbounds=[one for one in told if one is not None])


def changes(hook: Hook) -> Iterator[Change]:
    """What a proven message says. Nothing for a body that is no message of Meta's."""
    try:
        body = json.loads(hook.body)
    except (ValueError, RecursionError):
        return
    if not isinstance(body, dict):
        return
    topic = str(body.get("object") or "")
    for entry in _tables(body.get("entry")):
        for change in _tables(entry.get("changes")):
            yield from _change(topic, entry.get("id"), entry.get("time"), change)
    # Threads wraps a single change without entries (Threads API docs, webhooks; recalled, not tried).
    for change in _tables([body.get("values")]):
        yield from _change("threads", body.get("target_id"), body.get("time"), change)


def _change(topic: str, whose: object, at: object, change: Mapping[str, Any]) -> Iterator[Change]:
    value = change.get("value")
    if isinstance(value, dict):
        seconds = float(at) if isinstance(at, int | float) else 0.0
        yield Change(topic, str(whose or ""), str(change.get("field") or ""), seconds, value)


def _tables(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode())
