"""The calendar through a browser: from words to a yes, and what an incident leaves for somebody to decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Incident, PlannedPost
from crisis.states import Mode, PlannedState
from tests.console.scene import Browser, Night, a_night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        yield made


WORDS = {"title": "Vaksinekurs", "text-nb": "Nytt kurs i høst.", "tags": "kurs", "account": "x-live"}


def written(kari: Browser, **more: str) -> str:
    kari.follow("/calendar/new", "/calendar/new", **{**WORDS, **more})
    return re.findall(r'href="(/calendar/[0-9a-f-]{36})"', kari.get("/calendar/").text)[0]


def when(night: Night, hours: float) -> str:
    at = night.scene.now.astimezone(night.scene.settings.unit("ous").tz) + timedelta(hours=hours)
    return at.strftime("%Y-%m-%dT%H:%M")


def state(night: Night) -> PlannedState:
    with night.scene.runtime.database.reading() as session:
        return session.scalars(select(PlannedPost)).one().state


def test_planned_approved_held_back_and_decided(night: Night) -> None:
    kari, anne = night.browser("kari"), night.browser("anne")
    where = written(kari)
    assert "Nytt kurs i høst.\n#kurs" in kari.get(where).text
    assert "/ 280" in kari.get(where).text
    assert "choose a time that is still to come" in kari.follow(where, f"{where}/plan", at=when(night, -2))
    kari.follow(where, f"{where}/plan", at=when(night, 3))
    anne.follow(where, f"{where}/approve")
    assert state(night) is PlannedState.APPROVED
    incident_id = night.scene.incident(Mode.LIVE)
    assert "1 planned post is held back" in anne.get("/").text
    assert "A live incident is open" in kari.get("/calendar/").text
    assert "a live incident was opened" in kari.get(where).text
    assert f"{where}/resume" not in kari.get(where).text, "not while it is open"
    assert "a live incident is open" in kari.follow(where, f"{where}/resume", at=when(night, 5))
    with night.scene.runtime.database.writing() as session:
        session.get_one(Incident, incident_id).closed_at = night.scene.now
    kari.follow(where, f"{where}/resume", at=when(night, 5))
    assert state(night) is PlannedState.APPROVED
    kari.follow(where, f"{where}/cancel")
    assert state(night) is PlannedState.CANCELLED


def test_changed_words_are_a_draft_again(night: Night) -> None:
    kari = night.browser("kari")
    where = written(kari)
    kari.follow(where, f"{where}/plan", at=when(night, 3))
    kari.follow(f"{where}/words", f"{where}/words", **{**WORDS, "text-nb": "Noe annet.", "own-x-en": "Else."})
    assert state(night) is PlannedState.DRAFT
    assert "Noe annet." in kari.get(where).text
    assert "Else." in kari.get(where).text


def test_a_mistake_keeps_what_was_typed(night: Night) -> None:
    kari = night.browser("kari")
    answer = kari.send("/calendar/new", "/calendar/new", **{**WORDS, "link": "javascript:alert(1)"})
    assert answer.status_code == 422
    assert "Nytt kurs i høst." in answer.text
    assert "whole address" in answer.text


def test_filters(night: Night) -> None:
    kari = night.browser("kari")
    where = written(kari)
    kari.follow(where, f"{where}/plan", at=when(night, 3))
    for query, there in (("tag=kurs", True), ("tag=annet", False), ("account=x-live", True), ("account=z", False)):
        page = kari.get(f"/calendar/?span=week&{query}").text
        assert (where in page) is there, query
    assert kari.get("/calendar/?since=nonsense&span=nonsense").status_code == 200


def test_who_may_what(night: Night) -> None:
    where = written(night.browser("kari"))
    vidar, dag = night.browser("vidar"), night.browser("dag")
    assert vidar.get(where).status_code == 200
    assert vidar.get("/calendar/new").status_code == 403
    assert vidar.send(where, f"{where}/cancel").status_code == 403
    assert vidar.send(where, f"{where}/approve").status_code == 403
    assert dag.get(where).status_code == 404, "another unit's"
    assert dag.send("/calendar/", f"{where}/cancel").status_code == 404
