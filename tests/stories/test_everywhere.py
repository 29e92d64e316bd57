"""One release reaches every channel there is, each shows it as that network does, and nobody is alarmed by how it looks there."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.broadcasts import draft, live_now
from crisis.broadcasts.release import release
from crisis.channels.registry import FACTS
from crisis.media import incoming, library
from crisis.models import Account, Incident, ShownPost, Unit
from crisis.states import Mode, Standing
from tests.media.files import film, jpeg
from tests.stories.proof import history, prove
from tests.stories.town import SLOTS, Town, eventually, town

pytestmark = pytest.mark.slow
ALT = {"nb": "Kart over møtestedet", "nn": "Kart over møtestaden", "en": "Map of the meeting point"}
TELL = {"x", "facebook", "instagram", "threads", "linkedin", "mastodon", "bluesky", "wordpress", "youtube", "flickr"}


def in_the_library(here: Town, path: Path, key: str) -> uuid.UUID:
    kept = incoming.take(here.runtime.media, here.runtime.settings, path)
    actor, now = here.officer(), datetime.now(UTC)
    with here.runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        row = library.add(session, actor, unit_id, kept, key, key, now)
        library.describe(session, actor, row, key, ALT, now)
        library.record_rights(session, actor, row, "OUS", "Fotoavdelingen", "our own", now)
        library.record_consent(session, actor, row, "nobody", now)
        return row.id


def release_everywhere(here: Town, media: list[uuid.UUID]) -> uuid.UUID:
    """The mass-casualty message on every account of the hospital; a picture chosen by hand needs two or broken glass."""
    playbook = here.runtime.playbooks.shelf().playbooks["mass-casualty"]
    actor, incident_id, now = here.officer(), here.open(Mode.LIVE), datetime.now(UTC)
    with here.runtime.database.writing() as session:
        incident = session.get_one(Incident, incident_id)
        made = draft.start(session, actor, incident, playbook, "initial")
        keys = [one.key for one in draft.usable_accounts(session, incident) if one.channel != "voice"]
        draft.change(
            session, actor, made, incident, playbook, slots=SLOTS, accounts=keys, audiences=["staff"], media=media
        )
        release(session, actor, made, here.runtime.settings, playbook, now, break_glass="practised by this test")
        return made.id


def test_one_release_reaches_every_channel_and_stands_on_each_as_approved(tmp_path: Path) -> None:
    (tmp_path / "kart.jpg").write_bytes(jpeg(1600, 1200))
    with town(tmp_path) as here:
        here.populate(3, channels=("phone", "mailbox"))
        media = [
            in_the_library(here, tmp_path / "kart.jpg", "map"),
            in_the_library(here, film(tmp_path / "a.mp4"), "film"),
        ]
        here.start("console", "sender-live", "clock", "listener")
        broadcast = release_everywhere(here, media)
        states = here.settled(broadcast, within=120)
        assert set(states) <= {"accepted", "delivered"}, states
        with here.runtime.database.reading() as session:
            channels = {one.id: one.channel for one in session.scalars(select(Account))}
        reached = Counter(channels[one.account_id] for one in history(here, broadcast))
        assert set(reached) == set(FACTS) - {"voice"}  # the telephone calls people in; it reads no statements
        prove(here, broadcast)

        state = here.simulator.state()
        assert state["refused"] == []
        place = SLOTS["place"]
        assert [place in post["text"] for post in state["posts"]] == [True]
        assert len(state["mails"]) == 3
        for name, seen in state["networks"].items():
            ours = [one for one in seen if one["ours"]]
            assert ours, f"nothing on {name}"
            assert all(place in one["title"] + one["text"] for one in ours), name
            assert name == "apprise" or all(one["pictures"] for one in ours), f"no picture on {name}"
        whatsapp = [one for one in state["messages"] if one["to"].startswith("whatsapp:")]
        assert len(whatsapp) == 3
        assert all(place in one["body"] for one in whatsapp)

        assert stand(here, broadcast) == {name: {Standing.PRESENT} for name in TELL}
        with here.runtime.database.reading() as session:
            assert live_now.alarms(session, [one.id for one in session.scalars(select(Unit))]) == []


def stand(here: Town, broadcast: uuid.UUID) -> dict[str, set[Standing]]:
    """How the posts stand on each network after somebody asked to look now."""
    actor = here.officer()
    with here.runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        live_now.ask(session, actor, unit_id, datetime.now(UTC))
    deliveries = {one.id for one in history(here, broadcast)}

    def looked() -> dict[str, set[Standing]] | None:
        found: dict[str, set[Standing]] = {}
        with here.runtime.database.reading() as session:
            rows = session.execute(select(ShownPost, Account).join(Account, Account.id == ShownPost.account_id))
            for row, account in rows:
                if row.delivery_id in deliveries:
                    found.setdefault(account.channel, set()).add(row.word)
        return found if set(found) == TELL else None

    found: dict[str, set[Standing]] = eventually(looked, within=60)
    return found
