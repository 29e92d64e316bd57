"""The tables of kept sentences hold what the domain and the adapters write, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crisis.kept import adapters, domain, recognise
from crisis.kept.catalogues import catalogue
from tests.kept.said_by_adapters import sentences

CRISIS = Path(__file__).parents[2] / "crisis"
PLACE = re.compile(r"%\(\w+\)[sdr]")
PIECED = {  # put together where they are written, so they stand nowhere whole
    "followed by: correction": "followed by: %()",
    "followed by: all_clear": "followed by: %()",
    "cancelled in the countdown": "stopped by an officer",  # stands in the board's form
}


def shapes(words: tuple[str, ...]) -> set[str]:
    return {PLACE.sub("%()", one) for one in words}


def _written() -> Iterator[str]:
    """Every string of the domain, with `%()` for each fact in it."""
    for folder in ("broadcasts", "channels", "feeds", "media", "oncall", "sending", "triage"):
        for file in (CRISIS / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield PLACE.sub("%()", node.value)
                elif isinstance(node, ast.JoinedStr):
                    yield "".join(str(one.value) if isinstance(one, ast.Constant) else "%()" for one in node.values)


def test_what_the_tables_keep_is_what_is_written() -> None:
    """A sentence that is reworded must be reworded here, else nobody recognises it."""
    written = set(_written())
    assert not [one for one in recognise.KEPT if PIECED.get(one, PLACE.sub("%()", one)) not in written]


def test_every_sentence_of_an_adapter_can_be_said_in_every_language() -> None:
    said = sentences()
    assert len(said) > 150, "the reading of the sources has lost its way"
    unknown = {one: file for one, file in said.items() if one not in shapes(recognise.KEPT + domain.WORDS)}
    assert not unknown, "write each into crisis/kept/adapters.py, then translate it"


def test_no_sentence_stands_twice() -> None:
    assert len(set(recognise.KEPT)) == len(recognise.KEPT)


@pytest.mark.parametrize("language", ["nb", "nn"])
@pytest.mark.parametrize("words", adapters.SENTENCES)
def test_a_sentence_is_known_again_with_its_facts(words: str, language: str) -> None:
    """The same words come back whole and in the other language, whatever other sentences look like them."""
    places = re.findall(r"%\((\w+)\)([sdr])", words)
    facts = {name: number if kind == "d" else f"Navn{number}" for number, (name, kind) in enumerate(places, 1)}
    there = catalogue(language)
    told = recognise.retold(words % facts if facts else words, lambda one: there.get(one, one))
    assert told == (there[words] % facts if facts else there[words])
