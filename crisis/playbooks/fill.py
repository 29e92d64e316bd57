"""A playbook's text with its slots filled in, and the exercise words around it in a drill.

Pure: the same playbook and values always give the same text, which is what gets frozen and approved. Values are put in
once and never looked at again for braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crisis.channels.base import Facts, Form
from crisis.channels.text.words import WORDS
from crisis.playbooks.playbook import PLACEHOLDER, Playbook, Texts
from crisis.settings import LANGUAGES, Language

EXERCISE: dict[Language, str] = {language: WORDS[language].exercise for language in LANGUAGES}
EXERCISE_SPOKEN: dict[Language, str] = {
    "nb": "Dette er en øvelse.",
    "nn": "Dette er ei øving.",
    "en": "This is an exercise.",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What leaves, word for word. Channels without a headline leave `title` alone."""

    title: str
    text: str


class Unfilled(Exception):
    """The text uses these names and nobody gave them a value."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"no value for {', '.join(names)}")
        self.names = names


class Unwritten(Exception):
    """The message has no text in this form."""


def render(
    playbook: Playbook, message_key: str, target: Facts | Form, language: Language, values: Mapping[str, str]
) -> Rendered:
    """The message as `target` takes it: a channel's own words if there are any, else the words of its form.

    `values` holds clean slot values and the built-in ones. Raises `Unfilled` or `Unwritten`.
    """
    message = playbook.messages[message_key]
    texts = words(playbook, message_key, target)
    title = fill(message.title.in_(language), values)
    return Rendered(title=title, text=fill(texts.in_(language), values))


def words(playbook: Playbook, message_key: str, target: Facts | Form) -> Texts:
    """The texts `target` takes, before filling. Raises `Unwritten`."""
    message = playbook.messages[message_key]
    form: Form
    if isinstance(target, Facts):
        if own := message.override.get(target.name):
            return own
        form = target.form
    else:
        form = target
    texts = message.form(form)
    if texts is None:
        msg = f"{playbook.id}/{message_key} has no {form} text; write one in the playbook"
        raise Unwritten(msg)
    return texts


def fill(text: str, values: Mapping[str, str]) -> str:
    """One text with its placeholders replaced, in a single pass. Raises `Unfilled`."""
    missing = [name for name in dict.fromkeys(PLACEHOLDER.findall(text)) if name not in values]
    if missing:
        raise Unfilled(missing)
    return PLACEHOLDER.sub(lambda found: values[found[1]], text).strip()


def drill_marked(text: str, language: Language, form: Form) -> str:
    """The text as a drill says it: the exercise word first and last, in its own language, spoken where it is heard."""
    if form == "voice":
        sentence = EXERCISE_SPOKEN[language]
        return f"{sentence} {text} {sentence}"
    word = EXERCISE[language]
    if form == "full":
        return f"{word}\n\n{text}\n\n{word}"
    return f"{word} - {text} - {word}"


def drill_titled(title: str, language: Language) -> str:
    """The headline as a drill shows it: one line, whatever the form of the text below."""
    return drill_marked(title, language, "short")


def as_drill(rendered: Rendered, language: Language, form: Form) -> Rendered:
    """Headline and text together, marked as exercise."""
    return Rendered(drill_titled(rendered.title, language), drill_marked(rendered.text, language, form))
