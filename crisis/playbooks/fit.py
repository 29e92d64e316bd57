"""Does every text of a playbook fit every network it names, filled to the brim, in earnest and as a drill?

Pure: playbooks and channel facts in, findings out. It judges; it never mends or shortens a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from crisis.channels.base import Facts, Form, Size
from crisis.channels.text import counting
from crisis.playbooks import slots
from crisis.playbooks.digest import ANSWERS
from crisis.playbooks.fill import Unwritten, drill_marked, drill_titled, fill, words
from crisis.playbooks.playbook import BUILT_IN, PHASES, Message, Playbook, Texts, placeholders
from crisis.playbooks.readability import LIX_MOST, lix
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES, Language
from crisis.toml_lines import line_of

VOICE_MOST = 1_500  # characters; inline TwiML ends at 4,000 and marking up and escaping take their share
TITLE_MOST = 160  # characters; CAP recommends no more, and mail programs cut long before
SOON_DAYS = 60  # before a playbook's end, to leave time for a new review

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should mend (`error`: must)."""

    severity: Literal["error", "warning"]
    file: str
    line: int
    where: str
    say: str
    message: str = ""
    language: str = ""
    channel: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.where}: {self.say}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One text at its greatest, as one channel counts it: the larger of in earnest and as a drill."""

    message: str
    language: Language
    channel: str
    size: Size
    lix: int


def inspect(playbook: Playbook, source: str, channels: Mapping[str, Facts], today: date) -> list[Finding]:
    """Every finding, in the order of the file. `source` is the file's text, which gives the line numbers."""
    found = [
        *_dates(playbook, today),
        *_unused(playbook),
        *_structure(playbook, channels),
        *(finding for key in playbook.messages for finding in _texts(playbook, key, channels)),
        *_answers(playbook, channels),
        *_wordiness(playbook),
    ]
    return sorted((note.placed(playbook.id, source) for note in found), key=lambda finding: finding.line)


def measured(playbook: Playbook, channels: Mapping[str, Facts]) -> list[Measured]:
    """How full every text gets, for showing."""
    rows = []
    for key, message in playbook.messages.items():
        for facts in _named(message, channels):
            try:
                texts = words(playbook, key, facts)
            except Unwritten:
                continue
            for language in LANGUAGES:
                text = _filled(playbook, texts.in_(language), language, facts)
                size = facts.measure(drill_marked(text, language, facts.form))
                rows.append(Measured(key, language, facts.name, size, lix(texts.in_(language))))
    return rows


@dataclass(frozen=True, slots=True)
class _Note:
    severity: Literal["error", "warning"]
    where: Where
    say: str
    message: str = ""
    language: str = ""
    channel: str = ""

    def placed(self, playbook_id: str, source: str) -> Finding:
        where = ".".join(map(str, self.where))
        line = line_of(source, self.where)
        file = f"{playbook_id}.toml"
        return Finding(self.severity, file, line, where, self.say, self.message, self.language, self.channel)


def _dates(playbook: Playbook, today: date) -> Iterator[_Note]:
    if playbook.reviewed > today:
        say = Sentence("%(day)s has not come yet; write the day it was reviewed", day=playbook.reviewed)
        yield _Note("error", ("reviewed",), say)
    if playbook.valid_until < today:
        say = Sentence("passed on %(day)s; review the playbook, then move it", day=playbook.valid_until)
        yield _Note("error", ("valid_until",), say)
    elif (playbook.valid_until - today).days < SOON_DAYS:
        say = Sentence("ends on %(day)s; plan the next review", day=playbook.valid_until)
        yield _Note("warning", ("valid_until",), say)
    if playbook.reviewed > playbook.valid_until:
        yield _Note("error", ("valid_until",), Sentence("is before the review; one of the two dates is wrong"))


def _unused(playbook: Playbook) -> Iterator[_Note]:
    used = {name for message in playbook.messages.values() for name in message.names()}
    for key, answer in playbook.answers.items():
        for language in LANGUAGES:
            for name in placeholders(answer.in_(language)):
                if name not in used | BUILT_IN.keys():  # an answer is filled from what a broadcast has said
                    say = Sentence("no message fills {%(name)s}; take it out or use it in a message", name=name)
                    yield _Note("error", ("answers", key, language), say, ANSWERS, language)
    for name in playbook.slots:
        if name not in used:
            yield _Note("warning", ("slots", name), Sentence("no message uses it; remove it or use it in a text"))


