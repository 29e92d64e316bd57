"""One claim in many wordings is gathered, and nothing of another unit, another mode or in danger is gathered with it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from crisis.models import AuditRow, Broadcast, InboundBand, Incident, Rumour
from crisis.simulator.crowd.script import words as crowd_words
from crisis.states import BroadcastState, InboundState, Mode, NotAllowed
from crisis.triage import queue, rumours, settling
from crisis.triage.fold import words_of
from tests.triage.hall import CRY, Hall

SAID = tuple(crowd_words()["rumour"]["nb"])
OTHER = (
    "Stemmer det at timen min er avlyst i morgen?",
    "Hørte at bussen til sentrum ikke går, er det sant?",
    "Så fint vær",
)


@pytest.fixture
def incident(hall: Hall) -> uuid.UUID:
    with hall.database.writing() as session:
        made = Incident(unit_id=hall.units["ous"], mode=Mode.LIVE, title="Oslo S", playbook="mass-casualty")
        session.add(made)
        session.flush()
        return made.id


def start(hall: Hall, incident: uuid.UUID, *rows: uuid.UUID, claim: str = "Ullevål er fullt") -> uuid.UUID:
    with hall.database.writing() as session:
        of = session.get_one(Incident, incident)
        return rumours.start(session, hall.users["kari"], of, claim, rows, hall.now).id


def test_most_wordings_of_one_claim_are_found_and_no_other_claim(hall: Hall) -> None:
    hall.hear(*[hall.said(text) for text in (*SAID[1:], *OTHER)])
    with hall.database.reading() as session:
        found = rumours.alike(session, hall.units["ous"], Mode.LIVE, [SAID[0]])
    likely = {one.row.text for one in found if one.likely}
    assert not likely & set(OTHER)
    assert len({one.row.text for one in found} & set(SAID)) >= len(SAID) - 3
    assert found[0].likely


def test_likeness_is_one_for_itself_and_none_for_nothing() -> None:
    some = [words_of(text) for text in (*SAID, *OTHER)]
    rare = rumours.rarity(some)
    for one in some:
        assert rumours.likeness(one, one, rare) == pytest.approx(1.0)
        assert rumours.likeness(one, (), rare) == 0.0
    assert rumours.likeness(some[0], some[1], rare) > rumours.LIKELY > rumours.likeness(some[0], some[-2], rare)


def test_gathering_takes_nothing_of_a_drill_another_unit_another_rumour_or_in_danger(
    hall: Hall, incident: uuid.UUID
) -> None:
    mine, cry, drill, theirs = hall.said(SAID[0]), hall.said(CRY), hall.said(SAID[1]), hall.said(SAID[2])
    hall.hear(mine, cry)
    hall.hear(drill, account="x-ous-drill")
    hall.hear(theirs, account="x-dep-live")
    everything = [row.id for row in hall.rows()]
    first = start(hall, incident, *everything)
    second = start(hall, incident, *everything, claim="noe annet")
    assert {row.text: row.rumour_id for row in hall.rows()} == {SAID[0]: first, CRY: None, SAID[1]: None, SAID[2]: None}
    assert second != first


def test_a_verdict_needs_a_source_and_stands_in_the_record(hall: Hall, incident: uuid.UUID) -> None:
    made = start(hall, incident)
    with hall.database.writing() as session:
        rumour = session.get_one(Rumour, made)
        for verdict, source in (("false", " "), ("maybe", "the ward")):
            with pytest.raises(NotAllowed):
                rumours.judge(session, hall.users["kari"], rumour, verdict, source, hall.now)
        rumours.judge(session, hall.users["kari"], rumour, "false", "the ward, 03:12", hall.now)
        acts = session.scalars(select(AuditRow.act).where(AuditRow.subject == f"rumour:{made}")).all()
    assert acts[-1] == "rumour.judged"
    with hall.database.writing() as session, pytest.raises(NotAllowed):
        rumours.judge(session, hall.users["per"], session.get_one(Rumour, made), "true", "me", hall.now)


def test_nothing_is_closed_before_something_was_said(hall: Hall, incident: uuid.UUID) -> None:
    hall.hear(hall.said(SAID[0]))
    made = start(hall, incident, *[row.id for row in hall.rows()])
    with hall.database.writing() as session, pytest.raises(NotAllowed, match="in public"):
        settling.settle(session, hall.users["kari"], session.get_one(Rumour, made), hall.now)
    assert hall.rows()[0].state is InboundState.WAITING


def test_what_was_closed_together_is_opened_again_by_whoever_closed_it(hall: Hall, incident: uuid.UUID) -> None:
    hall.hear(*[hall.said(text) for text in (SAID[0], *OTHER[:2])])
    put_off, mine, theirs = [row.id for row in hall.rows()]
    made, kari, ola = start(hall, incident, put_off, mine, theirs), hall.users["kari"], hall.users["ola"]
    with hall.database.writing() as session:
        released = Broadcast(
            incident_id=incident, unit_id=hall.units["ous"], mode=Mode.LIVE, rumour_id=made, phase="initial",
            playbook="false-information", message="initial", state=BroadcastState.RELEASED, released_at=hall.now,
            authority="single", digest="-", created_by=kari.user_id,
        )  # fmt: skip
        session.add(released)
        queue.claim(session, kari, put_off, hall.now)
        queue.snooze(session, kari, put_off, hall.now + timedelta(hours=1), hall.now)
        queue.claim(session, kari, mine, hall.now)
        queue.claim(session, ola, theirs, hall.now)
    at = hall.now + timedelta(seconds=1)
    with hall.database.writing() as session:
        assert settling.settle(session, kari, session.get_one(Rumour, made), at) == 2
    with hall.database.writing() as session:
        rumour = session.get_one(Rumour, made)
        assert settling.undo(session, ola, rumour, at) == 0, "only whoever closed them"
        assert settling.undo(session, kari, rumour, at - timedelta(seconds=1)) == 0
        assert settling.undo(session, kari, rumour, at) == 2
        assert settling.undo(session, kari, rumour, at) == 0
    states = {row.id: (row.state, row.claimed_by) for row in hall.rows()}
    waits = (InboundState.WAITING, None)
    assert states == {put_off: waits, mine: waits, theirs: (InboundState.CLAIMED, ola.user_id)}
    with hall.database.reading() as session:
        acts = session.scalars(select(AuditRow.act).where(AuditRow.subject == f"rumour:{made}")).all()
        assert acts[-2:] == ["rumour.settled", "rumour.settling_undone"]


def test_folded_repeats_count_with_the_one_they_stand_behind(hall: Hall, incident: uuid.UUID) -> None:
    hall.hear(*[hall.said(SAID[8]) for _ in range(5)])
    lead = next(row.id for row in hall.rows() if row.folded_into_id is None)
    made = start(hall, incident, lead)
    with hall.database.reading() as session:
        told = rumours.told(session, session.get_one(Rumour, made))
    assert (told.said, told.waiting) == (5, 1)


def test_a_drill_and_a_live_queue_share_no_band(hall: Hall) -> None:
    text = SAID[3] + " og det er mange som sier akkurat dette"
    for account in ("x-ous-live", "x-ous-drill", "x-dep-live"):
        hall.hear(hall.said(text), account=account)
    with hall.database.reading() as session:
        bands = session.scalars(select(InboundBand.band)).all()
    assert len(set(bands)) == len(bands) == 18
