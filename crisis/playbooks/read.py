"""Playbook files from disk into records, with every mistake named by line and remedy.

One broken file never hides the others. Reading changes nothing and sends nothing; whether texts fit the networks is
asked afterwards, in `fit`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crisis.playbooks.playbook import (
    BUILT_IN,
    PLACEHOLDER,
    Answer,
    Choice,
    Message,
    Playbook,
    Slot,
    Step,
    Texts,
    placeholders,
)
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES
from crisis.toml_lines import line_of

_EVERY_KEY = [
    part.alias or name
    for model in (Playbook, Message, Slot, Choice, Answer, Step)
    for name, part in model.model_fields.items()
]


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a file can't be used: the line, the key path there, and what to do."""

    line: int
    where: str
    say: str


class BrokenPlaybook(Exception):
    """The file can't be used until every one of `mistakes` is mended."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"line {m.line}: {m.where}: {m.say}" for m in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a folder holds. `broken` is by file name; `sources` keeps each text as written, to name lines later."""

    playbooks: Mapping[str, Playbook] = field(default_factory=lambda: MappingProxyType({}))
    broken: Mapping[str, list[Mistake]] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def read_file(path: Path) -> Playbook:
    """Read one playbook. Raises `BrokenPlaybook` with every mistake at once."""
    return read_text(_source(path), path.stem)


def read_text(source: str, name: str) -> Playbook:
    """Read a playbook from its text; `name` is what its file is called without `.toml`."""
    try:
        raw = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        say = Sentence(
            "%(error)s; this is not TOML: look for a missing quote, bracket or equals sign here or just above",
            error=str(error),
        )
        raise BrokenPlaybook([Mistake(int(line[1]) if line else source.count("\n") + 1, name, say)]) from None
    mistakes: list[Mistake] = []

    def blame(where: tuple[str | int, ...], say: str) -> None:
        mistakes.append(Mistake(line_of(source, where), ".".join(map(str, where)), say))

    try:
        playbook = Playbook.model_validate(raw)
    except ValidationError as error:
        for item in error.errors():
            blame(item["loc"], _remedy(item))
        raise BrokenPlaybook(mistakes) from None
    if playbook.id != name:
        say = Sentence(
            "'%(id)s' is not the file's name; rename the file to %(id)s.toml or change the id", id=playbook.id
        )
        blame(("id",), say)
    for where, what in _contradictions(playbook):
        blame(where, what)
    if mistakes:
        raise BrokenPlaybook(mistakes)
    return playbook


def read_all(directory: Path) -> Shelf:
    """Every `*.toml` in the folder. Ids can't clash, because an id is its file's name."""
    return PlaybookFolder(directory).shelf()


