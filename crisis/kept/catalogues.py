"""The console's catalogues without Flask, for processes that tell people something in their language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

CATALOGUES = Path(__file__).parents[1] / "console" / "translations"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Every sentence that is translated, in `language`; empty for one without a catalogue, such as English."""
    # Loading takes a fifth of a second, and most processes never say anything.
    from babel.messages import pofile  # noqa: PLC0415

    file = CATALOGUES / language / "LC_MESSAGES" / "messages.po"
    if not file.exists():
        return {}
    with file.open("rb") as words:
        return {
            one.id: one.string
            for one in pofile.read_po(words, locale=language)
            if isinstance(one.id, str) and isinstance(one.string, str) and one.id and one.string
        }
