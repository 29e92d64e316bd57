"""What stands in a frozen text as a mark, because it is one receiver's own secret: put in at the last moment, kept nowhere."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from crisis.sending import address_codes, answer_links
from crisis.sending.address_codes import AddressCodes
from crisis.sending.answer_links import AnswerLinks

MARKS = (answer_links.MARK, address_codes.MARK, address_codes.MARK_SPOKEN)


@dataclass(frozen=True, slots=True)
class Personal:
    """Fills marks in, with keys derived from the installation's secret key."""

    links: AnswerLinks
    codes: AddressCodes

    def fill(self, text: str, delivery_id: uuid.UUID, ask_id: uuid.UUID | None) -> str:
        """The text as this one receiver gets it."""
        if answer_links.MARK in text:
            text = text.replace(answer_links.MARK, self.links.url(ask_id) if ask_id else "")
        if address_codes.MARK in text or address_codes.MARK_SPOKEN in text:
            code = self.codes.code(delivery_id)
            text = text.replace(address_codes.MARK_SPOKEN, ", ".join(code)).replace(address_codes.MARK, code)
        return text


def bare(text: str) -> str:
    """The text without its marks, where nobody can fill them in."""
    for mark in MARKS:
        text = text.replace(mark, "")
    return text
