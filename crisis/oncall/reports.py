"""What machines report, as they come: Prometheus Alertmanager's webhook and JSON of any other monitor. Pure.

Each report opens an alert by its key or closes the one of that key. Alertmanager's shape: Prometheus documentation,
Alertmanager configuration, webhook_config (version "4").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crisis.states import NotAllowed

MOST = 200  # reports in one call

# What other monitors call the same thing; the first that is filled in counts.
KEYS = ("key", "dedup_key", "fingerprint", "alias", "id", "incident_key")
TITLES = ("title", "summary", "subject", "name", "alertname", "message")
TEXTS = ("text", "description", "body", "details", "message")
STATES = ("status", "state", "event_action", "action", "event_type")
OVER = frozenset({"resolved", "resolve", "ok", "closed", "close", "recovered", "recovery", "up", "normal"})


@dataclass(frozen=True, slots=True)
class Report:
    key: str
    title: str
    text: str = ""
    over: bool = False
    source: str = "api"
    details: Mapping[str, Any] = field(default_factory=dict)


def read(body: bytes) -> list[Report]:
    """The reports in a JSON body. Raises `NotAllowed` with what is wrong with it."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAllowed("the body is not JSON") from None
    if not isinstance(told, dict):
        raise NotAllowed("the body must be one JSON object")
    inner = told.get("alerts")
    if isinstance(inner, list) and inner and all(isinstance(one, dict) and "labels" in one for one in inner):
        found = [_alertmanager(one) for one in inner[: MOST + 1]]
    else:
        found = [_generic(told)]
    if len(found) > MOST:
        raise NotAllowed("more than %(most)d alerts in one call; set max_alerts to fewer", most=MOST)
    return found


def _alertmanager(one: Mapping[str, Any]) -> Report:
    labels, notes = _texts(one.get("labels")), _texts(one.get("annotations"))
    canonical = json.dumps(labels, sort_keys=True, ensure_ascii=False)
    key = str(one.get("fingerprint") or "") or hashlib.sha256(canonical.encode()).hexdigest()[:32]
    title = notes.get("summary") or notes.get("title") or labels.get("alertname") or ""
    if not title:
        raise NotAllowed("an alert has neither the annotation summary nor the label alertname")
    where = labels.get("instance") or labels.get("job") or ""
    text = notes.get("description") or notes.get("message") or ""
    shown = title if not where or where in title else f"{title} ({where})"
    over = str(one.get("status", "")).lower() == "resolved"
    return Report(f"alertmanager:{key}", shown, text, over, "alertmanager", {"labels": labels})


def _generic(told: Mapping[str, Any]) -> Report:
    inner = told.get("payload")
    places = [told, inner] if isinstance(inner, dict) else [told]
    title, key = _first(places, TITLES), _first(places, KEYS)
    over = _first(places, STATES).lower() in OVER
    if not title and not (over and key):
        raise NotAllowed("the body has no title; send at least title, and key if the alert is to be closed by it")
    text = _first(places, TEXTS)
    return Report(key or title, title or key, "" if text == title else text, over)


def _first(places: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    for place in places:
        for name in names:
            value = place.get(name)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()
    return ""


def _texts(told: object) -> dict[str, str]:
    """At most fifty short pairs of what a machine calls labels."""
    if not isinstance(told, dict):
        return {}
    return {str(name)[:60]: str(value)[:2000] for name, value in list(told.items())[:50]}
