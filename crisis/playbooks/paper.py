"""The paper edition: every playbook as one printable page, for the day when nothing else works.

Playbooks in, one self-contained HTML text out. It fetches nothing, and knows nothing of incidents or sign-offs; the
caller prints or saves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crisis.playbooks.paper_words import BUILT_IN_LABELS, LANES, PHASE_WORDS, STEPS, WORDS
from crisis.playbooks.playbook import PLACEHOLDER, Playbook
from crisis.settings import LANGUAGES, Language

TEMPLATES = Path(__file__).parents[2] / "templates" / "paper"
_LOCALES: dict[Language, str] = {"nb": "nb_NO", "nn": "nn_NO", "en": "en_GB"}
_NAMES: dict[Language, str] = {"nb": "Bokmål", "nn": "Nynorsk", "en": "English"}
_HAND = 1.15  # em of line for each character, because handwriting is wider than print
_WIDEST, _NARROWEST = 11.0, 4.5  # em; a longer blank would not fit its column


def edition(
    playbooks: Iterable[Playbook],
    organisation: str,
    printed: date,
    language: Language = "nb",
    templates: Path = TEMPLATES,
) -> str:
    """All playbooks on paper. `language` is the booklet's own; the messages stand in all three.

    `organisation` is printed into the texts; what only the crisis knows becomes a blank with its question below.
    """
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("edition.html").render(
        playbooks=sorted(playbooks, key=lambda playbook: playbook.title.in_(language).casefold()),
        organisation=organisation,
        printed=format_date(printed, "long", locale=_LOCALES[language]),
        day=lambda value: format_date(
            value, "d. MMMM y" if language != "en" else "d MMMM y", locale=_LOCALES[language]
        ),
        span=lambda minutes: _span(minutes, WORDS[language]),
        language=language,
        languages=LANGUAGES,
        language_names=_NAMES,
        w=WORDS[language],
        steps=STEPS[language],
        phases=PHASE_WORDS[language],
        lanes=LANES[language],
        blanks=_Blanks(organisation),
        style_text=_style_text,
    )


class _Blanks:
    """Turns placeholders into lines to write on."""

    def __init__(self, organisation: str) -> None:
        self.organisation = organisation

    def __call__(self, playbook: Playbook, text: str, language: Language) -> Markup:
        pieces: list[Markup] = []
        done = 0
        for found in PLACEHOLDER.finditer(text := text.strip()):
            pieces += [Markup.escape(text[done : found.start()]), self._blank(playbook, found[1], language)]
            done = found.end()
        return Markup("").join([*pieces, Markup.escape(text[done:])])

    def _blank(self, playbook: Playbook, name: str, language: Language) -> Markup:
        if name == "organisation":
            return Markup.escape(self.organisation)
        slot = playbook.slots.get(name)
        label = slot.label.in_(language) if slot else BUILT_IN_LABELS[language][name]
        length = slot.longest if slot else 5 if name == "next_update" else 20
        width = min(_WIDEST, max(_NARROWEST, length * _HAND * 0.5))
        return Markup('<span class="blank" style="width:{}em"><i>{}</i></span>').format(f"{width:.1f}", label)


def _span(minutes: int, w: dict[str, str]) -> str:
    """90 minutes stay minutes; 180 are three hours."""
    whole_hours = minutes >= 120 and minutes % 60 == 0
    return w["hours"].format(minutes // 60) if whole_hours else w["minutes"].format(minutes)


def _style_text(text: str) -> Markup:
    """A text as a CSS string: only quote, backslash, line break and < could end it early."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("<", "\\3c ")
    return Markup('"' + safe + '"')  # noqa: S704 - escaped for CSS just above
