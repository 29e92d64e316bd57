"""Nobody of one unit sees, changes or points at anything of another, whatever address they open and whatever they send."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from crisis.console.guard import guard_of
from crisis.models import Account, Base, Unit, User
from crisis.runtime import Runtime
from crisis.states import Role
from tests.console.everything import fill
from tests.console.test_guards import path_of, sign_in_without_token

OURS, THEIRS = "Hemmeligheten", "Naboens"
TEMPLATES = Path(__file__).parents[2] / "templates" / "console"
Ids = dict[str, uuid.UUID]


@pytest.fixture
def both(runtime: Runtime) -> dict[str, Ids]:
    """One row of everything in each of the two units."""
    with runtime.database.writing() as session:
        units = {unit.key: unit for unit in session.scalars(select(Unit))}
        return {"ous": fill(session, units["ous"], OURS), "dep": fill(session, units["dep"], THEIRS)}


@pytest.fixture
def neighbour(app: Flask, runtime: Runtime, make_user: Any, both: dict[str, Ids]) -> Any:
    """Somebody who may do everything there is, in the other unit, and is one of its staff."""
    app.config["WTF_CSRF_ENABLED"] = False
    app.testing = False
    user = make_user("nabo", *Role, unit="dep")
    with runtime.database.writing() as session:
        session.get_one(User, user.id).person_id = both["dep"]["person_id"]
    return sign_in_without_token(app, user)


def addresses(app: Flask, ids: Mapping[str, uuid.UUID], *, naming: bool) -> Iterator[tuple[str, str]]:
    """(method, path) of every page that names a row, or of every one that names none, with `ids` in it."""
    for rule in app.url_map.iter_rules():
        guard = guard_of(app, rule.endpoint)
        named = [name for name, one in rule._converters.items() if type(one).__name__ == "UUIDConverter"]
        if guard is None or guard.kind == "public" or bool(named) != naming:
            continue
        unknown = set(named) - set(ids)
        assert not unknown, f"{rule.rule}: tests/console/everything.py makes no {unknown}"
        path = path_of(app, rule)
        for name in named:
            path = path.replace(str(uuid.UUID(int=7)), str(ids[name]), 1)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, path


def test_every_address_that_names_a_row_of_another_unit_is_refused(app: Flask, both: Any, neighbour: Any) -> None:
    asked = 0
    for method, path in addresses(app, both["ous"], naming=True):
        answer = neighbour.open(
            path, method=method, data={"channel": "sms", "language": "nb"} if method == "POST" else None
        )
        # 400: the form was no good before anything was looked up. One's own page says no in words.
        refused = (302, 400, 403, 404) if path.startswith("/me/") else (400, 403, 404)
        assert answer.status_code in refused, (method, path, answer.status_code)
        assert OURS not in answer.text, (method, path)
        asked += 1
    assert asked > 50


def test_pages_of_ones_own_unit_show_nothing_of_another(app: Flask, both: Any, neighbour: Any) -> None:
    """Neither by themselves nor when the address asks for the other unit's things."""
    shown = 0
    asked = {"unit": "ous", "account": "sms-ous-live", **{name[:-3]: str(one) for name, one in both["ous"].items()}}
    for naming in (True, False):
        for method, path in addresses(app, both["dep"], naming=naming):
            if method == "GET":
                plain = neighbour.get(path)
                assert plain.status_code < 500, path
                assert OURS not in plain.text, path
                assert not [name for name, one in both["ous"].items() if str(one) in plain.text], path
                asking = neighbour.get(path, query_string=asked, headers={"X-Fragment": "1"})
                assert asking.status_code < 500, path
                assert OURS not in asking.text, path
                shown += THEIRS in plain.text
    assert shown > 20, "the pages show what there is"


def everything_kept(runtime: Runtime) -> dict[tuple[str, ...], str]:
    """Every row of every table, in words."""
    with runtime.database.reading() as session:
        return {
            (table.name, *(str(row[column.key]) for column in table.primary_key)): repr(sorted(row.items(), key=str))
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table)).mappings()
        }


