"""A sentence for people that remembers its facts, so that an edge can say it in another language. Knows no language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


def N_(text: str) -> str:  # noqa: N802 - the name that extraction tools know
    """Mark a text for translation where it is written down; it is translated where it is shown."""
    return text


class Sentence(str):
    """English as it stands, a plain `str` for logs, files and tables; `words` and `facts` are for translating.

    `words` is what the catalogues hold, with a place such as `%(line)d` for each fact. A fact may be a sentence too.
    """

    __slots__ = ("facts", "words")

    words: str
    facts: Mapping[str, object]

    def __new__(cls, words: str, /, **facts: object) -> Self:
        if isinstance(words, Sentence):
            facts, words = {**words.facts, **facts}, words.words
        made = super().__new__(cls, words % facts if facts else words)
        made.words, made.facts = str(words), facts
        return made
