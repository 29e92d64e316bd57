"""The catalogues: compiled when stale, complete in both languages, and the domain's sentences recognised wherever kept."""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages import extract, frontend, pofile
from flask import Flask
from flask_babel import force_locale

from crisis.broadcasts.compose import Composed, Problem
from crisis.broadcasts.freeze import NotReady
from crisis.console import act_words, language, wording
from crisis.playbooks.slots import BadSlot
from crisis.sentence import Sentence
from crisis.states import NotAllowed

ROOT = language.CATALOGUES.parents[2]
PLACE = re.compile(r"%\(\w+\)[sdr]")
Message = str | tuple[str, ...]


@cache
def in_use() -> frozenset[Message]:
    """Every sentence the sources hold, found as the command in language.py finds them."""
    told = re.findall(r"-k (\S+)", language.__doc__ or "")
    keywords = {**extract.DEFAULT_KEYWORDS, **frontend.parse_keywords(told)}
    mapping = (ROOT / "crisis/console/babel.cfg").open(encoding="utf-8")
    with mapping:
        methods, options = frontend.parse_mapping_cfg(mapping, "babel.cfg")
    found = extract.extract_from_dir(ROOT, methods, options, keywords, directory_filter=_ours)
    return frozenset(message for _, _, message, _, _ in found)


def _ours(folder: str) -> bool:
    """Neither the machinery beside the sources nor what was built from them."""
    return not Path(folder).name.startswith((".", "_")) and Path(folder).name not in ("tests", "var", "node_modules")


@cache
def catalogue(code: str) -> dict[Message, Message]:
    with (language.CATALOGUES / code / "LC_MESSAGES" / "messages.po").open("rb") as words:
        return {one.id: one.string for one in pofile.read_po(words, locale=code) if one.id and not one.fuzzy}


def _said(message: Message) -> tuple[str, ...]:
    return message if isinstance(message, tuple) else (message,)


@pytest.mark.parametrize("code", ["nb", "nn"])
def test_every_sentence_in_use_is_translated(code: str) -> None:
    assert len(in_use()) > 800, "the extraction has lost its way"
    there = catalogue(code)
    missing = [one for one in in_use() if not all(_said(there.get(one, "")))]
    assert not missing, "run the two commands in crisis/console/language.py, then translate what is empty"
    assert not set(there) - in_use(), "no longer in use: run the two commands again"


@pytest.mark.parametrize("code", ["nb", "nn"])
def test_translations_keep_their_placeholders(code: str) -> None:
    for message, string in catalogue(code).items():
        ids, said = _said(message), _said(string)
        assert sorted(PLACE.findall(said[-1])) == sorted(PLACE.findall(ids[-1])), message
        # "Den ene som feilet" needs no number; nothing may appear that is not there.
        assert all(set(PLACE.findall(one)) <= set(PLACE.findall(ids[-1])) for one in said), message
        assert all(one == one.strip() and one.count("%") == len(PLACE.findall(one)) for one in said), message


def test_nynorsk_is_not_bokmaal() -> None:
    stray = re.compile(
        r"\b(ikke|jeg|hva|hvem|hvorfor|hvor|hver|noen|noe|fra|ennå|bare|også|en|et|uten|mer)\b", re.IGNORECASE
    )
    kept = {"language: nb, nn or en. consent: yes or no.", "Write nb, nn or en."}  # the code of English
    wrong = [
        one
        for message, string in catalogue("nn").items()
        for one in _said(string)
        if message not in kept and stray.search(one)
    ]
    assert not wrong


def test_every_act_of_the_record_has_words() -> None:
    acts = set()
    for file in (ROOT / "crisis").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and str(getattr(node.func, "attr", getattr(node.func, "id", ""))) in {
                "record",
                "_record",
                "_decide",
            }:
                said = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                acts.update(one for one in said if re.fullmatch(r"[a-z_]+\.[a-z_]+", one))
    assert len(acts) > 20
    assert not acts - set(act_words.ACTS)


@pytest.fixture
def speaking(app: Flask) -> Iterator[None]:
    with app.test_request_context("/"), force_locale("nn"):
        yield


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("found at the provider", "funnen hos leverandøren"),
        (
            "it cannot be looked up; it is repeated after 10 minutes",
            "det kan ikkje slåast opp; ho blir send på nytt etter 10 minutt",
        ),
        ("not sent again, because the broadcast was stopped", "ikkje send på nytt, fordi meldinga er stansa"),
        ("stopped by itself: no connection (OSError)", "stansa av seg sjølv: «ikkje noko samband (OSError)»"),
        ("stopped by itself: HTTP 401: Unauthorized", "stansa av seg sjølv: «HTTP 401: Unauthorized»"),
        ("HTTP 429: Too Many Requests", "HTTP 429: Too Many Requests"),
        ("100 % sure", "100 % sure"),
        ("", ""),
        (None, ""),
        (
            "signed in as OUS; it may not delete, so nothing can be taken down",
            "logga inn som OUS; han kan ikkje slette, så ingenting kan takast ned",
        ),
        (
            "stopped by itself: the password was changed; sign in again: Error (code 190)",
            "stansa av seg sjølv: «passordet er endra; logg inn på nytt: Error (code 190)»",
        ),
        (
            Sentence("this needs the role %(role)s in the unit", role=Sentence("approver")),
            "Dette krev rolla godkjennar i eininga.",
        ),
    ],
)
@pytest.mark.usefixtures("speaking")
def test_kept_sentences_are_recognised(kept: str | None, told: str) -> None:
    assert wording.told(kept) == told


@pytest.mark.usefixtures("speaking")
def test_a_refusal_lists_everything_that_stands_in_the_way() -> None:
    problems = (Problem("%(over)d %(unit)s too many", {"over": 3, "unit": "weighted characters"}, "x", "nb"),)
    composed = Composed(problems=problems, slot_errors={"place": BadSlot("empty", "this has to be filled in")})
    said = wording.refusal(NotReady(composed, "x, nb: 3 weighted characters too many"))
    assert said == "X, Bokmål: 3 teikn (slik X tel) for mykje; place: Dette må fyllast ut."
    assert (
        wording.refusal(NotAllowed("the title is %(over)d characters too long", over=7))
        == "Namnet er 7 teikn for langt."
    )


def test_a_sentence_is_a_plain_string_that_remembers() -> None:
    inner = Sentence("%(used)d of %(limit)d", used=3, limit=2)
    made = Sentence("too much: %(used)s", used=inner)
    assert made == "too much: 3 of 2"
    assert (made.words, made.facts["used"]) == ("too much: %(used)s", inner)
    assert Sentence(made).facts == made.facts
    assert type(str(made)) is str


def test_a_stale_catalogue_is_compiled_and_a_fresh_one_left(tmp_path: Path) -> None:
    shutil.copytree(language.CATALOGUES, tmp_path / "t", ignore=shutil.ignore_patterns("*.mo"))
    language.compile_catalogues(tmp_path / "t", tmp_path / "spare")
    made = tmp_path / "t" / "nb" / "LC_MESSAGES" / "messages.mo"
    first = made.stat().st_mtime_ns
    language.compile_catalogues(tmp_path / "t", tmp_path / "spare")
    assert made.stat().st_mtime_ns == first
    os.utime(made, (0, 0))
    language.compile_catalogues(tmp_path / "t", tmp_path / "spare")
    assert made.stat().st_mtime_ns >= first
