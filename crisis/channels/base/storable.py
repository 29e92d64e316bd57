"""Other people's texts, made so that every database takes them."""

from __future__ import annotations


def storable(text: str) -> str:
    """What somebody else says, as databases take it: PostgreSQL stores no NUL, and no database half of a pair."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def clean(told: object, *names: str) -> None:
    """Make the texts of a frozen value storable: one odd letter of a stranger must not stop what comes behind it."""
    for name in names:
        if (text := getattr(told, name)) and (clean := storable(text)) != text:
            object.__setattr__(told, name, clean)
