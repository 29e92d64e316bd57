"""An answer on real processes: on the thread it answers on every network, said once whatever dies, and not at all when undone."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from crisis.actor import Actor
from crisis.models import Account, Broadcast, Delivery, Grant, InboundRow, Unit, User
from crisis.playbooks import signoff
from crisis.playbooks.digest import ANSWERS
from crisis.states import InboundState, Lane, Mode, Role
from crisis.triage import answering, answers, queue
from tests.media.files import film, jpeg
from tests.stories.proof import prove, with_lines
from tests.stories.test_everywhere import in_the_library, release_everywhere
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
SHORT = "connect_seconds = 1\nread_seconds = 3"
POLLED = ("mastodon", "bluesky", "youtube", "flickr", "wordpress", "linkedin", "facebook", "instagram", "threads")
ASKED = "Broren min var der, hvor kan jeg ringe?"


def somebody_in_triage(here: Town) -> Actor:
    """A person who may answer, and answers that are signed off."""
    now, playbook = datetime.now(UTC), here.runtime.playbooks.shelf().playbooks["mass-casualty"]
    with here.runtime.database.writing() as session:
        unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
        user = User(name="Tone", login="tone", password_hash="-", grants=[Grant(unit_id=unit_id, role=Role.TRIAGER)])
        session.add(user)
        session.flush()
        signoff.sign(session, unit_id, playbook, ANSWERS, user.id, now + timedelta(days=30), now)
        return Actor(user.id, user.name, frozenset({(unit_id, Role.TRIAGER)}))


def heard(here: Town, channel: str, text: str = ASKED) -> InboundRow:
    """What was written there, once the listener has read it."""

    def found() -> InboundRow | None:
        with here.runtime.database.reading() as session:
            row = session.scalars(
                select(InboundRow).where(
                    InboundRow.channel == channel,
                    InboundRow.text.contains(text),
                    InboundRow.understood_at.is_not(None),
                )
            ).first()
            session.expunge_all()
            return row

    row: InboundRow = eventually(found, within=90)
    return row


def answer(here: Town, actor: Actor, inbound_id: uuid.UUID, incident_id: uuid.UUID) -> tuple[uuid.UUID, str]:
    """Take it and give it the answer for next of kin; the broadcast's id and its words."""
    settings, now = here.runtime.settings, datetime.now(UTC)
    playbook = here.runtime.playbooks.shelf().playbooks["mass-casualty"]
    with here.runtime.database.writing() as session:
        row = queue.claim(session, actor, inbound_id, now)
        queue.put_in_lane(session, actor, row.id, Lane.NEXT_OF_KIN, now)
        queue.put_under(session, actor, row.id, incident_id, now)
        at = answers.place(session, row, settings, "ous")
        shown = next(
            one for one in answers.ready(session, at, settings, playbook, "nb", now) if one.key == "next_of_kin"
        )
        assert shown.words is not None
        parts = (settings, "ous", playbook, "next_of_kin", "nb", shown.words.digest, now)
        given = answering.give(session, actor, inbound_id, *parts)
        return given.id, shown.words.text


def on(network: str) -> str:
    """A question unlike those on other networks, which would be folded into one."""
    return f"Jeg leser på {network}: er {network}-{network[::-1]} hos dere, {network * 2}?"


def say(here: Town, network: str, account: str, reply_to: str) -> str:
    """Somebody asks there; gives the id of what they wrote, as the network shows it."""
    body = json.dumps({"account": account, "author": "bror", "text": on(network), "reply_to": reply_to}).encode()
    address = f"{here.simulator.url}/control/networks/{network}/say"
    asking = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asking, timeout=10) as told:
        return str(json.load(told)["id"])


def state(here: Town, inbound_id: uuid.UUID) -> InboundState:
    with here.runtime.database.reading() as session:
        return session.get_one(InboundRow, inbound_id).state


def replies(here: Town) -> list[dict[str, Any]]:
    return [one for one in here.simulator.state("posts")["posts"] if one["reply_to"] and one["handle"] == "OUS_demo"]


