"""Approved text as HTML: paragraphs, lists and links, everything else escaped; and the Jinja templates around it.

The words stay exactly as they were approved. Nothing in a text is ever taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\d)\d{2,4}(?: \d{2,3}){1,3}(?!\d)")
_AFTER_LINK = ".,;:!?)]»”"  # a sentence's own signs, unless the link needs its closing bracket
_ITEM = "- "


def templates() -> Environment:
    """The public templates. A name that is missing is a defect, not an empty space on a public page."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def marked_up(text: str) -> Markup:
    """Blank lines part paragraphs, lines that begin with "- " are a list, web addresses become links."""
    return Markup("\n").join(_blocks(text.strip()))


def _blocks(text: str) -> Iterator[Markup]:
    for block in re.split(r"\n[ \t]*\n", text):
        lines: list[str] = []
        items: list[str] = []
        for line in [*block.splitlines(), ""]:
            if line.startswith(_ITEM):
                if lines:
                    yield _paragraph(lines)
                    lines = []
                items.append(line.removeprefix(_ITEM))
                continue
            if items:
                yield _list(items)
                items = []
            if line.strip():
                lines.append(line)
        if lines:
            yield _paragraph(lines)


def _paragraph(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>\n").join(_linked(line) for line in lines))


def _list(items: list[str]) -> Markup:
    return Markup("<ul>\n{}</ul>").format(Markup("").join(Markup("<li>{}</li>\n").format(_linked(i)) for i in items))


def _linked(line: str) -> Markup:
    parts: list[Markup] = []
    done = 0
    for found in _LINK.finditer(line):
        address = found[0]
        while address[-1] in _AFTER_LINK and not (address[-1] == ")" and address.count("(") >= address.count(")")):
            address = address[:-1]
        parts += [_whole_numbers(line[done : found.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        done = found.start() + len(address)
    return Markup("").join([*parts, _whole_numbers(line[done:])])


def _whole_numbers(words: str) -> Markup:
    """A phone number is never broken over two lines: people read it off the screen."""
    kept = Markup('<span style="white-space:nowrap">{}</span>')
    done, parts = 0, [Markup()]
    for found in _PHONE.finditer(words):
        parts += [escape(words[done : found.start()]), kept.format(found[0])]
        done = found.end()
    return Markup("").join([*parts, escape(words[done:])])
