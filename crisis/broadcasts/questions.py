"""What a call-out asks after the playbook's words, so that everybody can answer in the same few ways. Fixed words of ours.

On the telephone the channel asks by itself; here is what is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from crisis.channels.base import Facts
from crisis.playbooks.fill import Rendered
from crisis.sending.answer_links import MARK
from crisis.settings import Language

QUESTION: Mapping[Language, str] = {
    "nb": f"Kan du komme? Svar 1 = ja, 2 = nei, 3 og minutter = ja, senere (3 45). Eller svar her: {MARK}",
    "nn": f"Kan du kome? Svar 1 = ja, 2 = nei, 3 og minutt = ja, seinare (3 45). Eller svar her: {MARK}",
    "en": f"Can you come? Answer 1 = yes, 2 = no, 3 and minutes = yes, later (3 45). Or answer here: {MARK}",
}
TOKEN_ROOM = len("/a/") + 22  # what an address adds to the console's own


def with_question(rendered: Rendered, facts: Facts, language: Language) -> Rendered:
    """The words with the question after them, where it is read and not spoken."""
    if facts.form == "voice":
        return rendered
    gap = "\n\n" if facts.form == "full" else "\n"
    if facts.measure(gap).over:  # a template of WhatsApp takes no line break
        gap = " "
    return Rendered(rendered.title, f"{rendered.text}{gap}{QUESTION[language]}")


def as_long_as_sent(text: str, public_url: str) -> str:
    """The text with something as long as the personal address where that will stand; for measuring."""
    return text.replace(MARK, public_url + "x" * TOKEN_ROOM)
