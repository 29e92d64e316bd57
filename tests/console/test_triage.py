"""The queue's page: who may do what, hostile words shown harmless, moves that come back to the same view."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Flask

from crisis.channels.base import Inbound
from crisis.models import Account, InboundRow, utcnow
from crisis.runtime import Runtime
from crisis.states import InboundState, Role
from crisis.triage import inbox
from crisis.triage.reading import Reading
from tests.console.conftest import send

CRY = "Hjelp, vi er fanget i kjelleren på Oslo S, tre personer er skadet og det ryker her"


def hear(runtime: Runtime, *texts: str, account: str = "sms-ous-live") -> list[uuid.UUID]:
    with runtime.database.writing() as session:
        row = session.query(Account).filter_by(key=account).one()
        told = [Inbound(f"{account}{text[:40]}", f"+479000000{i}", text, utcnow()) for i, text in enumerate(texts)]
        inbox.receive(session, row, told, utcnow())
    Reading(runtime.database, runtime.settings).read_some()
    with runtime.database.reading() as session:
        found = {row.provider_id: row.id for row in session.query(InboundRow)}
        return [found[one.provider_id] for one in told]


def state(runtime: Runtime, inbound_id: uuid.UUID) -> InboundState:
    with runtime.database.reading() as session:
        return session.get_one(InboundRow, inbound_id).state


def test_worked_off_without_script(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    thanks, cry = hear(runtime, "Tusen takk til alle", CRY)
    client = sign_in(make_user("kari", Role.TRIAGER))
    page = client.get("/triage").text
    assert page.index(f"i-{cry}") < page.index(f"i-{thanks}")
    send(client, "/triage", "/triage/next", mode="live")
    assert (state(runtime, cry), state(runtime, thanks)) == (InboundState.CLAIMED, InboundState.WAITING)
    send(client, "/triage", "/triage/do", do=f"back {cry}", mode="live")
    assert state(runtime, cry) is InboundState.WAITING
    send(client, "/triage", "/triage/do", do=f"snooze {cry} 15", mode="live")
    assert state(runtime, cry) is InboundState.WAITING  # danger to life is never put off
    send(client, "/triage", "/triage/do", do=f"close {cry} known already", mode="live")
    assert state(runtime, cry) is InboundState.CLOSED
    assert f"i-{cry}" in client.get("/triage?state=closed").text
    send(client, "/triage", "/triage/do", do=f"reopen {cry}", mode="live")
    assert state(runtime, cry) is InboundState.WAITING


def test_one_sees_who_is_on_it_and_gets_no_second_claim(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    (cry,) = hear(runtime, CRY)
    kari, ola = sign_in(make_user("kari", Role.TRIAGER)), sign_in(make_user("ola", Role.TRIAGER))
    send(kari, "/triage", "/triage/do", do=f"claim {cry}")
    assert "Kari" in ola.get("/triage").text
    answer: Any = send(ola, "/triage", "/triage/do", do=f"claim {cry}")
    assert "Kari" in ola.get(answer.location).text


def test_hostile_words_stay_words(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    hear(runtime, "<script>alert(1)</script> \u202eesrever", "😀" * 20_000, "x" * 5_000)
    page = sign_in(make_user("kari", Role.TRIAGER)).get("/triage").text
    assert "<script>alert" not in page
    assert '<bdi dir="auto">&lt;script&gt;' in page
    assert " style=" not in page


def test_exercise_and_live_never_mix(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    (drill,) = hear(runtime, CRY, account="sms-ous-drill")
    client = sign_in(make_user("kari", Role.TRIAGER))
    assert f"i-{drill}" not in client.get("/triage").text
    page = client.get("/triage?mode=drill").text
    assert f"i-{drill}" in page
    assert 'class="drill"' in page


def test_units_and_roles_are_apart(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    (cry,) = hear(runtime, CRY)
    stranger = sign_in(make_user("per", Role.TRIAGER, unit="dep"))
    assert f"i-{cry}" not in stranger.get("/triage").text
    answer: Any = send(stranger, "/triage", "/triage/do", do=f"claim {cry}")
    assert answer.status_code == 404
    viewer = sign_in(make_user("vera", Role.VIEWER))
    assert "claim" not in viewer.get("/triage").text


def test_closed_together_and_opened_again(runtime: Runtime, sign_in: Any, make_user: Any) -> None:
    (thanks,) = hear(runtime, "Tusen takk til alle")
    with runtime.database.writing() as session:
        row = session.get_one(InboundRow, thanks)
        row.rank, row.urgency = 98, 2
    client = sign_in(make_user("kari", Role.TRIAGER))
    answer: Any = send(client, "/triage", "/triage/idle")
    assert state(runtime, thanks) is InboundState.CLOSED
    import re

    undo = re.search(r'name="undo" value="([^"]+)"', client.get(answer.location).text)
    assert undo is not None
    assert send(client, "/triage", "/triage/idle", undo="2026-11-22").status_code == 400  # no page of ours wrote that
    send(client, "/triage", "/triage/idle", undo=undo[1])
    assert state(runtime, thanks) is InboundState.WAITING


def test_the_renewed_piece_costs_nothing_unchanged(runtime: Runtime, sign_in: Any, make_user: Any, app: Flask) -> None:
    hear(runtime, CRY)
    client = sign_in(make_user("kari", Role.TRIAGER))
    first = client.get("/triage/piece?mode=live", headers={"X-Fragment": "1"})
    again = client.get("/triage/piece?mode=live", headers={"X-Fragment": "1", "If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
