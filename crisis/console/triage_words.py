"""The lanes, and what abuse is called, as people read them."""

from __future__ import annotations

from flask_babel import gettext

from crisis.channels.base import AbuseKind
from crisis.states import Lane


def lane_words() -> dict[str, str]:
    """In the order of the tabs."""
    return {
        Lane.DANGER: gettext("Danger to life"),
        Lane.NEXT_OF_KIN: gettext("Next of kin"),
        Lane.PRESS: gettext("Press"),
        Lane.RUMOUR: gettext("Rumours"),
        Lane.QUESTION: gettext("Questions"),
        Lane.OFFER: gettext("Offers of help"),
        Lane.COMPLAINT: gettext("Complaints"),
        Lane.THANKS: gettext("Thanks"),
        Lane.NOISE: gettext("Noise"),
    }


def answer_lanes() -> dict[str, str]:
    """What ready answers are for, in the words of playbooks."""
    return {"danger_to_life" if lane == Lane.DANGER else str(lane): words for lane, words in lane_words().items()}


def abuse_words() -> list[tuple[AbuseKind, str]]:
    """What can be wrong with something that is reported, most frequent first."""
    return [
        ("harassment", gettext("Threats, hate or harassment")),
        ("misleading", gettext("False and dangerous")),
        ("spam", gettext("Spam or fraud")),
        ("illegal", gettext("Illegal content")),
    ]
