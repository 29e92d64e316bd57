"""What private people said is kept as long as the unit's rule says, and gone when they ask."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from sqlalchemy import select

from crisis import audit
from crisis.actor import Actor
from crisis.db import Database
from crisis.models import Account, AuditRow, HandOver, Hiding, InboundRow, Incident, Unit, User
from crisis.settings import LaneName, Settings, UnitSettings
from crisis.states import InboundState, Lane, Mode, NotAllowed, Role
from crisis.triage import export, handover, privacy

NOW = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
SETTINGS = Settings(
    units=(
        UnitSettings(
            key="ous",
            name="OUS",
            kind="hospital",
            keep_inbound_days=100,
            keep_inbound_days_by_lane={"danger": 400},
        ),
        UnitSettings(key="hod", name="HOD", kind="public_body"),
    )
)


class Town:
    def __init__(self, database: Database) -> None:
        self.database = database
        with database.writing() as session:
            ous, hod = Unit(key="ous", name="OUS"), Unit(key="hod", name="HOD")
            session.add_all([ous, hod])
            session.flush()
            account = Account(key="x-ous", unit_id=ous.id, channel="x", mode=Mode.LIVE)
            kari = User(name="Kari", login="kari", password_hash="-")
            session.add_all([account, kari])
            session.flush()
            self.ous, self.hod, self.account, self.kari = ous.id, hod.id, account.id, kari.id
        self.actor = Actor(self.kari, "Kari", frozenset({(self.ous, role) for role in Role}))

    def incident(self, *, closed: bool) -> uuid.UUID:
        with self.database.writing() as session:
            row = Incident(unit_id=self.ous, mode=Mode.LIVE, title="Brann", playbook="fire")
            row.closed_at = NOW - timedelta(days=300) if closed else None
            session.add(row)
            session.flush()
            return row.id

    def heard(self, text: str, **given: object) -> uuid.UUID:
        with self.database.writing() as session:
            values = {
                "account_id": self.account,
                "unit_id": self.ous,
                "mode": Mode.LIVE,
                "channel": "x",
                "provider_id": uuid.uuid4().hex,
                "author": "ola",
                "author_name": "Ola N",
                "text": text,
                "at": NOW - timedelta(days=1),
            }
            row = InboundRow(**(values | given))
            session.add(row)
            session.flush()
            return row.id

    def row(self, row_id: uuid.UUID) -> InboundRow:
        with self.database.reading() as session:
            return session.get_one(InboundRow, row_id)


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


def test_settings_know_every_lane() -> None:
    assert set(get_args(LaneName)) == {lane.value for lane in Lane}


def test_old_words_are_erased_by_lane_and_the_numbers_stay(town: Town) -> None:
    old = {"at": NOW - timedelta(days=101)}
    thanks = town.heard("takk", lane=Lane.THANKS, urgency=3, **old)
    danger = town.heard("vi er fanget", lane=Lane.DANGER, **old)
    young = town.heard("takk igjen", lane=Lane.THANKS, at=NOW - timedelta(days=99))
    still_open = town.heard("hvor er mor", incident_id=town.incident(closed=False), **old)
    over = town.heard("hvor er far", incident_id=town.incident(closed=True), **old)
    with town.database.writing() as session:
        assert privacy.erase_old(session, SETTINGS, NOW) == 2
    gone = town.row(thanks)
    assert (gone.text, gone.author, gone.author_name, gone.url) == ("", "", "", None)
    assert (gone.lane, gone.urgency, gone.erased_at) == (Lane.THANKS, 3, NOW)
    assert town.row(over).text == ""
    assert [town.row(one).text for one in (danger, young, still_open)] == ["vi er fanget", "takk igjen", "hvor er mor"]
    with town.database.writing() as session:
        assert privacy.erase_old(session, SETTINGS, NOW) == 0


def test_somebody_who_asks_is_erased_at_once_and_not_named_in_the_record(town: Town) -> None:
    mine, theirs = town.heard("jeg heter Ola"), town.heard("noe annet", author="kari")
    elsewhere = town.heard("jeg igjen", unit_id=town.hod)
    with town.database.writing() as session:
        assert privacy.erase_author(session, town.actor, town.ous, " @ola ", NOW).messages == 1
    assert (town.row(mine).text, town.row(theirs).text, town.row(elsewhere).text) == ("", "noe annet", "jeg igjen")
    with town.database.reading() as session:
        row = session.scalars(select(AuditRow)).one()
        assert (row.act, row.details) == ("inbound.author_erased", {"erased": 1, "evidence_kept": 0})
        assert "ola" not in row.subject
        assert list(audit.verify(session)) == []
    with town.database.writing() as session, pytest.raises(NotAllowed):
        privacy.erase_author(session, Actor(town.kari, "Kari"), town.ous, "ola", NOW)
    with town.database.writing() as session, pytest.raises(NotAllowed, match="whose words"):
        privacy.erase_author(session, town.actor, town.ous, "  ", NOW)


def hidden(town: Town, author: str, asked_at: datetime = NOW) -> uuid.UUID:
    """Abuse that was hidden, with the copy that is kept of it."""
    inbound_id = town.heard("dere er idioter", author=author)
    with town.database.writing() as session:
        copied = {"author": author, "text": "dere er idioter", "sha256": "0" * 64, "said_at": asked_at}
        session.add(
            Hiding(inbound_id=inbound_id, account_id=town.account, provider_id="1", asked_at=asked_at, **copied)
        )
    return inbound_id


def copy_of(town: Town, inbound_id: uuid.UUID) -> tuple[str, str]:
    with town.database.reading() as session:
        kept = session.get_one(Hiding, inbound_id)
        return kept.author, kept.text


def test_evidence_of_abuse_outlives_its_author_until_the_unit_s_rule_or_nobody_needs_it(town: Town) -> None:
    one = hidden(town, "ola")
    with town.database.writing() as session:
        assert privacy.erase_author(session, town.actor, town.ous, "@ola", NOW) == privacy.Erased(1, 1)
    assert (town.row(one).text, copy_of(town, one)) == ("", ("ola", "dere er idioter"))
    with town.database.reading() as session:
        assert privacy.evidence(session, town.ous) == (1, NOW)
        assert privacy.evidence(session, town.hod) == (0, None)
    with town.database.writing() as session:
        assert privacy.erase_author(session, town.actor, town.ous, "ola", NOW, evidence=True).copies == 0
    assert copy_of(town, one) == ("", "")


def test_evidence_is_kept_for_as_long_as_the_unit_says(town: Town) -> None:
    short = SETTINGS.units[0].model_copy(update={"keep_evidence_days": 30})
    old, young = (hidden(town, "ola", NOW - timedelta(days=days)) for days in (31, 29))
    with town.database.writing() as session:
        privacy.erase_old(session, SETTINGS.model_copy(update={"units": (short,)}), NOW)
    assert (copy_of(town, old)[1], copy_of(town, young)[1]) == ("", "dere er idioter")


def test_an_export_holds_everything_and_runs_nothing(town: Town) -> None:
    incident = town.incident(closed=True)
    town.heard('=HYPERLINK("http://evil.example")', incident_id=incident, author="@ola", lane=Lane.RUMOUR)
    town.heard("æøå, «sitat»\nlinje to", incident_id=incident, at=NOW)
    town.heard("another incident")
    with town.database.reading() as session:
        written = "".join(export.as_csv(session, incident))
        told = json.loads("".join(export.as_json(session, incident)))
    assert written.startswith("\ufeff")
    first, second = csv.DictReader(io.StringIO(written.removeprefix("\ufeff")))
    assert (first["text"], first["author"]) == ('\'=HYPERLINK("http://evil.example")', "'@ola")
    assert second["text"] == "æøå, «sitat»\nlinje to"
    assert [one["text"] for one in told] == ['=HYPERLINK("http://evil.example")', "æøå, «sitat»\nlinje to"]
    assert told[0]["lane"] == "rumour"


def test_the_emergency_services_take_it_by_name(town: Town) -> None:
    there = town.heard("vi er fanget i kjelleren", state=InboundState.WAITING)
    with town.database.writing() as session, pytest.raises(NotAllowed, match="take it first"):
        handover.to_emergency(session, town.actor, session.get_one(InboundRow, there), "113", "Op 7", "", NOW)
    mine = {"state": InboundState.CLAIMED, "claimed_by": town.kari, "claimed_until": NOW + timedelta(minutes=5)}
    there = town.heard("vi er fanget i kjelleren", **mine)
    for number, name in (("911", "Op 7"), ("113", "  ")):
        with town.database.writing() as session, pytest.raises(NotAllowed):
            handover.to_emergency(session, town.actor, session.get_one(InboundRow, there), number, name, "", NOW)
    with town.database.writing() as session:
        handover.to_emergency(session, town.actor, session.get_one(InboundRow, there), "113", "Operatør 7", "", NOW)
    row = town.row(there)
    assert (row.state, row.settled_why) == (InboundState.HANDED_OVER, "113")
    with town.database.reading() as session:
        done = handover.history(session, there)
        assert [(one.to, one.taken_by, one.at) for one in done] == [("113", "Operatør 7", NOW)]


def test_another_unit_gets_it_with_its_age(town: Town) -> None:
    mine = {"state": InboundState.CLAIMED, "claimed_by": town.kari, "claimed_until": NOW + timedelta(minutes=5)}
    there = town.heard("gjelder departementet", incident_id=town.incident(closed=False), **mine)
    for wrong in ("ous", "nobody"):
        with town.database.writing() as session, pytest.raises(NotAllowed, match="another unit"):
            handover.to_unit(session, town.actor, session.get_one(InboundRow, there), wrong, "", NOW)
    with town.database.writing() as session:
        handover.to_unit(session, town.actor, session.get_one(InboundRow, there), "hod", "deres sak", NOW)
    row = town.row(there)
    assert (row.unit_id, row.state, row.claimed_by, row.incident_id) == (town.hod, InboundState.WAITING, None, None)
    assert row.at == NOW - timedelta(days=1)
    with town.database.reading() as session:
        assert session.scalars(select(HandOver.to)).all() == ["unit:hod"]
    with town.database.writing() as session, pytest.raises(NotAllowed):  # it is theirs now
        handover.to_unit(session, town.actor, session.get_one(InboundRow, there), "ous", "", NOW)