def _structure(playbook: Playbook, channels: Mapping[str, Facts]) -> Iterator[_Note]:
    phases = {message.phase for message in playbook.messages.values()}
    for phase in () if playbook.staff_only else PHASES:
        if phase not in phases:
            say = Sentence("no message has phase %(phase)s; every playbook needs one", phase=phase)
            yield _Note("error", ("messages",), say)
    for key, message in playbook.messages.items():
        here: Where = ("messages", key)
        if message.phase == "call_out":  # words to our own people: corrected by cancelling it
            yield from _addresses(key, message, channels)
            continue
        yield from _target(playbook, here, "corrected_by", message.corrected_by, "correction")
        if message.phase != "all_clear" or message.ended_by is not None:
            yield from _target(playbook, here, "ended_by", message.ended_by, "all_clear")
        yield from _addresses(key, message, channels)
        if message.next_update_minutes:
            for language in LANGUAGES:
                if "{next_update}" not in message.short.in_(language):
                    say = Sentence(
                        "an update is promised in %(minutes)d minutes; say so with {next_update}",
                        minutes=message.next_update_minutes,
                    )
                    yield _Note("warning", (*here, "short", language), say, key, language)


def _addresses(key: str, message: Message, channels: Mapping[str, Facts]) -> Iterator[_Note]:
    for channel in message.channels:
        if channel not in channels:
            known = ", ".join(sorted(channels))
            say = Sentence("'%(channel)s' is no channel; known are %(known)s", channel=channel, known=known)
            yield _Note("error", ("messages", key, "channels"), say, key, channel=channel)
    for channel in message.override:
        if channel not in message.channels:
            say = Sentence(
                "this message does not go to '%(channel)s'; add it to channels or remove these words", channel=channel
            )
            yield _Note("error", ("messages", key, "override", channel), say, key, channel=channel)


def _target(playbook: Playbook, here: Where, name: str, target: str | None, phase: str) -> Iterator[_Note]:
    key = str(here[-1])
    if target is None:
        say = Sentence("has no %(name)s; name the message of phase %(phase)s", name=name, phase=phase)
        yield _Note("error", here, say, key)
    elif target not in playbook.messages:
        say = Sentence("there is no message '%(name)s'; add [messages.%(name)s] or name another", name=target)
        yield _Note("error", (*here, name), say, key)
    elif playbook.messages[target].phase != phase:
        say = Sentence("'%(name)s' is no message of phase %(phase)s; name one that is", name=target, phase=phase)
        yield _Note("error", (*here, name), say, key)


def _named(message: Message, channels: Mapping[str, Facts]) -> list[Facts]:
    return [channels[name] for name in message.channels if name in channels]


def _texts(playbook: Playbook, key: str, channels: Mapping[str, Facts]) -> Iterator[_Note]:
    message = playbook.messages[key]
    for facts in _named(message, channels):
        try:
            texts = words(playbook, key, facts)
        except Unwritten:
            say = Sentence(
                "goes to %(channel)s and has no %(form)s text; write [messages.%(key)s.%(form)s]",
                channel=facts.name,
                form=facts.form,
                key=key,
            )
            yield _Note("error", ("messages", key), say, key, channel=facts.name)
            continue
        part = ("override", facts.name) if facts.name in message.override else (facts.form,)
        yield from _room(playbook, ("messages", key, *part), texts, facts)
    for language in LANGUAGES:
        title = fill(message.title.in_(language), _values(playbook, language, counting.plain(TITLE_MOST)))
        length = len(drill_titled(title, language))
        for facts in _named(message, channels):
            if 0 < facts.headline < length <= TITLE_MOST:
                say = Sentence(
                    "%(channel)s shows %(most)d characters of a headline; as a drill with every slot full %(over)d are cut",
                    channel=Sentence(facts.label),
                    most=facts.headline,
                    over=length - facts.headline,
                )
                yield _Note("warning", ("messages", key, "title", language), say, key, language, facts.name)
        over = length - TITLE_MOST
        if over > 0:
            say = Sentence(
                "%(over)d characters too long for a headline as a drill with every slot full (at most %(most)d)",
                over=over,
                most=TITLE_MOST,
            )
            yield _Note("error", ("messages", key, "title", language), say, key, language)
        if message.voice:
            spoken = _spoken(playbook, message.voice, language)
            if spoken > VOICE_MOST:
                say = Sentence(
                    "%(over)d characters too long to be spoken (at most %(most)d)",
                    over=spoken - VOICE_MOST,
                    most=VOICE_MOST,
                )
                yield _Note("error", ("messages", key, "voice", language), say, key, language)
    if message.voice is None:
        say = Sentence("can't be spoken on the phone; write [messages.%(key)s.voice]", key=key)
        yield _Note("warning", ("messages", key), say, key)


