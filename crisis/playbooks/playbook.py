"""What a playbook is once it has been read: frozen records with every language present.

Shape only. Whether a text fits a network is decided in `fit`, whether somebody signed it in `signoff`, and no file is
opened here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from crisis.channels.base import Form
from crisis.sentence import Sentence
from crisis.settings import Frozen, Language

SlotType = Literal["text", "place", "time", "number", "phone", "choice", "url"]
Phase = Literal["initial", "update", "correction", "all_clear", "call_out"]
PHASES: tuple[Phase, ...] = ("initial", "update", "correction", "all_clear")  # what every playbook says to others
Lane = Literal["danger_to_life", "next_of_kin", "press", "rumour", "question", "offer", "complaint", "thanks"]

BUILT_IN: dict[str, int] = {"organisation": 40, "link": 60, "next_update": 5}  # always there, and their greatest length
_USUAL_LENGTH: dict[SlotType, int] = {"time": 5, "number": 6, "phone": 11, "url": 60}  # when the file gives no `max`

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def placeholders(text: str) -> list[str]:
    """The names in braces, each once, in order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(text)))


def _readable(text: str) -> str:
    if not text.strip():
        msg = Sentence("is empty; write the text")
        raise ValueError(msg)
    if unseen := _UNSEEN.search(text):
        msg = Sentence(
            "holds an invisible character (U+%(code)s); delete it and type the words around it again",
            code=f"{ord(unseen[0]):04X}",
        )
        raise ValueError(msg)
    return text


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, AfterValidator(_readable)]
MediaKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class Texts(Frozen):
    """The same words in the three languages, all demanded: bokmål, nynorsk, English."""

    nb: Text
    nn: Text
    en: Text

    def in_(self, language: Language) -> str:
        return {"nb": self.nb, "nn": self.nn, "en": self.en}[language]


class Choice(Frozen):
    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    text: Texts


class Slot(Frozen):
    """A fill-in the duty officer may use. `max` in the file is its greatest length in characters."""

    type: SlotType
    label: Texts
    limit: int | None = Field(default=None, alias="max", ge=1, le=200)
    choices: tuple[Choice, ...] = ()
    domains: tuple[str, ...] = ()  # url only: the web sites allowed; none named means the unit's own
    example: Texts | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Slot:
        if self.type in {"text", "place"} and self.limit is None:
            msg = Sentence(
                "a slot of type %(type)s needs `max`, its greatest length in characters; add max = 40", type=self.type
            )
            raise ValueError(msg)
        if (self.type == "choice") != bool(self.choices):
            msg = Sentence(
                "a slot of type choice needs its choices, and no other type has them; see playbooks/README.md"
            )
            raise ValueError(msg)
        if self.type in {"choice", "time"} and self.limit is not None:
            msg = Sentence("a slot of type %(type)s has a length of its own; remove `max`", type=self.type)
            raise ValueError(msg)
        if self.domains and self.type != "url":
            msg = Sentence("only a slot of type url has `domains`; remove it")
            raise ValueError(msg)
        keys = [choice.key for choice in self.choices]
        if twice := {key for key in keys if keys.count(key) > 1}:
            msg = Sentence("choice '%(key)s' is there twice; give each choice a key of its own", key=min(twice))
            raise ValueError(msg)
        return self

    @property
    def longest(self) -> int:
        """The most characters a value may take, in any language."""
        if self.type == "choice":
            return max(
                len(text) for choice in self.choices for text in (choice.text.nb, choice.text.nn, choice.text.en)
            )
        return self.limit if self.limit is not None else _USUAL_LENGTH[self.type]


class Message(Frozen):
    """One thing the organisation can say, in every form and language, with its rules."""

    phase: Phase
    authority: Literal["single", "dual"]
    sendable_minutes: int = Field(ge=1, le=10_080)  # a week
    next_update_minutes: int = Field(ge=0, le=1_440)  # a day; 0: nothing is promised
    corrected_by: str | None = None
    ended_by: str | None = None
    channels: tuple[str, ...] = Field(min_length=1)
    audiences: tuple[str, ...] = ()
    media: tuple[MediaKey, ...] = ()  # keys of the unit's media library, in the order in which they are shown
    title: Texts
    short: Texts
    full: Texts
    voice: Texts | None = None
    override: dict[str, Texts] = Field(default_factory=dict)  # by channel name, in place of its form

    def form(self, form: Form) -> Texts | None:
        return {"short": self.short, "full": self.full, "voice": self.voice}[form]

    def texts(self) -> Iterator[tuple[tuple[str, ...], Texts]]:
        """Every text with its place in the message: ("short",), ("override", "x")."""
        yield ("title",), self.title
        yield ("short",), self.short
        yield ("full",), self.full
        if self.voice:
            yield ("voice",), self.voice
        for channel, texts in self.override.items():
            yield ("override", channel), texts

    def names(self) -> set[str]:
        """Every placeholder any of its texts uses, the built-in ones too."""
        return {
            name for _, texts in self.texts() for text in (texts.nb, texts.nn, texts.en) for name in placeholders(text)
        }


class Answer(Texts):
    """A ready answer to what people ask."""

    lane: Lane


class Step(Texts):
    """Something our own people do, counted in minutes from the first message."""

    minute: int = Field(ge=0, le=10_080)


class Playbook(Frozen):
    """One kind of crisis, prepared. `kind` is `for` in the file, which Python keeps for itself."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    kind: Literal["hospital", "public_body"] = Field(alias="for")
    owner: Text
    reviewed: date
    valid_until: date
    title: Texts
    slots: dict[Name, Slot] = Field(default_factory=dict)
    messages: dict[Name, Message] = Field(min_length=1)
    answers: dict[Name, Answer] = Field(default_factory=dict)
    staff_note: Texts
    checklist: tuple[Step, ...] = ()

    @property
    def staff_only(self) -> bool:
        """It calls staff in and says nothing to anybody else, so no incident is opened with it by hand."""
        return bool(self.messages) and all(message.phase == "call_out" for message in self.messages.values())

    def slots_of(self, message_key: str) -> dict[str, Slot]:
        """The slots one message uses, in the order of the file."""
        used = self.messages[message_key].names()
        return {name: slot for name, slot in self.slots.items() if name in used}
