"""The paper edition: complete, self-contained and safe against odd texts."""

from __future__ import annotations

import re
from datetime import date

import pytest

from crisis.playbooks.paper import edition
from crisis.playbooks.paper_words import BUILT_IN_LABELS, LANES, PHASE_WORDS, STEPS, WORDS
from crisis.settings import LANGUAGES, Language
from tests.playbooks.sample import playbook

DAY = date(2026, 11, 1)


def test_everything_is_there() -> None:
    html = edition([playbook()], "Helse Nord", DAY)
    for part in (
        "Brann",
        "1. november 2026",
        "Helse Nord: Brann ved ",
        "Slipp første melding.",
        "Alle er trygge.",
        "Si lite.",
    ):
        assert part in html
    for part in ("There is a fire at ", "Everybody is safe.", "Say little.", "Rettes med <b>correction</b>"):
        assert part in html
    assert html.count('class="message ') == 4


def test_slots_become_blanks_with_their_question() -> None:
    html = edition([playbook()], "Helse Nord", DAY)
    assert not re.search(r"\{[a-z_]+\}", html.split("</style>")[1])
    assert "<i>Hvor?</i>" in html
    assert "<i>Where?</i>" in html
    assert "<i>Klokkeslett</i>" in html


def test_nothing_is_fetched() -> None:
    html = edition([playbook()], "Helse Nord", DAY)
    assert not re.search(r"""(?:src|href)=["'](?!#)|url\(|@import|<script""", html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language(language: Language) -> None:
    html = edition([playbook()], "Helse Nord", DAY, language)
    assert f'<html lang="{language}">' in html
    assert WORDS[language]["contents"] in html


def test_the_words_are_the_same_in_every_language() -> None:
    for table in (WORDS, PHASE_WORDS, LANES, BUILT_IN_LABELS):
        assert {frozenset(table[language]) for language in LANGUAGES} == {frozenset(table["nb"])}
    assert {len(STEPS[language]) for language in LANGUAGES} == {6}
    for name, text in WORDS["nb"].items():
        assert all(WORDS[language][name].count("{}") == text.count("{}") for language in LANGUAGES)


def test_odd_texts_stay_text() -> None:
    book = playbook(
        'title = { nb = "Brann"', r"""title = { nb = "Brann \"<b>\\</style><script>alert(1)</script>" """.rstrip()
    )
    html = edition([book], 'A & "B" </style><script>', DAY)
    assert html.count("</style>") == 1
    assert "<script" not in html
    assert "A &amp; &#34;B&#34;" in html