def _spoken(playbook: Playbook, texts: Texts, language: Language) -> int:
    values = _values(playbook, language, counting.plain(VOICE_MOST))
    return len(drill_marked(fill(texts.in_(language), values), language, "voice"))


def _answers(playbook: Playbook, channels: Mapping[str, Facts]) -> Iterator[_Note]:
    """Answers go back where people asked, so they must fit every short channel the playbook uses."""
    used = {name for message in playbook.messages.values() for name in message.channels}
    for key, answer in playbook.answers.items():
        for name in sorted(used):
            if name in channels and channels[name].form == "short":
                yield from _room(playbook, ("answers", key), answer, channels[name])


def _room(playbook: Playbook, where: Where, texts: Texts, facts: Facts) -> Iterator[_Note]:
    key = ANSWERS if where[0] == "answers" else str(where[1])
    for language in LANGUAGES:
        text = texts.in_(language)
        widest = _filled(playbook, text, language, facts)
        place = (*where, language)
        plain, drill = facts.measure(widest), facts.measure(drill_marked(widest, language, facts.form))
        if plain.over:
            said = _said_of(facts, plain)
            say = Sentence("%(over)d %(unit)s too many for %(channel)s with every slot full: %(used)s", **said)
            yield _Note("error", place, say, key, language, facts.name)
        elif drill.over:
            said = _said_of(facts, drill)
            say = Sentence(
                "%(over)d %(unit)s too many for %(channel)s as a drill, with every slot full: %(used)s", **said
            )
            yield _Note("error", place, say, key, language, facts.name)
        elif plain.note:
            say = Sentence("%(channel)s: %(note)s", channel=Sentence(facts.label), note=plain.note)
            yield _Note("warning", place, say, key, language, facts.name)


def _said_of(facts: Facts, size: Size) -> dict[str, object]:
    unit = Sentence(size.unit)
    used = Sentence("%(used)d of %(limit)d %(unit)s", used=size.used, limit=size.limit, unit=unit)
    if size.note:
        used = Sentence("%(used)s; %(note)s", used=used, note=size.note)
    return {"over": size.over, "unit": unit, "channel": Sentence(facts.label), "used": used}


def _filled(playbook: Playbook, text: str, language: Language, facts: Facts) -> str:
    return fill(text, _values(playbook, language, facts.measure))


def _values(playbook: Playbook, language: Language, measure: slots.Measure) -> dict[str, str]:
    values = {name: slots.widest(slot, language, measure) for name, slot in playbook.slots.items()}
    return values | {name: slots.widest_built_in(name) for name in BUILT_IN}


def _wordiness(playbook: Playbook) -> Iterator[_Note]:
    forms: tuple[Form, ...] = ("short", "full", "voice")
    for key, message in playbook.messages.items():
        for form in forms:
            texts = message.form(form)
            for language in LANGUAGES if texts else ():
                assert texts is not None  # noqa: S101 - the loop is empty without
                grade = lix(texts.in_(language))
                if grade > LIX_MOST[form]:
                    say = Sentence(
                        "hard to read (LIX %(grade)d, at most %(most)d); shorter sentences, shorter words",
                        grade=grade,
                        most=LIX_MOST[form],
                    )
                    yield _Note("warning", ("messages", key, form, language), say, key, language)
