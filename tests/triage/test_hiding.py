"""Abuse is hidden once a person asked, by the listener, and the evidence outlives it; cries and private words never are."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crisis.channels.base import Busy, Rejected
from crisis.models import Hiding, utcnow
from crisis.states import NotAllowed
from crisis.triage import hiding
from tests.triage.hall import CRY, Hall
from workers.hiding import Hider

ABUSE = "Dere er noen idioter hele gjengen"


class Wall:
    """An account whose network hides; `refuses` is what it says first."""

    def __init__(self, *refuses: Exception) -> None:
        self.refuses, self.hidden = list(refuses), list[str]()

    async def hide(self, provider_id: str) -> None:
        if self.refuses:
            raise self.refuses.pop(0)
        self.hidden.append(provider_id)


def asked(hall: Hall, text: str = ABUSE, **more: Any) -> uuid.UUID:
    said = hall.said(text, **more)
    hall.hear(said)
    row = hall.row(said)
    with hall.database.writing() as session:
        hiding.ask(session, hall.users["kari"], row.id, utcnow() - timedelta(hours=1))
    return row.id


def work(hall: Hall, wall: Wall, times: int = 1) -> Hiding:
    account = hall.rows()[0].account_id
    hider = Hider(cast("Any", SimpleNamespace(database=hall.database)), {account: cast("Any", wall)})
    for _ in range(times):
        for due in hider._take():
            asyncio.run(hider._hide(due))
    with hall.database.reading() as session:
        row = session.query(Hiding).one()
        session.expunge_all()
        return row


def test_hidden_once_with_the_evidence(hall: Hall) -> None:
    inbound_id, wall = asked(hall), Wall()
    kept = work(hall, wall, times=2)
    assert (kept.state, len(wall.hidden)) == ("hidden", 1)
    assert (kept.text, kept.sha256) == (ABUSE, hashlib.sha256(ABUSE.encode()).hexdigest())
    assert kept.author
    assert hall.rows()[0].hidden_at is not None
    with hall.database.writing() as session:
        assert hiding.ask(session, hall.users["kari"], inbound_id, utcnow()).state == "hidden"


def test_refused_is_final_and_busy_is_tried_again(hall: Hall) -> None:
    asked(hall)
    assert work(hall, Wall(Busy("slow down"))).state == "asked"
    with hall.database.writing() as session:
        session.query(Hiding).one().due_at = utcnow() - timedelta(seconds=1)
    failed = work(hall, Wall(Rejected("not in a conversation you began")))
    assert (failed.state, failed.say) == ("failed", "not in a conversation you began")
    assert hall.rows()[0].hidden_at is None


def test_a_cry_private_words_and_networks_that_do_not_hide_say_the_way_round(hall: Hall) -> None:
    for text, account, more in (
        (CRY, "x-ous-live", {}),
        (ABUSE, "sms-ous-live", {}),
        (ABUSE, "x-ous-live", {"private": True}),
    ):
        said = hall.said(text, **more)
        hall.hear(said, account=account)
        with hall.database.writing() as session, pytest.raises(NotAllowed):
            hiding.ask(session, hall.users["kari"], hall.row(said).id, utcnow())


def test_another_unit_hides_nothing_of_ours(hall: Hall) -> None:
    said = hall.said(ABUSE)
    hall.hear(said)
    with hall.database.writing() as session, pytest.raises(NotAllowed):
        hiding.ask(session, hall.users["per"], hall.row(said).id, utcnow())
