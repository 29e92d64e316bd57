"""Why an account stopped or another one speaks for it, in the language of a notice.

Notices leave from processes that know no catalogue, so the few sentences they can carry stand here as well; a test
compares them with the catalogues. What a provider said stays as it was said, in quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from crisis.settings import Language

_OVER: Mapping[str, Mapping[Language, str]] = {
    "stopped by itself: %(why)s": {
        "nb": "stanset av seg selv: «%(why)s»",
        "nn": "stansa av seg sjølv: «%(why)s»",
    },
    "it has not got through for %(minutes)d minutes": {
        "nb": "den har ikke nådd fram på %(minutes)d minutter",
        "nn": "han har ikkje nådd fram på %(minutes)d minutt",
    },
}
_OURS: Mapping[str, Mapping[Language, str]] = {
    "cannot write the pages: %(error)s": {
        "nb": "kan ikke skrive sidene: %(error)s",
        "nn": "kan ikkje skrive sidene: %(error)s",
    },
}
REASONS = {**_OVER, **_OURS}
_PLACE = re.compile(r"%\((\w+)\)([sd])")


def reason_in(language: Language, reason: str) -> str:
    """`reason` as a notice in `language` says it; one that is nobody's here, such as a person's own, stays as it is."""
    for english, other in REASONS.items():
        told = re.fullmatch(_pattern(english), reason, re.DOTALL)
        if told and language in other:
            facts = {name: reason_in(language, fact) for name, fact in told.groupdict().items()}
            return _PLACE.sub(r"%(\1)s", other[language]) % facts
    return reason


def _pattern(english: str) -> str:
    literal = iter(_PLACE.split(english))
    parts = [re.escape(next(literal))]
    for name, kind, after in zip(literal, literal, literal, strict=True):
        parts += [f"(?P<{name}>{'[0-9]+' if kind == 'd' else '.+'})", re.escape(after)]
    return "".join(parts)
