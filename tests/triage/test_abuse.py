"""Abuse is hidden or reported once a person asked, by the listener, and the evidence outlives it; a cry never is, and
private words are never hidden.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select

from crisis.channels.base import Busy, Misconfigured, Rejected
from crisis.channels.registry import KINDS
from crisis.models import AbuseReport, Account, AuditRow, Hiding, InboundRow, Unit, utcnow
from crisis.states import Mode, NotAllowed
from crisis.triage import abuse
from tests.triage.hall import CRY, Hall
from workers.abuse import Moderator

ABUSE = "Dere er noen idioter hele gjengen"


class Wall:
    """An account whose network hides; `refuses` is what it says first."""

    def __init__(self, *refuses: Exception) -> None:
        self.refuses, self.hidden = list(refuses), list[str]()
        self.reported: list[tuple[str, str]] = []

    async def hide(self, provider_id: str) -> None:
        if self.refuses:
            raise self.refuses.pop(0)
        self.hidden.append(provider_id)

    async def report_abuse(self, provider_id: str, kind: str) -> None:
        if self.refuses:
            raise self.refuses.pop(0)
        self.reported.append((provider_id, kind))


def asked(hall: Hall, text: str = ABUSE, **more: Any) -> uuid.UUID:
    said = hall.said(text, **more)
    hall.hear(said)
    row = hall.row(said)
    with hall.database.writing() as session:
        abuse.hide(session, hall.users["kari"], row.id, utcnow() - timedelta(hours=1))
    return row.id


def work(hall: Hall, wall: Wall, times: int = 1, table: type[Hiding | AbuseReport] = Hiding) -> Any:
    account = hall.rows()[0].account_id
    moderator = Moderator(cast("Any", SimpleNamespace(database=hall.database)), {account: cast("Any", wall)})
    for _ in range(times):
        for due in moderator.take():
            asyncio.run(moderator.act(due))
    with hall.database.reading() as session:
        row = session.query(table).one()
        session.expunge_all()
        return row


def on_mastodon(hall: Hall, text: str = ABUSE, **more: Any) -> uuid.UUID:
    """Said where reports are taken."""
    with hall.database.writing() as session:
        if not session.scalars(select(Account).where(Account.key == "mastodon-ous-live")).first():
            unit_id = session.scalars(select(Unit.id).where(Unit.key == "ous")).one()
            session.add(Account(key="mastodon-ous-live", unit_id=unit_id, channel="mastodon", mode=Mode.LIVE))
    said = hall.said(text, **more)
    hall.hear(said, account="mastodon-ous-live")
    return hall.row(said).id


def test_hidden_once_with_the_evidence(hall: Hall) -> None:
    inbound_id, wall = asked(hall), Wall()
    kept = work(hall, wall, times=2)
    assert (kept.state, len(wall.hidden)) == ("hidden", 1)
    assert (kept.text, kept.sha256) == (ABUSE, hashlib.sha256(ABUSE.encode()).hexdigest())
    assert kept.author
    assert hall.rows()[0].hidden_at is not None
    with hall.database.writing() as session:
        assert abuse.hide(session, hall.users["kari"], inbound_id, utcnow()) == 0, "a second press asks for nothing"


def test_what_says_the_same_is_hidden_with_it_where_the_network_lets_us(hall: Hall) -> None:
    same = [hall.said(f"{ABUSE}, jeg vet hvor dere bor") for _ in range(3)]
    hall.hear(*same)
    by_text = hall.said(f"{ABUSE}, jeg vet hvor dere bor", "+4790000001")
    hall.hear(by_text, account="sms-ous-live")
    lead = next(row for row in hall.rows() if row.folded_into_id is None)
    assert lead.folded == 3
    with hall.database.writing() as session:
        assert abuse.hide(session, hall.users["kari"], lead.id, utcnow() - timedelta(hours=1)) == 3
    wall = Wall(Rejected("not in a conversation you began"))
    account = hall.row(same[0]).account_id
    moderator = Moderator(cast("Any", SimpleNamespace(database=hall.database)), {account: cast("Any", wall)})
    for due in moderator.take():
        asyncio.run(moderator.act(due))
    assert len(wall.hidden) == 2
    with hall.database.reading() as session:
        group = abuse.together(session, session.get_one(InboundRow, lead.id))
        told = abuse.of(session, group, "hide")
        assert told is not None
        assert (told.state, told.done, told.total) == ("failed", 2, 3)
        assert told.say == "not in a conversation you began"
        assert abuse.of(session, group, "report") is None
    assert hall.row(by_text).hidden_at is None


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
            abuse.hide(session, hall.users["kari"], hall.row(said).id, utcnow())


def test_another_unit_hides_nothing_of_ours(hall: Hall) -> None:
    said = hall.said(ABUSE)
    hall.hear(said)
    with hall.database.writing() as session, pytest.raises(NotAllowed):
        abuse.hide(session, hall.users["per"], hall.row(said).id, utcnow())


def test_reported_once_as_what_it_is_with_the_evidence_and_the_record(hall: Hall) -> None:
    inbound_id, wall = on_mastodon(hall), Wall()
    for _ in range(2):
        with hall.database.writing() as session:
            abuse.report(session, hall.users["kari"], inbound_id, "harassment", utcnow())
    kept = work(hall, wall, times=2, table=AbuseReport)
    assert (kept.state, wall.reported) == ("reported", [(kept.provider_id, "harassment")])
    assert (kept.text, kept.sha256) == (ABUSE, hashlib.sha256(ABUSE.encode()).hexdigest())
    assert hall.rows()[0].hidden_at is None
    with hall.database.reading() as session:
        (record,) = session.scalars(select(AuditRow).where(AuditRow.act == "inbound.report_asked")).all()
    assert record.details["kind"] == "harassment"


def test_a_report_that_fails_says_why_and_may_be_asked_for_again(hall: Hall) -> None:
    inbound_id = on_mastodon(hall)
    for kind, refused in (("spam", True), ("illegal", False)):
        with hall.database.writing() as session:
            abuse.report(session, hall.users["kari"], inbound_id, kind, utcnow() - timedelta(hours=1))
        row = work(hall, Wall(Misconfigured("outside the authorized scopes")) if refused else Wall(), table=AbuseReport)
        assert (row.state, row.kind) == ("failed" if refused else "reported", kind)
        assert row.say == ("outside the authorized scopes" if refused else "")


def test_what_cannot_be_reported_says_so(hall: Hall) -> None:
    cry, on_x = on_mastodon(hall, CRY), hall.said("Håpløse folk som jobber der, skam dere")
    hall.hear(on_x)
    for inbound_id, kind, says in (
        (cry, "spam", "cry for help"),
        (hall.row(on_x).id, "spam", "takes no reports"),
        (on_mastodon(hall), "nonsense", "Choose"),
    ):
        with hall.database.writing() as session, pytest.raises(NotAllowed, match=says):
            abuse.report(session, hall.users["kari"], inbound_id, kind, utcnow())
    with hall.database.writing() as session, pytest.raises(NotAllowed):
        abuse.report(session, hall.users["per"], on_mastodon(hall), "spam", utcnow())


def test_where_each_network_stands() -> None:
    """As their specifications say; X, Meta, LinkedIn and WordPress take no reports, Mastodon and LinkedIn hide nothing."""
    hiding = {"x", "facebook", "instagram", "threads", "wordpress", "youtube", "bluesky"}
    assert {name for name in KINDS if abuse.can("hide", name)} == hiding
    assert {name for name in KINDS if abuse.can("report", name)} == {"mastodon", "bluesky"}
