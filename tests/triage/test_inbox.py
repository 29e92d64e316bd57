"""Stored once, both texts of what was changed, and nothing undone by what is told again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from crisis.models import ListeningCount, OptOut
from crisis.states import InboundState, Lane
from tests.triage.hall import CRY, THANKS, Hall


def test_the_same_is_stored_once_however_often_it_is_told(hall: Hall) -> None:
    one, other = hall.said(CRY), hall.said(THANKS)
    assert hall.hear(one, one, other) == 2
    assert hall.hear(other, one) == 0
    assert hall.hear(one, account="x-ous-drill") == 1  # another account's own
    assert [row.text for row in hall.rows()].count(CRY) == 2
    with hall.database.reading() as session:
        assert [(row.what, row.count) for row in session.scalars(select(ListeningCount))] == [("again", 3)]


def test_more_than_one_statement_holds(hall: Hall) -> None:
    told = [hall.said(f"Spørsmål nummer {number}: når åpner dere?") for number in range(1_201)]
    assert hall.hear(*told, read=False) == 1_201
    assert len(hall.rows()) == 1_201


def test_a_changed_one_keeps_both_texts_and_is_read_again(hall: Hall) -> None:
    said = hall.said(THANKS)
    hall.hear(said)
    assert hall.row(said).lane is Lane.THANKS
    hall.hear(replace(said, text=CRY, edited=True))
    row = hall.row(said)
    assert (row.text, row.earlier_texts, row.lane) == (CRY, [THANKS], Lane.DANGER)


def test_told_again_without_a_mark_of_change_it_stays_as_it_was(hall: Hall) -> None:
    said = hall.said(THANKS)
    hall.hear(said)
    hall.hear(replace(said, text="noe annet"))
    assert hall.row(said).text == THANKS


def test_what_was_taken_away_is_marked_and_kept(hall: Hall) -> None:
    said = hall.said(CRY)
    hall.hear(said)
    hall.hear(replace(said, text="", deleted=True))
    row = hall.row(said)
    assert row.text == CRY
    assert row.deleted_at is not None
    assert row.state is InboundState.WAITING  # it may have been a cry for help


def test_taken_away_before_it_came_it_is_in_nobodys_way(hall: Hall) -> None:
    said = hall.said(CRY)
    hall.hear(replace(said, text="", deleted=True))
    hall.hear(said)
    assert hall.row(said).state is InboundState.CLOSED


def test_stop_is_obeyed_once_and_waits_for_nobody(hall: Hall) -> None:
    stop = hall.said("STOPP", "+4790011223", consent="stop", private=True)
    hall.hear(stop, account="sms-ous-live")
    hall.hear(hall.said("START", "+4790011223", consent="start", private=True), account="sms-ous-live")
    hall.hear(stop, account="sms-ous-live")
    with hall.database.reading() as session:
        assert [row.ended_at is None for row in session.scalars(select(OptOut))] == [False]
    assert {row.state for row in hall.rows()} == {InboundState.CLOSED}


def test_what_no_database_can_hold_is_stored_without_it(hall: Hall) -> None:
    said = hall.said("Hei\0 \ud83d der " + "😀" * 100_000, author_name="x" * 500)
    hall.hear(said)
    row = hall.row(said)
    assert row.text.startswith("Hei")
    assert "\0" not in row.text
    assert len(row.text) == 20_000
    assert len(row.author_name) == 120


def test_odd_names_of_what_was_said_keep_nothing_behind_them_out(hall: Hall) -> None:
    """A stranger writes the Message-ID and the addresses of a mail."""
    odd = replace(hall.said("Hei"), provider_id="<a\0b@c>", in_reply_to="\0x", root="\ud83d", url="https://x/\0")
    hall.hear(odd, hall.said("Hvor skal jeg?"))
    assert sorted(row.text for row in hall.rows()) == ["Hei", "Hvor skal jeg?"]
    assert hall.row(odd).provider_id == "<ab@c>"


def test_a_wrong_clock_puts_nobody_at_the_end(hall: Hall) -> None:
    said = replace(hall.said(CRY), at=hall.now + timedelta(days=400))
    hall.hear(said)
    assert hall.row(said).at == hall.now + timedelta(hours=1)
