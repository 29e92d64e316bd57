"""How hard a text is to read, by LIX: words a sentence, plus the share of words with more than six letters.

Pure and rough: a number that says "look at this text again", never one that refuses it. Placeholders count as one short
word, because the playbook's author does not choose what stands there.
"""

from __future__ import annotations

import re

from crisis.channels.base import Form
from crisis.playbooks.playbook import PLACEHOLDER

# The playbooks that come with Crisis lie around 19, and nineteen of twenty below 32. Newspapers lie around 40, which is
# too hard for somebody who is frightened; a short text swings more, since three long words are a tenth of it.
LIX_MOST: dict[Form, int] = {"short": 45, "full": 40, "voice": 40}
_LONG = 6  # letters; a word with more is long
_FEW = 10  # words; below this the number says nothing
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_END = re.compile(r"[.!?:]+(?=\s|$)|\n+")


def lix(text: str) -> int:
    """LIX, rounded; 0 for a text too short to judge. A line of a list counts as a sentence."""
    plain = PLACEHOLDER.sub("x", text).replace("kl. ", "kl ")
    words = _WORD.findall(plain)
    if len(words) < _FEW:
        return 0
    sentences = sum(1 for sentence in _END.split(plain) if _WORD.search(sentence))
    return round(len(words) / max(1, sentences) + 100 * sum(len(word) > _LONG for word in words) / len(words))
