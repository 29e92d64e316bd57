"""What the machine makes of what was stored: lanes, folds and links, by several readers and after a kill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from crisis.models import (
    Account,
    Broadcast,
    BroadcastText,
    Delivery,
    InboundBand,
    InboundCount,
    InboundRow,
    Incident,
)
from crisis.states import DeliveryState, InboundState, Lane, Mode, Purpose
from crisis.triage import folding, links, queue, reading
from crisis.triage.glance import may_be_a_cry
from crisis.triage.reading import Reading
from tests.triage.hall import CRY, THANKS, Hall

RUMOUR = "Jeg har hørt at hele akuttmottaket på Ullevål er stengt etter brannen i natt, stemmer det"


def test_lane_urgency_and_reasons_stand_in_the_row(hall: Hall) -> None:
    cry, thanks = hall.said(CRY), hall.said(THANKS)
    hall.hear(thanks, cry)
    worst, mild = hall.row(cry), hall.row(thanks)
    assert (worst.lane, mild.lane, worst.language) == (Lane.DANGER, Lane.THANKS, "nb")
    assert worst.urgency > mild.urgency
    assert worst.rank == 100 - worst.urgency
    assert worst.reasons[0]["words"]
    with hall.database.reading() as session:
        assert {row.lane: row.count for row in session.scalars(select(InboundCount))} == {
            Lane.DANGER: 1,
            Lane.THANKS: 1,
        }


def test_what_says_the_same_folds_into_the_first(hall: Hall) -> None:
    first = hall.said(RUMOUR)
    hall.hear(first)
    hall.hear(hall.said(f"RT @noen: {RUMOUR}", repost=True), hall.said(RUMOUR + "?"), hall.said(RUMOUR.upper()))
    assert [row.folded_into_id is None for row in hall.rows()] == [True, False, False, False]
    assert hall.row(first).folded == 3


def test_a_short_cry_of_somebody_else_stands_by_itself(hall: Hall) -> None:
    hall.hear(hall.said("Hjelp oss! Vi er fanget!", "@a"), hall.said("Hjelp oss! Vi er fanget!", "@b"))
    hall.hear(hall.said("Hjelp oss! Vi er fanget!", "@a"))
    assert [row.folded_into_id is None for row in hall.rows()] == [True, True, False]


def test_private_words_fold_only_with_their_author_unless_nobody_waits(hall: Hall) -> None:
    asked = "Er sykehuset åpent for besøk i kveld og kan jeg komme inn gjennom hovedinngangen da?"
    for text in (asked, asked, THANKS, THANKS):
        hall.hear(hall.said(text, private=True), account="sms-ous-live")
    assert [row.folded_into_id is None for row in hall.rows()] == [True, True, True, False]


def test_other_numbers_are_another_message(hall: Hall) -> None:
    text = "Buss {} fra Ullevål til sentrum er innstilt i kveld på grunn av ulykken ved stasjonen"
    hall.hear(hall.said(text.format(20)), hall.said(text.format(37)))
    assert [row.folded for row in hall.rows()] == [0, 0]


def test_units_and_modes_never_fold_together(hall: Hall) -> None:
    for account in ("x-ous-live", "x-ous-drill", "x-dep-live"):
        hall.hear(hall.said(RUMOUR), account=account)
    assert all(row.folded_into_id is None for row in hall.rows())


def test_a_cry_that_was_settled_takes_in_no_new_one(hall: Hall) -> None:
    first = hall.said(CRY)
    hall.hear(first)
    with hall.database.writing() as session:
        queue.close(session, hall.users["kari"], hall.row(first).id, "ringt", hall.now)
    hall.hear(hall.said(CRY))
    assert [row.folded_into_id for row in hall.rows()] == [None, None]


def test_nothing_that_somebody_is_on_is_folded_away(hall: Hall) -> None:
    hall.hear(hall.said(RUMOUR))
    again = hall.said(RUMOUR)
    hall.hear(again, read=False)
    with hall.database.writing() as session:
        queue.claim(session, hall.users["kari"], hall.row(again).id, hall.now)
    hall.read()
    assert hall.row(again).folded_into_id is None


def test_a_repeat_that_is_changed_stands_by_itself(hall: Hall) -> None:
    first, again = hall.said(RUMOUR), hall.said(RUMOUR)
    hall.hear(first, again)
    assert hall.row(first).folded == 1
    hall.hear(replace(again, text=CRY, edited=True))
    assert (hall.row(first).folded, hall.row(again).folded_into_id) == (0, None)


def test_a_settled_one_that_becomes_a_cry_waits_again(hall: Hall) -> None:
    said = hall.said(THANKS)
    hall.hear(said)
    with hall.database.writing() as session:
        queue.close(session, hall.users["kari"], hall.row(said).id, "takk", hall.now)
    hall.hear(replace(said, text=CRY, edited=True))
    assert hall.row(said).state is InboundState.WAITING


def test_a_flood_of_nearly_the_same_keeps_few_candidates(hall: Hall) -> None:
    text = "Tog nummer {} er forsinket på grunn av ulykken ved stasjonen og kommer først i kveld"
    for _ in range(3):
        hall.hear(*[hall.said(text.format(next(hall.numbers))) for _ in range(folding.NEWEST)])
    with hall.database.reading() as session:
        counts = session.scalars(select(func.count()).select_from(InboundBand).group_by(InboundBand.band)).all()
    assert max(counts) <= 2 * folding.NEWEST
    assert all(row.folded == 0 for row in hall.rows())


def test_in_a_flood_a_cry_is_read_before_what_came_earlier(hall: Hall) -> None:
    flood = [hall.said(f"Takk for jobben nummer {number}") for number in range(3 * reading.BATCH)]
    cry = hall.said(CRY)
    hall.hear(*flood, cry, read=False)
    assert hall.reading.read_some() == reading.BATCH + 1
    assert hall.row(cry).lane is Lane.DANGER
    assert hall.row(flood[-1]).understood_at is None
    hall.read()
    assert all(row.understood_at for row in hall.rows())


def test_a_cry_that_is_stored_after_what_came_later_is_read_first_all_the_same(hall: Hall) -> None:
    """Two webhooks at once: the one that came first may be committed last."""
    hall.hear(*[hall.said(f"Takk for jobben nummer {number}") for number in range(3 * reading.BATCH)], read=False)
    hall.now += timedelta(milliseconds=400)
    hall.hear(hall.said(THANKS), read=False)
    assert hall.reading.read_some() == reading.BATCH
    cry = hall.said(CRY)
    hall.now -= timedelta(milliseconds=200)
    hall.hear(cry, read=False)
    assert hall.reading.read_some() == reading.BATCH + 1
    assert hall.row(cry).lane is Lane.DANGER


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        (CRY, True),
        ("We are TRAPPED in the basement!!", True),
        ("Sitter fast i heisen, kommer oss ikke ut", True),
        ("Folk er medvitslause her, send ambulanse", True),
        ("Takk for innsatsen", False),
        ("Når er neste oppdatering?", False),
        ("", False),
    ],
)
def test_what_may_be_a_cry_at_a_glance(text: str, may_be: bool) -> None:
    assert may_be_a_cry(text) is may_be


def test_two_readers_read_everything_once(hall: Hall) -> None:
    told = [hall.said(f"{RUMOUR} {number % 50} ganger") for number in range(1_000)]
    hall.hear(*told, read=False)

    def read() -> None:
        mine = Reading(hall.database, hall.settings)
        while mine.read_some():
            pass

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(read) for _ in range(3)]:
            done.result()
    hall.read()
    with hall.database.reading() as session:
        assert session.scalar(select(func.sum(InboundCount.count))) == 1_000
        leads = session.scalars(select(InboundRow).where(InboundRow.folded_into_id.is_(None))).all()
    assert len(leads) == 50
    assert {row.folded for row in leads} == {19}


def test_killed_before_it_wrote_it_is_read_again(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall.hear(hall.said(CRY), hall.said(CRY), read=False)
    real = folding.write

    def dies(*_args: object) -> None:
        raise SystemExit

    monkeypatch.setattr(folding, "write", dies)
    with pytest.raises(SystemExit):
        hall.read()
    monkeypatch.setattr(folding, "write", real)
    assert all(row.understood_at is None for row in hall.rows())
    hall.read()
    assert [row.folded for row in hall.rows()] == [1, 0]


class TestLinks:
    def test_by_our_post_the_conversation_and_the_phone(self, hall: Hall) -> None:
        incident, post = self.spoken(hall, "x-ous-live", "wall", "900")
        _same, text = self.spoken(hall, "sms-ous-live", "+4790011223", "SM1", incident)
        reply = hall.said("Er broren min der?", in_reply_to="900")
        deeper = hall.said("Ja, er han der?", in_reply_to="901", root="900")
        hall.hear(reply, deeper)
        sms = hall.said("Kommer på jobb", "+4790011223", private=True)
        hall.hear(sms, account="sms-ous-live")
        found = [(hall.row(one).delivery_id, hall.row(one).incident_id) for one in (reply, deeper, sms)]
        assert found == [(post, incident), (post, incident), (text, incident)]

    def test_unasked_belongs_to_the_one_open_incident(self, hall: Hall) -> None:
        incident, _post = self.spoken(hall, "x-ous-live", "wall", "900")
        asked, elsewhere = hall.said("Hva skjer ved Oslo S?"), hall.said("Hva skjer?")
        hall.hear(asked)
        hall.hear(elsewhere, account="x-ous-drill")
        assert (hall.row(asked).incident_id, hall.row(elsewhere).incident_id) == (incident, None)
        self.spoken(hall, "x-ous-live", "wall", "950")  # a second one: nobody can say which
        later = hall.said("Hva skjer egentlig der borte?")
        hall.hear(later)
        assert hall.row(later).incident_id is None

    def test_an_answer_that_outran_our_own_record(self, hall: Hall) -> None:
        early = hall.said("Er broren min der?", in_reply_to="900")
        hall.hear(early)
        assert hall.row(early).delivery_id is None
        incident, post = self.spoken(hall, "x-ous-live", "wall", "900")
        with hall.database.writing() as session:
            then = hall.now + timedelta(hours=1, minutes=1)
            assert links.link_late(session, links.late(session, then), then) == 1
        assert (hall.row(early).delivery_id, hall.row(early).incident_id) == (post, incident)

    def spoken(self, hall: Hall, account: str, address: str, provider_id: str, incident_id: object = None) -> tuple:
        """Something we have said there."""
        with hall.database.writing() as session:
            speaks = session.scalars(select(Account).where(Account.key == account)).one()
            if incident_id is None:
                incident = Incident(
                    unit_id=speaks.unit_id, mode=Mode.LIVE, title="Oslo S", playbook="p", opened_at=hall.now
                )
                session.add(incident)
                session.flush()
                incident_id = incident.id
            broadcast = Broadcast(
                incident_id=incident_id, unit_id=speaks.unit_id, mode=Mode.LIVE, purpose=Purpose.STATEMENT,
                playbook="p", message="m", phase="initial", authority="single",
            )  # fmt: skip
            session.add(broadcast)
            session.flush()
            text = BroadcastText(broadcast_id=broadcast.id, channel=speaks.channel, language="nb", title="", text="x")
            session.add(text)
            session.flush()
            delivery = Delivery(
                broadcast_id=broadcast.id, mode=Mode.LIVE, account_id=speaks.id, address=address, language="nb",
                text_id=text.id, state=DeliveryState.ACCEPTED, provider_id=provider_id, changed_at=hall.now,
            )  # fmt: skip
            session.add(delivery)
            session.flush()
            return incident_id, delivery.id
