"""What may be a cry, at a glance: so that in a flood it is read before what came earlier. Orders the reading, decides nothing.

Some microseconds a text. It asks whether all words of a phrase of danger stand in it, in any of our languages and in any
order; what it misses is read in its turn.
"""

from __future__ import annotations

from functools import cache

from crisis.triage.rules import OTHER, OWN_LANGUAGES, our_rules

LEAST = 24  # points of the groups that are looked for: what is worth less alone is no cry
_AROUND = "\"'“”«»().,:;!?-–—#@…"
HEAD = 4  # letters by which beginnings are looked up; shorter beginnings are in every text


def may_be_a_cry(text: str) -> bool:
    """Do the words of a phrase about danger stand in it?"""
    phrases, beginnings = _danger()
    said = {word.strip(_AROUND) for word in text.casefold().split()}
    return any(others <= said for word in said & phrases.keys() for others in phrases[word]) or any(
        word.startswith(beginnings[word[:HEAD]]) for word in said if word[:HEAD] in beginnings
    )


@cache
def _danger() -> tuple[dict[str, list[frozenset[str]]], dict[str, tuple[str, ...]]]:
    """By the longest word of each phrase its other words; and the single words of which only the beginning is given."""
    phrases: dict[str, list[frozenset[str]]] = {}
    beginnings: dict[str, tuple[str, ...]] = {}
    for language in (*OWN_LANGUAGES, OTHER):
        for group in our_rules(language).groups:
            if group.lane != "danger" or group.with_danger or group.points < LEAST:
                continue
            for phrase in group.words:
                words = phrase.casefold().split()
                whole = [word for word in words if not word.endswith("*")]
                if whole:
                    anchor = max(whole, key=len)
                    phrases.setdefault(anchor, []).append(frozenset(whole) - {anchor})
                elif len(words[0]) > HEAD:
                    head = words[0][:HEAD]
                    beginnings[head] = (*beginnings.get(head, ()), words[0].rstrip("*"))
    return phrases, beginnings