def test_on_the_thread_it_answers_on_every_network(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "kart.jpg").write_bytes(jpeg(1600, 1200))
    with town(tmp_path, database_url=database_url) as here:
        (phone,) = here.populate(1)
        actor = somebody_in_triage(here)
        media = [
            in_the_library(here, tmp_path / "kart.jpg", "map"),
            in_the_library(here, film(tmp_path / "a.mp4"), "film"),
        ]
        here.start("console", "sender-live", "clock", "listener")
        first = release_everywhere(here, media)
        here.settled(first, within=120)
        with here.runtime.database.reading() as session:
            incident_id = session.get_one(Broadcast, first).incident_id
        assert incident_id is not None
        eventually(lambda: all(here.cursor(f"{name}-ous") for name in ("x", *POLLED)))
        here.post("bror", f"@OUS_demo {on('x')}")
        here.simulator.say(phone, on("sms"))
        asked = {}
        for name, seen in here.simulator.state("networks")["networks"].items():
            ours = next((one for one in seen if one["ours"]), None)
            if ours and name != "apprise":
                said = say(here, name, ours["account"], ours["id"])
                asked[name] = ours["id"] if name == "flickr" else said  # there comments hang under the photo alone
        here.kill("listener")
        with here.runtime.database.writing() as session:
            session.execute(update(Account).values(polled_at=None))
        here.start("listener")  # it asks every network at once, instead of in some minutes
        given = {}
        for channel in ("x", "sms", *asked):
            row = heard(here, channel, on(channel))
            given[channel] = (row, *answer(here, actor, row.id, incident_id))
        for row, broadcast, _words in given.values():
            assert set(here.settled(broadcast, within=60)) <= {"accepted", "delivered"}, row.channel
            prove(here, broadcast)
            assert state(here, row.id) is InboundState.ANSWERED
        shown = here.simulator.state("networks")["networks"]
        for name, parent in asked.items():
            words = given[name][2]
            under = [one for one in shown[name] if one["ours"] and words.split("@bror ")[-1] in one["text"]]
            assert [one["reply_to"] for one in under] == [parent], name
        row, _, words = given["x"]
        assert [(one["reply_to"], one["text"]) for one in replies(here)] == [(row.provider_id, words)]
        texts = [one["body"] for one in here.simulator.state("messages")["messages"] if one["to"] == phone]
        assert texts.count(given["sms"][2]) == 1


def test_undone_in_time_nobody_ever_reads_it(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url, countdown=4) as here:
        actor = somebody_in_triage(here)
        here.start("sender-live", "clock", "listener")
        incident = here.open(Mode.LIVE)
        here.settled(here.release(incident, channels=("x",)))
        eventually(lambda: here.cursor("x-ous"))
        here.post("bror", f"@OUS_demo {ASKED}")
        here.post("soster", "@OUS_demo søsteren min da, hvem vet noe om henne?")
        row, other = heard(here, "x"), heard(here, "x", "søsteren")
        undone, _ = answer(here, actor, row.id, incident)
        with here.runtime.database.writing() as session:
            answering.undo(session, actor, session.get_one(Broadcast, undone), datetime.now(UTC))
        later, _ = answer(here, actor, other.id, incident)  # it leaves after the undone one would have
        assert here.settled(later) == {"accepted": 1}
        assert here.states(undone) == {"cancelled": 1}
        assert [one["reply_to"] for one in replies(here)] == [other.provider_id]
        assert state(here, row.id) is InboundState.CLAIMED
        prove(here, undone, later)


@pytest.mark.parametrize("channel", ["x", "sms"])
def test_a_sender_killed_in_the_call_does_not_say_it_twice(tmp_path: Path, database_url: str, channel: str) -> None:
    edit = with_lines(x_ous=SHORT, sms_ous=SHORT)
    with town(tmp_path, database_url=database_url, edit=edit) as here:
        (phone,) = here.populate(1)
        actor = somebody_in_triage(here)
        here.start("console", "sender-live", "clock", "listener")
        incident = here.open(Mode.LIVE)
        here.settled(here.release(incident, channels=("x", "sms")))
        eventually(lambda: here.cursor("x-ous"))
        if channel == "x":
            here.post("bror", f"@OUS_demo {ASKED}")
        else:
            here.simulator.say(phone, ASKED)
        row = heard(here, channel)
        before = here.phones()[phone]
        here.kill("console")  # no receipt shall tell what became of it
        here.simulator.fault("x" if channel == "x" else "twilio", "hang_after", seconds=2)
        broadcast, words = answer(here, actor, row.id, incident)

        def taken() -> bool:
            return bool(replies(here)) if channel == "x" else here.phones()[phone] > before

        eventually(taken)
        here.kill("sender-live")
        here.simulator.clear_faults()
        assert here.states(broadcast) == {"sending": 1}
        here.lapse()
        here.start("sender-live")
        assert set(here.found_out(broadcast)) <= {"accepted", "delivered"}
        time.sleep(2)  # whoever would say it again has had the time
        if channel == "x":
            assert [(one["reply_to"], one["text"]) for one in replies(here)] == [(row.provider_id, words)]
        else:
            assert here.phones()[phone] == before + 1
        assert state(here, row.id) is InboundState.ANSWERED
        prove(here, broadcast)


def test_refused_by_the_network_it_waits_for_somebody_again(tmp_path: Path, database_url: str) -> None:
    with town(tmp_path, database_url=database_url) as here:
        actor = somebody_in_triage(here)
        here.start("sender-live", "clock", "listener")
        incident = here.open(Mode.LIVE)
        here.settled(here.release(incident, channels=("x",)))
        eventually(lambda: here.cursor("x-ous"))
        here.post("bror", f"@OUS_demo {ASKED}")
        row = heard(here, "x")
        with here.runtime.database.writing() as session:
            session.get_one(InboundRow, row.id).provider_id = "1"  # a post that nobody knows: the author took it away
        broadcast, _ = answer(here, actor, row.id, incident)
        assert here.settled(broadcast) == {"failed": 1}
        eventually(lambda: state(here, row.id) is InboundState.WAITING)
        assert replies(here) == []
        with here.runtime.database.reading() as session:
            delivery = session.scalars(select(Delivery).where(Delivery.broadcast_id == broadcast)).one()
            assert delivery.code == "reply_refused"