def forms(ours: Mapping[str, uuid.UUID], own: Mapping[str, uuid.UUID], account: str) -> Iterator[dict[str, Any]]:
    """What a form may say, filled in properly, with another unit's things wherever a thing is named."""
    soon = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    later = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    written = dict.fromkeys(("title", "text", "name", "reason", "text-nb", "text-nn", "text-en", "owner", "source", "licence", "claim", "site", "note", "taken_by"), "Noe annet") | {
        "key": "noe-annet", "login": "noen-ny", "reference": "r-77", "language": "nb", "mode": "live", "minutes": "10",
        "repeats": "1", "every": "week", "length": "1", "handover": "08:00", "begins": "2026-01-05", "country": "NO",
        "starts": soon, "ends": later, "at": soon, "playbook": "mass-casualty", "message": "initial", "go": "1",
        "break_glass": "Noe annet", "digest": "0" * 64, "answer": "yes", "medium": "phone", "address": "+4791234567",
        "consent": "yes", "roles": "officer", "until": "2027-01-01", "number": "1", "skill": "", "manner-sms-ous-live": "apart",
    }  # fmt: skip
    named = {
        "account": account, "group": str(ours["group_id"]), "groups": str(ours["group_id"]), "audience": "group-ous",
        "person": str(ours["person_id"]), "turns": str(ours["person_id"]), "holiday_turns": str(ours["person_id"]),
        "media": str(ours["item_id"]), "post": str(ours["post_shown_id"]), "suggestion": str(ours["suggestion_id"]),
        "incident": str(ours["incident_id"]), "broadcast": str(ours["broadcast_id"]), "rumour": str(ours["rumour_id"]),
        "inbound": str(ours["inbound_id"]), "escalation": str(ours["escalation_id"]), "alert": str(ours["alert_id"]),
        "ask": str(ours["ask_id"]), "unit": "ous", "delivery": str(ours["delivery_id"]), "user": str(ours["user_id"]),
        "persons": str(ours["person_id"]), "ids": str(ours["inbound_id"]), "id": str(ours["inbound_id"]),
    }  # fmt: skip
    for kind in ("person", "rota", "group"):
        yield {**written, **named, "target": f"{kind}:{ours[f'{kind}_id']}"}
    for what in ("claim", "back", "snooze", "reopen", "take", "hide", "delete", "hand", "answer", "urgent", "fold"):
        for one in (ours["inbound_id"], own["inbound_id"]):
            yield {**written, **named, "do": f"{what} {one} {ours['inbound_id']}"}
            yield {**written, **named, "do": f"{what} {one} unit:ous"}
    yield {**written, **named, "do": f"close {ours['inbound_id']} spam"}


def test_no_form_reaches_into_another_unit(app: Flask, runtime: Runtime, both: Any, neighbour: Any) -> None:
    """What is sent may be taken or refused: nothing of the other unit changes, and nothing new points at it."""
    with runtime.database.reading() as session:
        account = session.get_one(Account, both["ous"]["account_id"]).key
    secret = [str(one) for one in both["ous"].values()]
    secret += [one.replace("-", "") for one in secret]
    before = everything_kept(runtime)
    ours = {key: words for key, words in before.items() if any(one in f"{key}{words}" for one in secret)}
    assert len(ours) > len(both["ous"])
    named = [(ids, naming) for ids in (both["dep"], both["ous"]) for naming in (True, False)]
    posts = list(dict.fromkeys(one for ids, naming in named for one in addresses(app, ids, naming=naming)))
    ends = re.compile(r"/(sign-out|password|enrol)")
    for number, form in enumerate(forms(both["ous"], both["dep"], account)):
        for method, path in posts:
            if method == "GET" or ends.search(path) or ("do" in form and "/triage/" not in path):
                continue
            answer = neighbour.open(path, method=method, data=form)
            assert answer.status_code < 500, (path, number, form)
            assert OURS not in answer.text, (path, number)
    after = everything_kept(runtime)
    for key, words in ours.items():
        assert after.get(key) == words, f"{key} of another unit was changed"
    for key, words in after.items():
        if key not in ours and key[0] != "saved_view":  # somebody's own words for a search, which finds nothing
            assert not [one for one in secret if one in f"{key}{words}"], f"{key} points into another unit: {words}"
