"""Abuse on real processes: hidden and reported on every network that lets us, also when the listener dies in the call."""

from __future__ import annotations

import json
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from crisis.channels.registry import KINDS
from crisis.models import AbuseReport, Account, Hiding, InboundRow
from crisis.states import Mode
from crisis.triage import abuse
from tests.media.files import film, jpeg
from tests.stories.proof import with_lines
from tests.stories.test_answers import POLLED, heard, on, say, somebody_in_triage
from tests.stories.test_everywhere import in_the_library, release_everywhere
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow
HIDING = {name for name in KINDS if abuse.can("hide", name)}
REPORTING = {name for name in KINDS if abuse.can("report", name)}


def say_on_x(here: Town, text: str) -> str:
    """A passer-by answers our newest post on X, and does not name us; gives the id."""
    ours = next(one for one in here.simulator.state("posts")["posts"] if one["handle"] == "OUS_demo")
    body = json.dumps({"handle": "sint", "text": text, "reply_to": ours["id"]}).encode()
    address = f"{here.simulator.url}/control/posts"
    asking = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asking, timeout=10) as told:
        return str(json.load(told)["id"])


def on_walls(here: Town, flag: str) -> dict[str, list[str]]:
    """What passers-by wrote and the public no longer sees (or moderators were told of), by network."""
    shown: dict[str, list[Any]] = dict(here.simulator.state("networks")["networks"])
    shown["x"] = here.simulator.state("posts")["posts"]
    found = {
        name: [one["id"] for one in seen if one.get(flag) and not one.get("ours", False)]
        for name, seen in shown.items()
    }
    return {name: ids for name, ids in found.items() if ids}


def ask_everywhere(here: Town, rows: dict[str, InboundRow]) -> None:
    actor, now = somebody_in_triage(here), datetime.now(UTC)
    with here.runtime.database.writing() as session:
        for name, row in rows.items():
            if name in HIDING:
                abuse.hide(session, actor, row.id, now)
            if name in REPORTING:
                abuse.report(session, actor, row.id, "harassment", now)


def ended(here: Town, table: type[Hiding | AbuseReport], rows: dict[str, InboundRow]) -> dict[str, str]:
    """How each ended; empty while one is under way."""
    with here.runtime.database.reading() as session:
        states = {name: session.get_one(table, row.id).state for name, row in rows.items()}
    return {} if "asked" in states.values() else states


def test_hidden_and_reported_on_every_network_that_lets_us(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "kart.jpg").write_bytes(jpeg(1600, 1200))
    with town(tmp_path, database_url=database_url) as here:
        here.populate(1)
        picture = in_the_library(here, tmp_path / "kart.jpg", "map")
        media = [picture, in_the_library(here, film(tmp_path / "a.mp4"), "film")]
        here.start("console", "sender-live", "clock", "listener")
        here.settled(release_everywhere(here, media), within=120)
        eventually(lambda: all(here.cursor(f"{name}-ous") for name in ("x", *POLLED)))
        said = {"x": say_on_x(here, on("x"))}
        for name, seen in here.simulator.state("networks")["networks"].items():
            ours = next((one for one in seen if one["ours"]), None)
            if ours and name in HIDING | REPORTING:
                said[name] = say(here, name, ours["account"], ours["id"])
        assert set(said) == HIDING | REPORTING
        here.kill("listener")
        with here.runtime.database.writing() as session:
            session.execute(update(Account).values(polled_at=None))
        here.start("listener")  # it asks every network at once, instead of in some minutes
        rows = {name: heard(here, name, on(name)) for name in said}
        ask_everywhere(here, rows)
        hidden = {name: rows[name] for name in HIDING}
        reported = {name: rows[name] for name in REPORTING}
        assert eventually(lambda: ended(here, Hiding, hidden)) == dict.fromkeys(HIDING, "hidden")
        assert eventually(lambda: ended(here, AbuseReport, reported)) == dict.fromkeys(REPORTING, "reported")
        assert on_walls(here, "hidden") == {name: [said[name]] for name in HIDING}
        assert on_walls(here, "reported") == {name: [said[name]] for name in REPORTING}
        with here.runtime.database.reading() as session:
            for name, row in rows.items():
                assert (session.get_one(InboundRow, row.id).hidden_at is not None) == (name in HIDING), name
                kept = session.get(Hiding, row.id) or session.get_one(AbuseReport, row.id)
                assert (kept.text, kept.author) == (row.text, row.author)


def test_a_listener_killed_in_the_call_hides_it_when_it_is_back(tmp_path: Path, database_url: str) -> None:
    edit = with_lines(x_ous="connect_seconds = 1\nread_seconds = 3")
    with town(tmp_path, database_url=database_url, edit=edit) as here:
        here.start("sender-live", "clock", "listener")
        here.settled(here.release(here.open(Mode.LIVE), channels=("x",)))
        eventually(lambda: here.cursor("x-ous"))
        said = say_on_x(here, on("x"))
        row = heard(here, "x", on("x"))
        here.simulator.fault("x", "hang_after", seconds=30)  # done, and nobody hears of it
        ask_everywhere(here, {"x": row})
        eventually(lambda: attempts(here, row.id))
        here.kill("listener")
        here.simulator.clear_faults()
        assert ended(here, Hiding, {"x": row}) == {}
        with here.runtime.database.writing() as session:  # its lease runs out
            session.execute(update(Hiding).values(due_at=datetime.now(UTC)))
        here.start("listener")
        assert eventually(lambda: ended(here, Hiding, {"x": row})) == {"x": "hidden"}
        assert on_walls(here, "hidden") == {"x": [said]}


def attempts(here: Town, inbound_id: uuid.UUID) -> int:
    with here.runtime.database.reading() as session:
        return session.get_one(Hiding, inbound_id).attempts
