"""How long a post is by the published twitter-text rule, version 3, worked out here on its own.

Counted on the NFC text: Latin and its neighbours weigh 1, the rest 2, an emoji sequence 2, a link 23.
"""

import unicodedata

import emoji

from crisis.simulator.x import links

GREATEST = 280
LINK_WEIGHT = 23
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_KEYCAP = "\u20e3"


def length(text: str) -> int:
    """The weighted length of a post."""
    text = unicodedata.normalize("NFC", text)
    total = at = 0
    for link in links.find(text):
        total += _plain(text[at : link.start]) + LINK_WEIGHT
        at = link.end
    return total + _plain(text[at:])


def has_forbidden(text: str) -> bool:
    """Whether a text holds a code point X refuses: byte order marks and the special non-character."""
    return any(mark in text for mark in ("\ufffe", "\ufeff", "\uffff"))


def _plain(text: str) -> int:
    if text.isascii():
        return len(text)
    total = at = 0
    for token in emoji.analyze(text, non_emoji=False, join_emoji=True):
        value = token.value
        if isinstance(value, emoji.EmojiMatch | emoji.EmojiMatchZWJNonRGI):
            total += _letters(text[at : value.start]) + 2
            at = value.end
    return total + _letters(text[at:])


def _letters(text: str) -> int:
    total = 0
    for place, character in enumerate(text):
        if character == _KEYCAP and place and text[place - 1] in "0123456789#*":
            total += 1  # a keycap without the selector: the digit weighed 1 already, the pair weighs 2
        else:
            total += 1 if any(low <= ord(character) <= high for low, high in _LIGHT) else 2
    return total
