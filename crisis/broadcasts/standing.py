"""What an account shows the public, held against what was approved: present, missing, changed, a stranger's, still there.

Pure: values in, values out. Who looks and when stands in workers/looking, what is kept in live_now.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crisis.channels.base import Shown
from crisis.channels.text.unmarked import comparable
from crisis.states import Standing

LISTED_WITHIN = timedelta(minutes=2)  # networks show a new post in their lists with a delay


@dataclass(frozen=True, slots=True)
class Expected:
    """One post that we made, and what it should say now. `gone`: it was taken down."""

    provider_id: str
    delivery_id: uuid.UUID
    text: str
    at: datetime
    under: bool = False  # it hangs under another, and not every network lists those
    gone: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """How one post stands."""

    provider_id: str
    word: Standing
    text: str  # as shown; as approved when it is missing
    at: datetime
    url: str | None = None
    delivery_id: uuid.UUID | None = None


def compare(
    expected: Sequence[Expected], shown: Sequence[Shown], seen_before: frozenset[str], since: datetime, now: datetime
) -> list[Found]:
    """How each post since `since` stands. `seen_before` are the ids that an earlier look found shown.

    Of several that name the same post the last one counts: its words were put in the place of those before.
    """
    ours: Mapping[str, Expected] = {one.provider_id: one for one in expected}
    found = [_shown(one, ours.get(one.provider_id)) for one in shown]
    there = {one.provider_id for one in shown}
    for one in ours.values():
        listed = not one.under or one.provider_id in seen_before
        if one.provider_id not in there and not one.gone and listed and since <= one.at <= now - LISTED_WITHIN:
            found.append(Found(one.provider_id, Standing.MISSING, one.text, one.at, None, one.delivery_id))
    return found


def _shown(one: Shown, ours: Expected | None) -> Found:
    if ours is None:
        word = Standing.STRANGER
    elif ours.gone:
        word = Standing.STILL_THERE
    else:
        same = comparable(one.text) == comparable(ours.text) and _titled(one.title, ours.title)
        word = Standing.PRESENT if same else Standing.CHANGED
    text = one.text if ours is None or _titled(one.title, ours.title) else f"{one.title}\n\n{one.text}"
    return Found(one.provider_id, word, text, one.at, one.url, ours.delivery_id if ours else None)


def _titled(shown: str, wanted: str) -> bool:
    """Is this the headline that was approved, as far as the network had room for it?"""
    if not shown or not wanted:
        return True
    start, cut, _ = comparable(shown).partition("…")
    return comparable(wanted).startswith(start) if cut else comparable(wanted) == start
