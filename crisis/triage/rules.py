"""The words that rules look for, read from one TOML file per language; a unit's own files add to them or replace groups.

Owns the files' shape and finding their words in a text. What a find is worth is added up in `urgency`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from crisis.toml_lines import line_of
from crisis.triage.normalise import STOP, clean

Lane = Literal["danger", "kin", "press", "rumour", "question", "offer", "complaint", "thanks", "noise"]
FOLDER = Path(__file__).parent / "rules"
OWN_LANGUAGES = ("nb", "nn", "en", "sv", "da", "de", "pl", "uk", "ar")
OTHER = "other"
UNKNOWN = "und"  # BCP 47: nobody can say which language it is
# A short text is easily taken for its neighbour; a cry must be understood all the same.
_READ_WITH = {
    "en": ("en",),
    "nb": ("nb", "nn", "en"),
    "nn": ("nn", "nb", "en"),
    "da": ("da", "nb", "nn", "en"),
    "sv": ("sv", "nb", "nn", "en"),
    UNKNOWN: (OTHER, "nb", "nn", "en"),
}
_NEAR = 3  # a negation reaches so many words forward
_MOST_REMEMBERED = 40_000  # words; then memory is emptied and fills again


class BadRules(Exception):
    """A rules file that can't be used. `where` is `file:line`, `say` is for people."""

    def __init__(self, where: str, say: str) -> None:
        super().__init__(f"{where}: {say}")
        self.where = where
        self.say = say


class Group(BaseModel):
    """Words that mean the same to us. They count once a text, however many are found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    points: int = Field(ge=-100, le=100)
    lane: Lane | None = None
    words: tuple[str, ...]
    negatable: bool = True  # "no one is injured" takes the find away
    with_danger: bool = False  # counts only beside a find that points to danger or to somebody missed

    @property
    def deniable(self) -> bool:
        """Nobody denies a question, thanks or a place."""
        return self.negatable and not self.with_danger and self.points > 0 and self.lane in ("danger", "kin", None)

    @field_validator("words")
    @classmethod
    def _plain(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if not _pattern(word):
                raise ValueError(f"“{word}” holds no word to look for")
            if any(len(part) < 3 for part in word.split() if part.endswith("*")):
                raise ValueError(f"“{word}” would match nearly everything; write at least two letters before the *")
        return words


class Rules(BaseModel):
    """One file. A unit's file is the same, laid over ours: a group of the same name replaces ours, a new one is added."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    negations: tuple[str, ...] = ()
    own: tuple[str, ...] = ()  # words that show the writer speaks of themselves
    groups: tuple[Group, ...] = ()
    extend: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)  # group name: words added to it


@dataclass(frozen=True, slots=True)
class Find:
    """A group's words found in a text. `words` as the text has them; `denied` when a negation stands before them."""

    group: Group
    words: str
    denied: bool


