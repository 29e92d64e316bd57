"""A rumour from the queue to the public page: gathered, judged, answered by what was approved, and closed."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.channels.base import Inbound
from crisis.models import Account, Broadcast, InboundRow, Rumour, utcnow
from crisis.states import BroadcastState, InboundState, Mode, Role
from crisis.triage import inbox
from crisis.triage.reading import Reading
from tests.broadcasts.scene import PLAYBOOKS
from tests.console.scene import Browser, Night, a_night

SAID = ("Stemmer det at Ullevål er fullt og sender folk hjem?", "Hørte at Ullevål er fullt og sender folk bort")


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        shutil.copy(PLAYBOOKS / "false-information.toml", tmp_path / "playbooks")
        made.scene.sign_off()
        made.scene.user("tuva", Role.TRIAGER, Role.OFFICER)
        made.scene.user("line", Role.TRIAGER)
        yield made


@pytest.fixture
def tuva(night: Night) -> Browser:
    return night.browser("tuva")


def hear(night: Night, *texts: str, account: str = "x-live") -> list[uuid.UUID]:
    runtime = night.scene.runtime
    with runtime.database.writing() as session:
        row = session.scalars(select(Account).where(Account.key == account)).one()
        inbox.receive(session, row, [Inbound(text, f"@a{n}", text, utcnow()) for n, text in enumerate(texts)], utcnow())
    Reading(runtime.database, runtime.settings).read_some()
    with runtime.database.reading() as session:
        ids = {row.text: row.id for row in session.scalars(select(InboundRow))}
    return [ids[text] for text in texts]


def gather(night: Night, browser: Browser) -> str:
    first, second = hear(night, *SAID)
    page = f"/triage/{first}/rumour"
    html = browser.get(page).text
    assert re.search(rf'value="{second}" checked', html)
    answer = browser.send(page, page, claim="Ullevål er fullt", **{"with": str(second)})
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def test_from_the_queue_to_the_public_page(night: Night, tuva: Browser, tmp_path: Path) -> None:
    incident = night.scene.incident()
    night.scene.released(incident)
    rumour = gather(night, tuva)
    assert "/rumour" in tuva.get("/triage").text
    assert "said 2 times" in tuva.get(rumour).text
    assert "Not true" in tuva.follow(rumour, f"{rumour}/verdict", verdict="false", source="the ward, 03:12")
    drafted = tuva.send(rumour, f"{rumour}/draft", way="false-information:initial").location
    assert drafted == tuva.send(rumour, f"{rumour}/draft", way="false-information:initial").location
    # Nothing may be closed, and nothing is public, before it was released like every other statement.
    assert "in public yet" in tuva.follow(rumour, f"{rumour}/settle")
    with night.scene.runtime.database.writing() as session:
        row = session.scalars(select(Broadcast).where(Broadcast.rumour_id.is_not(None))).one()
        assert (row.state, row.mode) == (BroadcastState.DRAFT, Mode.LIVE)
        before = row.rumour_id
        row.state, row.released_at, row.digest = BroadcastState.RELEASED, utcnow(), "-"
        session.flush()
    assert before == uuid.UUID(rumour.rsplit("/", 1)[1])
    closed = tuva.send(rumour, f"{rumour}/settle").location
    with night.scene.runtime.database.reading() as session:
        assert set(session.scalars(select(InboundRow.state))) == {InboundState.CLOSED}
    page = tuva.get(closed).text
    assert "2 are closed" in page
    moment = re.search(r'name="undo" value="([^"]+)"', page)
    assert moment
    assert "2 wait again" in tuva.follow(rumour, f"{rumour}/settle", undo=moment[1])
    assert "0 wait again" in tuva.follow(rumour, f"{rumour}/settle", undo=moment[1])
    assert tuva.send(rumour, f"{rumour}/settle", undo="yesterday").status_code == 400
    assert tuva.send(rumour, f"{rumour}/settle", undo="2026-11-22").status_code == 400


def test_a_triager_gathers_and_judges_but_opens_no_draft(night: Night) -> None:
    line = night.browser("line")
    night.scene.incident()
    rumour = gather(night, line)
    html = line.get(rumour).text
    assert "An officer opens the statement" in html
    assert line.send(rumour, f"{rumour}/draft", way="false-information:initial").status_code == 403


def test_without_an_incident_the_page_says_what_to_do(night: Night, tuva: Browser) -> None:
    (first,) = hear(night, SAID[0])
    page = f"/triage/{first}/rumour"
    assert "an officer opens it" in tuva.get(page).text
    assert "an officer opens it" in tuva.follow(page, page, claim="x")


def test_another_unit_sees_and_changes_nothing(night: Night, tuva: Browser) -> None:
    night.scene.incident()
    rumour = gather(night, tuva)
    night.scene.user("odd", Role.TRIAGER, Role.OFFICER, unit="dep")
    odd = night.browser("odd")
    assert odd.get(rumour).status_code in (403, 404)
    for path in ("verdict", "settle", "wordings", "draft"):
        assert odd.send("/rumours", f"{rumour}/{path}", verdict="true", source="me").status_code in (403, 404)
    with night.scene.runtime.database.reading() as session:
        assert session.scalars(select(Rumour.verdict)).one() == "unknown"


def test_the_exercise_has_its_own(night: Night, tuva: Browser) -> None:
    night.scene.incident(Mode.DRILL)
    (first,) = hear(night, SAID[0], account="x-drill")
    (live,) = hear(night, SAID[1])
    page = f"/triage/{first}/rumour"
    assert str(live) not in tuva.get(page).text
    rumour = tuva.send(page, page, claim="Ullevål er fullt", **{"with": str(live)}).location
    assert "said once" in tuva.get(rumour).text
    assert rumour in tuva.get("/rumours?mode=drill").text
    assert rumour not in tuva.get("/rumours").text
