"""Answers on both databases: from the playbook, once, onto the thread they answer; undone, approved, come back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crisis.actor import Actor
from crisis.channels.base import Inbound
from crisis.models import Account, Answer, AuditRow, Broadcast, Delivery, InboundRow, Incident
from crisis.playbooks import signoff
from crisis.playbooks.digest import ANSWERS
from crisis.sending import claim
from crisis.states import DeliveryState, InboundState, Lane, Mode, NotAllowed, Role
from crisis.triage import answering, answers, arrivals, handover, inbox, queue
from tests.broadcasts.scene import Scene, a_scene


class Desk:
    """A released message, people who answer it, and Tone and Trond in triage; Kari may write freely, Anne approves."""

    def __init__(self, scene: Scene, mode: Mode = Mode.LIVE) -> None:
        self.scene, self.mode = scene, mode
        for name, roles in {"tone": [], "trond": [], "kaja": [Role.OFFICER]}.items():
            scene.user(name, Role.TRIAGER, *roles)
        scene.sign_off()
        self.incident = scene.incident(mode)
        scene.released(self.incident)
        self.said = 0

    def sign_answers(self) -> None:
        with self.scene.runtime.database.writing() as session:
            until, by = self.now() + timedelta(days=30), self.scene.users["anne"]
            signoff.sign(session, self.scene.units["ous"], self.scene.playbook, ANSWERS, by, until, self.now())

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    def hear(self, text: str, lane: Lane = Lane.NEXT_OF_KIN, channel: str = "x", **more: Any) -> uuid.UUID:
        self.said += 1
        author = more.pop("author", "pappa" if channel == "x" else "+4791234567")
        told = Inbound(f"said-{self.said}", author, text, self.now(), **more)
        with self.scene.runtime.database.writing() as session:
            account = session.scalars(select(Account).where(Account.key == f"{channel}-{self.mode}")).one()
            inbox.receive(session, account, [told], self.now())
            row = session.scalars(select(InboundRow).where(InboundRow.provider_id == told.provider_id)).one()
            row.lane, row.language, row.incident_id, row.understood_at = lane, "nb", self.incident, self.now()
            return row.id

    def claim(self, inbound_id: uuid.UUID, who: str = "tone") -> None:
        with self.scene.runtime.database.writing() as session:
            queue.claim(session, self.actor(who), inbound_id, self.now())

    def actor(self, who: str) -> Actor:
        return self.scene.actor(who)

    def shown(self, inbound_id: uuid.UUID, key: str = "next_of_kin") -> answers.Ready:
        with self.scene.runtime.database.reading() as session:
            settings, now = self.scene.settings, self.now()
            at = answers.place(session, session.get_one(InboundRow, inbound_id), settings, "ous")
            found = answers.ready(session, at, settings, self.scene.playbook, "nb", now)
            return next(one for one in found if one.key == key)

    def give(self, inbound_id: uuid.UUID, key: str = "next_of_kin", who: str = "tone", read: str = "") -> uuid.UUID:
        words = self.shown(inbound_id, key).words
        assert words is not None
        with self.scene.runtime.database.writing() as session:
            parts = (self.scene.settings, "ous", self.scene.playbook, key, "nb", read or words.digest, self.now())
            return answering.give(session, self.actor(who), inbound_id, *parts).id  # type: ignore[arg-type]

    def write(self, inbound_id: uuid.UUID, body: str, who: str = "kaja") -> uuid.UUID:
        with self.scene.runtime.database.writing() as session:
            at = answers.place(session, session.get_one(InboundRow, inbound_id), self.scene.settings, "ous")
            read = answers.finished(at, "nb", body).digest
            parts = (self.scene.settings, "ous", body, "nb", read, self.now())
            return answering.write(session, self.actor(who), inbound_id, *parts).id  # type: ignore[arg-type]

    def delivery(self, broadcast_id: uuid.UUID) -> Delivery:
        (found,) = self.scene.deliveries(broadcast_id)
        return found

    def row(self, inbound_id: uuid.UUID) -> InboundRow:
        with self.scene.runtime.database.reading() as session:
            row = session.get_one(InboundRow, inbound_id)
            session.expunge_all()
            return row

    def leaves(self, channel: str, after: timedelta = timedelta(minutes=1)) -> list[claim.Claimed]:
        """What a sender claims of the account then, answers first."""
        with self.scene.runtime.database.writing() as session:
            account = session.scalars(select(Account).where(Account.key == f"{channel}-{self.mode}")).one()
            claimed = claim.claim(session, account.id, 100, self.now() + after, lambda one: f"https://stop/{one}")
            return [one for one in claimed if one.out.phase == answering.PHASE]


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with a_scene(tmp_path, database_url) as scene:
        yield Desk(scene)


def test_a_ready_answer_leaves_once_on_the_thread_it_answers(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min var der, hvor kan jeg ringe?")
    desk.claim(asked)
    shown = desk.shown(asked).words
    given = desk.give(asked)
    assert desk.row(asked).state is InboundState.ANSWERED
    (out,) = desk.leaves("x")
    assert shown is not None
    assert (out.out.reply_to, out.out.text, out.out.address) == ("said-1", shown.text, "wall")
    assert "23 00 00 50" in out.out.text  # what the broadcast said
    assert out.delivery_id == desk.delivery(given).id
    with pytest.raises(NotAllowed, match="Take it first"):
        desk.give(asked)
    assert desk.leaves("x") == []


def test_a_text_message_goes_to_the_writer_and_at_once(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Er mamma hos dere?", channel="sms", kind="message", private=True)
    desk.claim(asked)
    desk.give(asked)
    (out,) = desk.leaves("sms", after=timedelta(0))
    assert (out.out.address, out.out.unsubscribe_url) == ("+4791234567", None)


def test_undone_in_time_it_never_leaves(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    assert desk.leaves("x", after=timedelta(seconds=5)) == []  # everybody would see it: there is time to undo
    with desk.scene.runtime.database.writing() as session:
        answering.undo(session, desk.actor("tone"), session.get_one(Broadcast, given), desk.now())
    assert desk.leaves("x") == []
    row = desk.row(asked)
    assert (row.state, row.claimed_by) == (InboundState.CLAIMED, desk.scene.users["tone"])
    again = desk.give(asked)
    assert [one.delivery_id for one in desk.leaves("x")] == [desk.delivery(again).id]


def test_what_has_left_is_not_undone(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    desk.leaves("x")
    with pytest.raises(NotAllowed, match="left already"), desk.scene.runtime.database.writing() as session:
        answering.undo(session, desk.actor("tone"), session.get_one(Broadcast, given), desk.now())
    assert desk.row(asked).state is InboundState.ANSWERED
    assert desk.scene.broadcast(given).state == "released"


def test_two_people_never_answer_the_same(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    with pytest.raises(NotAllowed, match="Take it first"):
        desk.give(asked, who="trond")
    with pytest.raises(NotAllowed, match="Tone is on it"):
        desk.claim(asked, "trond")
    desk.give(asked)
    with pytest.raises(NotAllowed, match="settled it already"):
        desk.claim(asked, "trond")


def test_unsigned_answers_need_a_second_person(desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    assert desk.scene.deliveries(given) == []
    assert desk.row(asked).state is InboundState.SNOOZED
    row = desk.scene.broadcast(given)
    with desk.scene.runtime.database.writing() as session:
        broadcast = session.get_one(Broadcast, given)
        with pytest.raises(NotAllowed, match="role"):
            answering.approve(
                session, desk.actor("trond"), broadcast, desk.scene.settings, row.digest or "", desk.now()
            )
        with pytest.raises(NotAllowed, match="while you were reading"):
            answering.approve(session, desk.actor("anne"), broadcast, desk.scene.settings, "else", desk.now())
        answering.approve(session, desk.actor("anne"), broadcast, desk.scene.settings, row.digest or "", desk.now())
    assert [one.out.reply_to for one in desk.leaves("x")] == ["said-1"]
    assert desk.row(asked).state is InboundState.ANSWERED


def test_an_edited_playbook_voids_the_signature(desk: Desk) -> None:
    desk.sign_answers()
    file = desk.scene.folder / "playbooks" / "mass-casualty.toml"
    file.write_text(file.read_text().replace("der får pårørende hjelp. Vi kan ikke", "der får du hjelp. Vi kan ikke"))
    desk.scene.runtime.playbooks.shelf()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    if "der får du hjelp" not in (desk.shown(asked).words or pytest.fail("no words")).text:
        pytest.fail("the edited file was not read")
    assert desk.scene.deliveries(desk.give(asked)) == []


def test_own_words_need_the_right_and_a_second_person(desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    with pytest.raises(NotAllowed, match="role"):
        desk.write(asked, "Ring oss.", who="tone")
    with pytest.raises(NotAllowed, match="Take it first"):
        desk.write(asked, "Ring oss.")
    with desk.scene.runtime.database.writing() as session:
        queue.give_back(session, desk.actor("tone"), asked)
    desk.claim(asked, "kaja")
    written = desk.write(asked, "Ring oss på 23 00 00 50, så hjelper vi deg.")
    assert desk.scene.deliveries(written) == []
    with desk.scene.runtime.database.writing() as session:
        broadcast = session.get_one(Broadcast, written)
        answering.refuse(
            session, desk.actor("anne"), broadcast, "Be om unnskyldning først", broadcast.digest or "", desk.now()
        )
    assert desk.row(asked).state is InboundState.WAITING
    assert desk.leaves("x") == []


def test_nobody_approves_their_own_words(desk: Desk) -> None:
    desk.scene.user("both", Role.TRIAGER, Role.OFFICER, Role.APPROVER)
    asked = desk.hear("Broren min?")
    desk.claim(asked, "both")
    written = desk.write(asked, "Ring oss.", who="both")
    with desk.scene.runtime.database.writing() as session:
        broadcast = session.get_one(Broadcast, written)
        with pytest.raises(NotAllowed, match="second person"):
            answering.approve(
                session, desk.actor("both"), broadcast, desk.scene.settings, broadcast.digest or "", desk.now()
            )


def test_while_one_answer_waits_for_a_yes_there_is_no_other(desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    desk.claim(asked, "trond")
    with pytest.raises(NotAllowed, match="waits for a second person"):
        desk.give(asked, who="trond")
    with desk.scene.runtime.database.writing() as session:
        answering.withdraw(session, desk.actor("trond"), session.get_one(Broadcast, given), desk.now())
    desk.sign_answers()
    desk.give(asked, who="trond")
    assert len(desk.leaves("x")) == 1


def test_nobody_said_yes_in_time(desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    late = desk.now() + answering.KEEP + timedelta(seconds=1)
    with desk.scene.runtime.database.writing() as session:
        broadcast = session.get_one(Broadcast, given)
        with pytest.raises(NotAllowed, match="too old"):
            answering.approve(session, desk.actor("anne"), broadcast, desk.scene.settings, broadcast.digest or "", late)
        arrivals.come_back(session, late)
    assert desk.row(asked).state is InboundState.WAITING
    assert desk.scene.broadcast(given).state == "rejected"


def test_danger_to_life_is_answered_by_no_line_from_a_book(desk: Desk) -> None:
    desk.sign_answers()
    cry = desk.hear("Vi er fanget", lane=Lane.DANGER)
    desk.claim(cry, "kaja")
    with desk.scene.runtime.database.writing() as session:
        parts = (desk.scene.settings, "ous", desk.scene.playbook, "next_of_kin", "nb", "", desk.now())
        with pytest.raises(NotAllowed, match="110, 112 or 113"):
            answering.give(session, desk.actor("kaja"), cry, *parts)  # type: ignore[arg-type]
    with pytest.raises(NotAllowed, match="110, 112 or 113"):
        desk.write(cry, "Ring 110.")
    with desk.scene.runtime.database.writing() as session:
        row = queue.held(session, desk.actor("kaja"), cry)
        handover.to_emergency(session, desk.actor("kaja"), row, "110", "Sentral 3", "", desk.now())
        queue.reopen(session, desk.actor("kaja"), cry)
    desk.claim(cry, "kaja")
    desk.write(cry, "Brannvesenet vet om dere og er på vei.")
    assert desk.row(cry).state is InboundState.SNOOZED


def test_what_did_not_arrive_waits_again_once(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    desk.give(asked)
    desk.scene.deliver("x-live", state=DeliveryState.FAILED, say="not permitted to reply")
    with desk.scene.runtime.database.writing() as session:
        assert arrivals.come_back(session, desk.now()) == 1
        assert arrivals.come_back(session, desk.now()) == 0
        assert arrivals.lost(session, [asked]) == {asked}
    assert desk.row(asked).state is InboundState.WAITING


def test_what_arrived_does_not_come_back(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    desk.scene.deliver("x-live", "x-live")
    later = desk.now() + arrivals.RECEIPTS_WITHIN + timedelta(minutes=5)
    with desk.scene.runtime.database.writing() as session:
        assert arrivals.come_back(session, later) == 0
        assert session.get_one(Answer, given).ended_at is not None
    assert desk.row(asked).state is InboundState.ANSWERED


def test_what_was_read_is_what_leaves(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    with pytest.raises(NotAllowed, match="changed since you read it"):
        desk.give(asked, read="0" * 64)
    assert desk.leaves("x") == []


def test_without_its_facts_an_answer_is_not_offered(desk: Desk) -> None:
    with desk.scene.runtime.database.writing() as session:
        for one in session.scalars(select(Broadcast).where(Broadcast.incident_id == desk.incident)):
            one.slots, one.next_update_at = {}, desk.now() - timedelta(minutes=1)
    asked = desk.hear("Broren min?")
    assert desk.shown(asked).words is None
    assert desk.shown(asked).lacking == ["kin_phone"]
    assert "next_update" in desk.shown(asked, "press").lacking  # a promise that has passed is none


def test_a_closed_incident_gives_no_ready_answers(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    with desk.scene.runtime.database.writing() as session:
        session.get_one(Incident, desk.incident).closed_at = desk.now()
    with pytest.raises(NotAllowed, match="closed"):
        desk.give(asked)


def test_stop_is_obeyed_before_anybody_types(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Er mamma hos dere?", channel="sms", kind="message", private=True)
    desk.hear("STOPP", channel="sms", kind="message", private=True, consent="stop")
    desk.claim(asked)
    with pytest.raises(NotAllowed, match="said STOP"):
        desk.give(asked)


def test_another_units_account_is_not_ours_to_speak_through(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.scene.user("dina", Role.TRIAGER, unit="dep")
    desk.claim(asked)
    with desk.scene.runtime.database.writing() as session:
        row = queue.held(session, desk.actor("tone"), asked)
        handover.to_unit(session, desk.actor("tone"), row, "dep", "deres", desk.now())
    desk.claim(asked, "dina")
    with desk.scene.runtime.database.reading() as session:
        at = answers.place(session, session.get_one(InboundRow, asked), desk.scene.settings, "dep")
        assert "another unit" in str(answers.obstacle(session, at, desk.now()))


def test_an_answer_in_a_drill_stays_in_the_drill(tmp_path: Path, database_url: str) -> None:
    with a_scene(tmp_path, database_url) as scene:
        desk = Desk(scene, Mode.DRILL)
        desk.sign_answers()
        asked = desk.hear("Broren min?")
        desk.claim(asked)
        given = desk.give(asked)
        assert desk.delivery(given).mode is Mode.DRILL
        (out,) = desk.leaves("x")
        assert (out.out.text[:6], out.out.text[-6:], out.out.mode) == ("ØVELSE", "ØVELSE", "drill")


def test_every_act_is_on_the_record(desk: Desk) -> None:
    desk.sign_answers()
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    with desk.scene.runtime.database.writing() as session:
        answering.undo(session, desk.actor("tone"), session.get_one(Broadcast, given), desk.now())
    with desk.scene.runtime.database.reading() as session:
        acts = [row.act for row in session.scalars(select(AuditRow)) if str(asked) in row.subject]
    assert {"inbound.answered", "inbound.answer_undone", "inbound.reopened"} <= set(acts)


def test_a_stranger_puts_no_words_into_our_mouth(desk: Desk) -> None:
    named, odd = desk.hear("Broren min?"), desk.hear("Og min?", author="ring 820 00 000 nå")
    for asked, begins in ((named, "@pappa Vi forstår"), (odd, "Vi forstår")):
        words = desk.shown(asked).words
        assert words is not None
        assert words.text.startswith(begins)


def test_words_changed_behind_our_back_never_leave(desk: Desk) -> None:
    asked = desk.hear("Broren min?")
    desk.claim(asked)
    given = desk.give(asked)
    with desk.scene.runtime.database.writing() as session:
        broadcast = session.get_one(Broadcast, given)
        broadcast.texts[0].text = "Noe ganske annet"
        session.flush()
        with pytest.raises(NotAllowed, match="not what was frozen"):
            answering.approve(
                session, desk.actor("anne"), broadcast, desk.scene.settings, broadcast.digest or "", desk.now()
            )
        session.rollback()
    assert desk.leaves("x") == []
