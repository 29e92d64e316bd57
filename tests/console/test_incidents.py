"""The incident pages: opening one, who sees it, and what it offers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import Account, Broadcast, InboundRow, Incident, utcnow
from crisis.states import DeliveryState, Mode
from tests.console.scene import Night, a_night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        yield made


def _open(night: Night, **form: str) -> str:
    wanted = {"mode": "drill", "title": "Togulykke", "playbook": "mass-casualty", **form}
    answer = night.browser("kari").send("/incidents/new", "/incidents", **wanted)
    return answer.location if answer.status_code == 302 else answer.text


def test_nothing_is_chosen_beforehand(night: Night) -> None:
    html = night.browser("kari").get("/incidents/new").text
    assert "checked" not in html.split("<main")[1]
    assert 'class="live"><input type="radio"' in html
    assert 'class="drill"><input type="radio"' in html


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": ""}, "is this real"),
        ({"playbook": "no-such"}, "choose a playbook"),
        ({"title": " "}, "give the incident"),
    ],
)
def test_half_a_form_opens_nothing_and_is_kept(night: Night, wrong: dict[str, str], words: str) -> None:
    html = _open(night, **wrong)
    assert words in html
    assert wrong.get("title", "Togulykke") in html
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(Incident)).all() == []


@pytest.mark.parametrize("mode", ["live", "drill"])
def test_opened_page_shows_its_mode_and_what_can_be_sent(night: Night, mode: str) -> None:
    night.scene.sign_off("initial")
    html = night.browser("kari").get(_open(night, mode=mode)).text
    assert f'<body class="{mode}"' in html
    assert ("EXERCISE" in html) == (mode == "drill")
    assert "Signed off: you can release it alone." in html
    assert "nobody has signed this message off" in html
    assert "Mass casualty incident" in html
    assert f"https://{mode}.example.org/" in html


def test_a_strangers_unit_is_not_there(night: Night) -> None:
    incident = night.scene.incident()
    draft = night.scene.drafted(incident)
    for path in (f"/incidents/{incident}", f"/broadcasts/{draft}", f"/broadcasts/{draft}/board", f"/approvals/{draft}"):
        assert night.browser("dag").get(path).status_code == 404, path
    assert str(incident) not in night.browser("dag").get("/incidents").text
    assert night.browser("kari").get(f"/incidents/{uuid.uuid4()}").status_code == 404


def test_a_viewer_sees_and_cannot_act(night: Night) -> None:
    incident = night.scene.incident()
    viewer = night.browser("vidar")
    html = viewer.get(f"/incidents/{incident}").text
    assert "Send the first message" not in html
    assert "Close the incident" not in html
    assert viewer.send("/incidents", f"/incidents/{incident}/draft", message="initial").status_code == 403
    assert viewer.get("/incidents/new").status_code == 403


def test_a_second_press_makes_no_second_draft(night: Night) -> None:
    incident, kari = night.scene.incident(), night.browser("kari")
    first = kari.send(f"/incidents/{incident}", f"/incidents/{incident}/draft", message="initial").location
    assert kari.send(f"/incidents/{incident}", f"/incidents/{incident}/draft", message="initial").location == first
    with night.scene.runtime.database.reading() as session:
        assert len(session.scalars(select(Broadcast)).all()) == 1


def test_broken_and_outdated_playbooks_say_why(night: Night) -> None:
    file = night.scene.folder / "playbooks" / "it-outage.toml"
    file.write_text("nonsense = [")
    old = night.scene.folder / "playbooks" / "mass-casualty.toml"
    old.write_text(old.read_text().replace("valid_until = 2027-10-01", "valid_until = 2020-10-01"))
    html = night.browser("kari").get("/incidents/new").text
    assert "it-outage.toml" in html
    assert 'value="it-outage"' not in html
    assert "outdated" in html


def test_an_incident_outlives_its_playbook(night: Night) -> None:
    incident = night.scene.incident()
    (night.scene.folder / "playbooks" / "mass-casualty.toml").write_text("nonsense = [")
    html = night.browser("kari").get(f"/incidents/{incident}").text
    assert "cannot be read" in html
    assert "line 1" in html


def test_what_people_say_is_listed_and_counted(night: Night) -> None:
    scene = night.scene
    scene.sign_off()
    incident = scene.incident()
    broadcast = scene.released(incident)
    scene.deliver("sms-live")
    delivery = next(row for row in scene.deliveries(broadcast) if row.state is DeliveryState.ACCEPTED)
    with scene.runtime.database.writing() as session:
        accounts = {row.key: row for row in session.scalars(select(Account))}
        now = utcnow()
        for key, text, linked, at in [
            ("sms-live", "Is my son <b>there</b>?", delivery.id, now),
            ("x-live", "What is going on?", None, now - timedelta(seconds=1)),
            ("x-live", "Nice hospital", None, now - timedelta(days=3)),
            ("x-drill", "Exercise!", None, now),
        ]:
            session.add(
                InboundRow(
                    account_id=accounts[key].id,
                    unit_id=accounts[key].unit_id,
                    mode=accounts[key].mode,
                    channel=accounts[key].channel,
                    provider_id=text,
                    author="+47900",
                    text=text,
                    at=at,
                    delivery_id=linked,
                )
            )
        session.get_one(Incident, incident).opened_at = now - timedelta(hours=1)
    html = night.browser("vidar").get(f"/incidents/{incident}").text
    assert "Is my son &lt;b&gt;there&lt;/b&gt;?" in html
    assert html.index("Is my son") < html.index("What is going on?")
    assert "Nice hospital" not in html
    assert "Exercise!" not in html
    assert "(2)" in html
    assert "(2)" in night.browser("vidar").get(f"/incidents/{incident}/heard").text


def test_what_is_said_next_goes_to_those_who_got_the_first(night: Night) -> None:
    scene, kari = night.scene, night.browser("kari")
    scene.sign_off()
    incident = scene.incident()
    html = kari.get(f"/incidents/{incident}").text
    assert "Send the first message" in html
    assert "Something else has been said already" in html
    broadcast = scene.released(incident)
    html = kari.get(f"/incidents/{incident}").text
    assert "To exactly those who got: Many injured at Oslo S" in html
    assert "People would get it twice." in html  # the first message is folded away
    location = kari.send(f"/incidents/{incident}", f"/broadcasts/{broadcast}/follow", message="correction").location
    assert scene.broadcast(uuid.UUID(location.split("/")[2])).follows_id == broadcast
    assert f'action="/broadcasts/{broadcast}/follow"' in html


def test_closing_waits_until_everything_has_left(night: Night) -> None:
    scene, kari = night.scene, night.browser("kari")
    scene.sign_off()
    incident = scene.incident(Mode.DRILL)
    scene.released(incident)
    path = f"/incidents/{incident}"
    assert "still being sent" in kari.follow(path, f"{path}/close")
    with scene.runtime.database.writing() as session:
        for row in session.scalars(select(Broadcast)):
            row.state = "closed"
    html = kari.follow(path, f"{path}/close")
    assert "This incident is closed." in html
    assert "Messages you can send" not in html
