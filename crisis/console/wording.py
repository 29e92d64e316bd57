"""Sentences of the domain in the reader's language: those that carry their facts, and those the tables keep in English.

The domain writes English, also into deliveries, accounts and the record, where it stays as it was written. Here it is
recognised and said anew. A provider's own words are nobody's to translate and pass through as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from crisis.broadcasts.compose import Problem
from crisis.broadcasts.freeze import NotReady
from crisis.console import language
from crisis.console.slot_words import in_words
from crisis.kept.recognise import retold
from crisis.sentence import Sentence
from crisis.states import NotAllowed


def told(text: str | None) -> str:
    """A sentence of ours in the reader's language; anything else as it is."""
    if isinstance(text, Sentence):
        return said(text.words, text.facts)
    if not text or language.current() == "en":
        return text or ""
    return retold(text, lambda words: str(language.words().ugettext(words)))


def said(words: str, facts: Mapping[str, object]) -> str:
    """One of the catalogues' sentences with its facts in place; facts that are words are said anew too."""
    here = str(language.words().ugettext(words))
    return here % {name: _fact(value) for name, value in facts.items()} if facts else here


def refusal(error: NotAllowed) -> str:
    """Why something was refused: everything that stands in the way, when that is known, else the one sentence."""
    if isinstance(error, NotReady):
        listed = [located(one) for one in error.composed.problems]
        listed += [f"{name}: {in_words(bad)}" for name, bad in error.composed.slot_errors.items()]
        if listed:
            return "; ".join(listed)
    return told(error.say)


def located(problem: Problem) -> str:
    """A problem after the channel and the language it is about."""
    where = [language.channel_word(problem.channel)] if problem.channel else []
    where += [language.NAMES.get(problem.language, problem.language)] if problem.language else []
    here = said(problem.say, problem.facts)
    return f"{', '.join(where)}: {here}" if where else here


def _fact(value: object) -> object:
    if isinstance(value, str):
        return told(value)
    return language.day(value) if isinstance(value, date) else value