def read_rules(path: Path) -> Rules:
    """Read one file. Raises `BadRules` with the line of the first mistake."""
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRules(path.name, f"it can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRules(path.name, "it is not UTF-8; save it as that") from None
    try:
        return Rules.model_validate(tomllib.loads(source))
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None) or 1 + source.count("\n", 0, _position(str(error), source))
        raise BadRules(f"{path.name}:{line}", f"this is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        say = str(first["msg"]).removeprefix("Value error, ")
        raise BadRules(f"{path.name}:{line_of(source, first['loc'])}", f"{first['loc'][-1]}: {say}") from None


def _position(say: str, source: str) -> int:
    """Where a TOML error stands, from its words "(at line 3, column 5)"."""
    _, _, tail = say.partition("at line ")
    number = tail.partition(",")[0]
    if not number.isdigit():
        return len(source)
    return sum(len(line) + 1 for line in source.split("\n")[: int(number) - 1])


def laid_over(ours: Rules, theirs: Rules) -> Rules:
    """Ours with a unit's own rules over them. Raises `ValueError` when they add words to a group that is not there."""
    groups = {group.name: group for group in ours.groups} | {group.name: group for group in theirs.groups}
    for name, words in theirs.extend.items():
        if name not in groups:
            raise ValueError(f"extend.{name}: there is no such group; there are {', '.join(sorted(groups))}")
        groups[name] = Group.model_validate(
            groups[name].model_dump() | {"words": tuple(dict.fromkeys((*groups[name].words, *words)))}
        )
    return Rules(
        negations=(*ours.negations, *theirs.negations), own=(*ours.own, *theirs.own), groups=tuple(groups.values())
    )


class Finder:
    """Looks for the words of several files at once. What it remembers of words it has met changes speed, not answers."""

    def __init__(self, files: Iterable[Rules]) -> None:
        self._exact: dict[str, list[tuple[tuple[str, ...], Group]]] = {}
        self._stems: dict[str, list[tuple[tuple[str, ...], Group]]] = {}
        self._met: dict[str, tuple[tuple[tuple[str, ...], Group], ...]] = {}
        negations: set[str] = set()
        own: set[str] = set()
        for file in files:
            negations.update(word for word in file.negations if " " not in word)
            own.update(file.own)
            for group in file.groups:
                for word in group.words:
                    first, *rest = _pattern(word)
                    place = self._stems if first.endswith("*") else self._exact
                    place.setdefault(first.removesuffix("*"), []).append((tuple(rest), group))
        self._negations = frozenset(negations)
        self.own = frozenset(own)

    def find(self, words: Sequence[str]) -> list[Find]:
        """One find for each group that is there, undenied before denied, in the order of the text."""
        met, most = self._met, len(words)
        found: dict[str, Find] = {}
        for at, word in enumerate(words):
            starts = met.get(word)
            if starts is None:
                starts = self._meet(word)
            for rest, group in starts:
                before = found.get(group.name)
                if before is not None and not before.denied:
                    continue
                end = at + 1 + len(rest)
                if rest and (end > most or not all(map(_is, rest, words[at + 1 : end]))):
                    continue
                denied = group.deniable and self._denied(words, at)
                if before is None or not denied:
                    found[group.name] = Find(group, " ".join(words[at:end]), denied)
        return list(found.values())

    def _denied(self, words: Sequence[str], at: int) -> bool:
        for word in reversed(words[max(0, at - _NEAR) : at]):
            if word in (STOP, ","):
                return False
            if word in self._negations:
                return True
        return False

    def _meet(self, word: str) -> tuple[tuple[tuple[str, ...], Group], ...]:
        starts = list(self._exact.get(word, ()))
        for size in range(2, len(word) + 1):
            starts += self._stems.get(word[:size], ())
        if len(self._met) >= _MOST_REMEMBERED:
            self._met.clear()
        self._met[word] = tuple(starts)
        return self._met[word]


def _is(pattern: str, word: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


@cache
def _pattern(words: str) -> tuple[str, ...]:
    """The words of a rule, cut as texts are cut, so that the two always meet."""
    parts: list[str] = []
    for part in words.split():
        cut = [word for word in clean(part.removesuffix("*")).words if word not in (STOP, ",")]
        if cut and part.endswith("*"):
            cut[-1] += "*"
        parts += cut
    return tuple(parts)


@cache
def our_rules(language: str) -> Rules:
    """What we ship for a language; `other` for the rest."""
    return read_rules(FOLDER / f"{language}.toml")


def finder(language: str, own_folder: Path | None = None) -> Finder:
    """For texts in a language: its own file and English; the northern languages, which are near, read with each other.

    `own_folder` holds a unit's files, named like ours. Raises `BadRules`.
    """
    names = _READ_WITH.get(language, (language if language in OWN_LANGUAGES else OTHER, "en"))
    return Finder(_with_own(name, own_folder) for name in names) if own_folder else _shipped(names)


@cache
def _shipped(names: tuple[str, ...]) -> Finder:
    return Finder(map(our_rules, names))


def _with_own(name: str, folder: Path) -> Rules:
    ours = our_rules(name)
    path = folder / f"{name}.toml"
    try:
        if not path.exists():
            return ours
    except OSError as error:
        raise BadRules(path.name, f"it can't be read: {error.strerror}") from None
    theirs = read_rules(path)
    try:
        return laid_over(ours, theirs)
    except ValueError as error:
        raise BadRules(f"{path.name}:{line_of(path.read_text(encoding='utf-8'), ('extend',))}", str(error)) from None
