"""Suggested answers: over the shipped playbooks, what people ask finds the answer that was written for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisis.playbooks.read import read_all
from crisis.settings import Language
from crisis.states import Lane
from crisis.triage.likeness import Candidate, suggest

SHELF = read_all(Path(__file__).parents[2] / "playbooks")


def first(playbook: str, text: str, lane: Lane, language: Language = "nb") -> str:
    answers = SHELF.playbooks[playbook].answers
    found = suggest(text, lane, [Candidate(key, one.lane, one.in_(language)) for key, one in answers.items()])
    return found[0].key


@pytest.mark.parametrize(
    ("playbook", "text", "lane", "language", "wanted"),
    [
        ("mass-casualty", "Kan jeg komme og gi blod?", Lane.QUESTION, "nb", "blood"),  # the words beat the lane
        ("mass-casualty", "Broren min var der, er han hos dere?", Lane.NEXT_OF_KIN, "nb", "next_of_kin"),
        ("mass-casualty", "Hei, jeg ringer fra avisen. Når kommer ny informasjon?", Lane.PRESS, "nb", "press"),
        ("mass-casualty", "Is it true that there was a bomb?", Lane.RUMOUR, "en", "rumour"),
        ("it-outage", "Er timen min i morgen avlyst? Det haster", Lane.QUESTION, "nb", "appointment"),
        ("data-breach", "Nokon ringte og bad om BankID og passord", Lane.QUESTION, "nn", "contacted"),
        ("drinking-water", "Gjelder rådet der jeg bor?", Lane.QUESTION, "nb", "does_it_apply"),
    ],
)
def test_finds_the_answer_that_was_written_for_it(
    playbook: str, text: str, lane: Lane, language: Language, wanted: str
) -> None:
    assert first(playbook, text, lane, language) == wanted


def test_danger_to_life_has_no_suggestion_and_no_answer_for_it_is_one() -> None:
    answers = SHELF.playbooks["fire-evacuation"].answers
    known = [Candidate(key, one.lane, one.nb) for key, one in answers.items()]
    assert suggest("Vi er innestengt", Lane.DANGER, known) == []
    assert "danger" not in {one.key for one in suggest("Vi er innestengt, ring 110", Lane.QUESTION, known)}


def test_what_was_answered_before_is_known_again() -> None:
    plain = [Candidate("visits", "question", "Vi tar imot."), Candidate("parking", "question", "Kjør forsiktig.")]
    asked = "Hvor kan pappa parkere bobilen?"
    assert suggest(asked, Lane.QUESTION, plain)[0].key == "visits"  # nothing shared: in the order of the playbook
    learned = [plain[0], Candidate("parking", "question", "Kjør forsiktig.", ("Kan vi parkere bobil hos dere?",))]
    found = suggest(asked, Lane.QUESTION, learned)[0]
    assert found.key == "parking"
    assert {"parkere", "bobilen"} <= set(found.words)


def test_hostile_text_is_only_text() -> None:
    known = [Candidate("a", "question", "Ring oss.")]
    for text in ("", "\u202e" * 5000, "😀" * 100_000, "x " * 100_000):
        assert suggest(text, Lane.QUESTION, known)[0].key == "a"