class PlaybookFolder:
    """A folder read again only where a file changed; cheap enough to ask at every request.

    A file counts as changed when its time or its size did. Safe to share between threads: a stale answer is a whole,
    older one.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._seen: dict[Path, tuple[int, int]] = {}
        self._read: dict[Path, tuple[str, Playbook | list[Mistake]]] = {}
        self._shelf: Shelf | None = None

    def shelf(self) -> Shelf:
        seen = dict(self._stamps())
        if self._shelf is None or seen != self._seen:
            kept = {
                path: self._read[path] for path in seen if self._seen.get(path) == seen[path] and path in self._read
            }
            read = {path: kept.get(path) or _read_one(path) for path in seen}
            self._shelf, self._read, self._seen = _shelve(read), read, seen
        return self._shelf

    def _stamps(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for path in sorted(self.directory.glob("*.toml")):
            try:
                facts = path.stat()
            except OSError:  # taken away while we looked
                continue
            yield path, (facts.st_mtime_ns, facts.st_size)


def _read_one(path: Path) -> tuple[str, Playbook | list[Mistake]]:
    source = ""
    try:
        source = _source(path)
        return source, read_text(source, path.stem)
    except BrokenPlaybook as broken:
        return source, broken.mistakes


def _source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        say = Sentence("is not saved as UTF-8; save it again with that encoding")
    except OSError as error:
        say = Sentence(
            "can't be read: %(error)s; check that it exists and that this user may read it", error=error.strerror
        )
    raise BrokenPlaybook([Mistake(1, path.name, say)])


def _shelve(read: dict[Path, tuple[str, Playbook | list[Mistake]]]) -> Shelf:
    return Shelf(
        playbooks=MappingProxyType({book.id: book for _, book in read.values() if isinstance(book, Playbook)}),
        broken=MappingProxyType({path.name: book for path, (_, book) in read.items() if isinstance(book, list)}),
        sources=MappingProxyType({path.stem: source for path, (source, _) in read.items()}),
    )


def _remedy(item: ErrorDetails) -> str:
    key = str(item["loc"][-1]) if item["loc"] else ""
    match item["type"]:
        case "extra_forbidden":
            near = get_close_matches(key, _EVERY_KEY, n=1)
            if near:
                return Sentence("there is no such key here; did you mean %(near)s?", near=near[0])
            return Sentence("there is no such key here; remove it")
        case "missing":
            if key in LANGUAGES:
                return Sentence("is missing; write the text in this language too")
            return Sentence("is missing; add it")
        case "literal_error":
            return Sentence("is %(input)r; write %(expected)s", input=item["input"], expected=item["ctx"]["expected"])
        case "string_pattern_mismatch":
            return Sentence(
                "is %(input)r; use small letters a-z, digits and _ (in `id` -), starting with a letter",
                input=item["input"],
            )
        case "value_error":
            error: ValueError = item["ctx"]["error"]
            return Sentence(error.args[0])
        case _:
            wrong = f"{item['msg'][:1].lower()}{item['msg'][1:]}"
            return Sentence("%(wrong)s; got %(input)r", wrong=wrong, input=item["input"])


_Blame = tuple[tuple[str | int, ...], str]


def _contradictions(playbook: Playbook) -> Iterator[_Blame]:
    for name in playbook.slots:
        if name in BUILT_IN:
            say = Sentence("{%(name)s} is always there by itself; remove this slot or give it another name", name=name)
            yield ("slots", name), say
    always = set(playbook.slots) | {"organisation", "link"}
    for key, message in playbook.messages.items():
        known = always | ({"next_update"} if message.next_update_minutes else set())
        yield from _wrong_message(("messages", key), message, known, playbook)
    promised = any(message.next_update_minutes for message in playbook.messages.values())
    known = always | ({"next_update"} if promised else set())
    for key, answer in playbook.answers.items():
        yield from _wrong_words(("answers", key), answer, known)
    yield from _wrong_words(("staff_note",), playbook.staff_note, known)
    for index, step in enumerate(playbook.checklist):
        yield from _wrong_words(("checklist", index), step, known)
    yield from _wrong_words(("title",), playbook.title, set())
    for name, slot in playbook.slots.items():
        for index, choice in enumerate(slot.choices):
            yield from _wrong_words(("slots", name, "choices", index, "text"), choice.text, set())


def _wrong_message(
    here: tuple[str | int, ...], message: Message, known: set[str], playbook: Playbook
) -> Iterator[_Blame]:
    for where, texts in message.texts():
        yield from _wrong_words((*here, *where), texts, known)
    if message.voice:
        yield from _spoken_links((*here, "voice"), message.voice, playbook)
    if twice := {key for key in message.media if message.media.count(key) > 1}:
        yield (*here, "media"), Sentence("'%(key)s' is there twice; name each picture or film once", key=min(twice))
    for language in LANGUAGES:
        if "\n" in message.title.in_(language).strip():
            yield (*here, "title", language), Sentence("is more than one line; a headline is one line")


def _wrong_words(where: tuple[str | int, ...], texts: Texts, known: set[str]) -> Iterator[_Blame]:
    for language in LANGUAGES:
        text = texts.in_(language)
        for name in placeholders(text):
            if name in known:
                continue
            if name == "next_update":
                say = Sentence(
                    "{next_update} needs a promise; set next_update_minutes above 0 or take it out of the text"
                )
            elif not known:
                say = Sentence("{%(name)s} can't stand here; write plain words", name=name)
            elif near := get_close_matches(name, known, n=1):
                say = Sentence("there is no slot {%(name)s}; did you mean {%(near)s}?", name=name, near=near[0])
            else:
                say = Sentence("there is no slot {%(name)s}; add [slots.%(name)s] or take it out", name=name)
            yield (*where, language), say
        rest = PLACEHOLDER.sub("", text)
        if "{" in rest or "}" in rest:
            say = Sentence("has a brace that belongs to no slot; write {name}, or leave braces out")
            yield (*where, language), say


def _spoken_links(where: tuple[str | int, ...], texts: Texts, playbook: Playbook) -> Iterator[_Blame]:
    links = {"link"} | {name for name, slot in playbook.slots.items() if slot.type == "url"}
    for language in LANGUAGES:
        text = texts.in_(language)
        for name in placeholders(text):
            if name in links:
                say = Sentence("{%(name)s} is a link, which nobody can hear; take it out of the voice text", name=name)
                yield (*where, language), say
        if "://" in text or "www." in text:
            say = Sentence("holds a web address, which nobody can hear; take it out of the voice text")
            yield (*where, language), say
