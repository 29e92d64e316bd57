"""Rotas and escalations made and changed through the pages, and the calendar's secret address."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Absence, Escalation, Rota, utcnow
from crisis.states import Role
from tests.console.scene import Night, a_night
from tests.oncall.scene import person_id


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        made.scene.user("ada", Role.ADMINISTRATOR)
        yield made


def test_a_rota_is_made_changed_and_subscribed_to(night: Night) -> None:
    ada, kari, scene = night.browser("ada"), night.browser("kari"), night.scene
    anne, per = str(person_id(scene, "own-anne")), str(person_id(scene, "own-per"))
    form = {
        "name": "Leder",
        "key": "leder",
        "length": "1",
        "every": "week",
        "handover": "08:00",
        "begins": "2026-01-05",
    }
    refused = ada.send("/rotas/new", "/rotas/new", **{**form, "handover": "late", "turns": [anne]})
    assert refused.status_code == 422
    assert 'value="Leder"' in refused.text, "what was typed is still there"
    page = ada.follow("/rotas/new", "/rotas/new", **form, turns=[anne, "", per])
    assert "Anne" in page
    assert "Per" in page
    with scene.runtime.database.reading() as session:
        rota_id = session.scalars(select(Rota.id)).one()
    home = kari.get("/").text
    assert "On call" in home
    starts = utcnow() + timedelta(hours=2)
    times = {
        "starts": starts.strftime("%Y-%m-%dT%H:%M"),
        "ends": (starts + timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M"),
    }
    page = kari.follow(f"/rotas/{rota_id}", f"/rotas/{rota_id}/stand-in", person="nobody", reason="course", **times)
    assert "Nobody is on call" in page
    assert "Nobody is on call" in kari.get("/").text, "loud on the first page too"
    assert "must come after" in kari.follow(
        f"/rotas/{rota_id}", f"/rotas/{rota_id}/stand-in", person=anne, starts=times["ends"], ends=times["starts"]
    )
    left_alone = kari.follow(f"/rotas/{rota_id}", f"/rotas/{rota_id}/stand-in", person="", **times)
    assert "choose who stands in" in left_alone, "a choice left alone makes no hole"
    shown = kari.send(f"/rotas/{rota_id}", f"/rotas/{rota_id}/feed").text
    address = shown.split('class="secret code">')[1].split("<")[0].removeprefix("https://crisis.example.org")
    stranger = night.app.test_client()
    feed = stranger.get(address)
    assert feed.mimetype == "text/calendar"
    assert "Leder: Anne" in feed.text or "Leder: Per" in feed.text
    assert stranger.get(address, headers={"If-None-Match": feed.headers["ETag"]}).status_code == 304
    assert stranger.get(address[:-5] + "x.ics").status_code == 404
    kari.send(f"/rotas/{rota_id}", f"/rotas/{rota_id}/feed")
    assert stranger.get(address).status_code == 404, "a new address ends the old"
    with scene.runtime.database.reading() as session:
        assert address.split("/")[-1].removesuffix(".ics") not in str(session.get_one(Rota, rota_id).feed_token)
    assert night.browser("vidar").send("/rotas/", f"/rotas/{rota_id}/stand-in").status_code == 403
    assert night.browser("dag").get(f"/rotas/{rota_id}").status_code == 404
    bad = {"file": (io.BytesIO(b"nonsense"), "x.ics")}
    assert "no iCalendar file" in ada.follow(f"/rotas/{rota_id}", f"/rotas/{rota_id}/import", **bad)


def test_an_escalation_is_made_and_mended(night: Night) -> None:
    ada, scene = night.browser("ada"), night.scene
    target = f"person:{person_id(scene, 'own-per')}"
    wrong = ada.send(
        "/escalations/", "/escalations/", name="Leder", key="leder", repeats="1", target=["rota:x"], minutes=["5"]
    )
    assert wrong.status_code == 422
    ada.follow(
        "/escalations/",
        "/escalations/",
        name="Leder",
        key="leder",
        repeats="1",
        target=[target, ""],
        minutes=["5", "5"],
    )
    with scene.runtime.database.reading() as session:
        row = session.scalars(select(Escalation)).one()
        assert [(step.person_id, step.wait_seconds) for step in row.steps] == [(person_id(scene, "own-per"), 300)]
    changed = {"name": "Leder", "repeats": "0", "target": [target, target], "minutes": ["1", "2"]}
    ada.follow("/escalations/", f"/escalations/{row.id}", **changed)
    with scene.runtime.database.reading() as session:
        assert [step.wait_seconds for step in session.get_one(Escalation, row.id).steps] == [60, 120]
    assert night.browser("kari").get("/escalations/").status_code == 403


def test_an_absence_is_noted_on_a_person(night: Night) -> None:
    person = person_id(night.scene, "own-anne")
    page = night.browser("kari").follow(
        f"/people/{person}",
        f"/people/{person}/absent",
        starts="2099-01-01T08:00",
        ends="2099-01-02T08:00",
        reason="leave",
    )
    assert "leave" in page
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(Absence.person_id)).one() == person
