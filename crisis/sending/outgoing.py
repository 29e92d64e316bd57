"""What a claimed delivery looks like to an adapter: rows turned into values, the parts many share read only once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crisis.channels.base import Outgoing
from crisis.media.leaving import Carried
from crisis.models import Answer, Broadcast, BroadcastText, CallOut, Delivery, InboundRow, Incident, Removal, Unit
from crisis.sending.personal import MARKS, Personal, bare
from crisis.states import STANDS, Manner, Purpose, RemovalState

LEFT_STANDING = (RemovalState.FAILED, RemovalState.CANCELLED)
LONGEST_THREAD = 20  # e-mail References; older ones add nothing


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send (or to look up) until its lease runs out."""

    out: Outgoing
    delivery_id: uuid.UUID
    broadcast_id: uuid.UUID
    account_id: uuid.UUID  # whose it is, also when another account speaks for it
    attempt: int
    looks: int
    first_attempt_at: datetime
    priority: int = 5
    changes: str | None = None  # provider id of the post whose words these replace


class Row(NamedTuple):
    """What was read of a claimed delivery. Ids are texts, as they leave us."""

    id: str
    broadcast_id: str
    address: str
    language: str
    text_id: str
    follows_id: str | None
    priority: int
    attempts: int
    looks: int
    first_attempt_at: datetime
    account_id: str
    through_id: str
    manner: str = Manner.UNDER
    ask_id: str | None = None


@dataclass(slots=True)
class Known:
    """What does not change once a broadcast is released, remembered for one slice of an account's work."""

    texts: dict[str, BroadcastText] = field(default_factory=dict)
    broadcasts: dict[str, dict[str, Any]] = field(default_factory=dict)
    # By broadcast: provider ids of the thread an answer leaves on, oldest first; the last is what it answers.
    answered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: dict[str, uuid.UUID] = field(default_factory=dict)

    def id(self, told: str) -> uuid.UUID:
        """The same few ids again and again: made once."""
        if told not in self.ids:
            self.ids[told] = uuid.UUID(told)
        return self.ids[told]

    def read(self, session: Session, rows: Sequence[Row]) -> None:
        """Read the texts and broadcasts of these rows that are not known yet."""
        texts = {row.text_id for row in rows} - self.texts.keys()
        if texts:
            wanted = [uuid.UUID(one) for one in texts]
            for text in session.scalars(select(BroadcastText).where(BroadcastText.id.in_(wanted))):
                self.texts[text.id.hex] = text
        broadcasts = {row.broadcast_id for row in rows} - self.broadcasts.keys()
        if broadcasts:
            found = session.execute(
                select(Broadcast, Incident, Unit.name, CallOut.needs_pin)
                .outerjoin(Incident, Incident.id == Broadcast.incident_id)  # a notice may have none
                .outerjoin(CallOut, CallOut.broadcast_id == Broadcast.id)
                .join(Unit, Unit.id == Broadcast.unit_id)
                .where(Broadcast.id.in_([uuid.UUID(one) for one in broadcasts]))
            )
            for broadcast, incident, organisation, needs_pin in found:
                if broadcast.purpose is Purpose.ANSWER:
                    self.answered[broadcast.id.hex] = _answered(session, broadcast.id)
                self.broadcasts[broadcast.id.hex] = {
                    "mode": broadcast.mode.value,
                    "phase": broadcast.phase,
                    "incident_id": incident.id.hex if incident else "",
                    "incident_title": incident.title if incident else "",
                    "organisation": organisation,
                    "released_at": broadcast.released_at,
                    "expires_at": broadcast.expires_at,
                    "asks": ""
                    if broadcast.purpose is not Purpose.CALL_OUT
                    else "alert"
                    if needs_pin is None and broadcast.message != "approval"
                    else "approval"
                    if needs_pin is None
                    else "call_out",
                    "needs_pin": bool(needs_pin),
                    "tags": tuple(broadcast.slots.get("tags", ())) if broadcast.purpose is Purpose.PLANNED else (),
                    "about": "rumour" if broadcast.rumour_id else "",
                }


def outgoing(
    session: Session,
    rows: Sequence[Row],
    known: Known,
    unsubscribe_url: Callable[[uuid.UUID], str] | None,
    carried: Carried,
    personal: Personal | None = None,
) -> list[Claimed]:
    """Turn rows into the values an adapter gets."""
    if not rows:
        return []
    known.read(session, rows)
    threads, changed = _threads(session, rows), _changed(session, rows)
    claimed = []
    for row in rows:
        delivery_id, text, thread = uuid.UUID(row.id), known.texts[row.text_id], threads.get(row.id, ())
        answered = known.answered.get(row.broadcast_id, ())
        out = Outgoing(
            reference=f"{row.id}.{row.attempts}",
            delivery_id=row.id,
            address=row.address,
            language=row.language,
            text=_personal(text.text, row, personal),
            title=text.title,
            reply_to=answered[-1] if answered else thread[-1] if thread and row.manner != Manner.APART else None,
            thread=answered or (thread if row.manner != Manner.APART else ()),
            first_attempt_at=row.first_attempt_at,
            # An answer to one person is no bulk mail.
            unsubscribe_url=unsubscribe_url(delivery_id) if unsubscribe_url and not answered else None,
            media=carried.attachments.get(known.id(row.text_id), ()),
            **known.broadcasts[row.broadcast_id],
        )
        claimed.append(
            Claimed(
                out,
                delivery_id,
                known.id(row.broadcast_id),
                known.id(row.account_id),
                row.attempts,
                row.looks,
                row.first_attempt_at,
                row.priority,
                changed.get(row.id),
            )
        )
    return claimed


def _answered(session: Session, broadcast_id: uuid.UUID) -> tuple[str, ...]:
    """What the inbound that an answer goes to is called by its provider, after what that one itself answers."""
    asked = select(InboundRow.in_reply_to, InboundRow.provider_id).join(Answer, Answer.inbound_id == InboundRow.id)
    above, inbound = session.execute(asked.where(Answer.broadcast_id == broadcast_id)).one()
    return (above, inbound) if above else (inbound,)


def _changed(session: Session, rows: Sequence[Row]) -> dict[str, str]:
    """For each delivery that changes a post in place the provider's id of that post, when the same account posted it.

    One that has none is posted anew: its words are not held back because the old post can't be changed.
    """
    inside = {row.follows_id: row for row in rows if row.manner == Manner.IN_PLACE and row.follows_id}
    if not inside:
        return {}
    asked = select(Delivery.id, Delivery.provider_id, Delivery.through_id).where(
        Delivery.id.in_([uuid.UUID(one) for one in inside]), Delivery.state.in_(STANDS)
    )
    return {
        inside[delivery_id.hex].id: provider_id
        for delivery_id, provider_id, through_id in session.execute(asked)
        if provider_id and through_id.hex == inside[delivery_id.hex].through_id
    }


def _personal(text: str, row: Row, personal: Personal | None) -> str:
    """The frozen text with what only this receiver may read."""
    if not any(mark in text for mark in MARKS):
        return text
    if personal is None:
        return bare(text)
    return personal.fill(text, uuid.UUID(row.id), uuid.UUID(row.ask_id) if row.ask_id else None)


def _threads(session: Session, rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """For each delivery the provider ids of those before it in its thread, oldest first.

    Only what left through the same account, since a provider's id means nothing to another provider, and what is not
    taken down.
    """
    earlier: dict[str, tuple[str | None, str | None, str]] = {}
    down = exists().where(Removal.delivery_id == Delivery.id, Removal.state.not_in(LEFT_STANDING))
    wanted = {row.follows_id for row in rows if row.follows_id}
    for _ in range(LONGEST_THREAD):
        if not wanted:
            break
        found = session.execute(
            select(
                Delivery.id, Delivery.provider_id, Delivery.follows_id, Delivery.through_id, down.label("down")
            ).where(Delivery.id.in_([uuid.UUID(one) for one in wanted]))
        )
        wanted = set()
        for delivery_id, provider_id, follows_id, through_id, is_down in found:
            step = follows_id.hex if follows_id else None
            earlier[delivery_id.hex] = (None if is_down else provider_id, step, through_id.hex)
            if step and step not in earlier:
                wanted.add(step)
    threads = {}
    for row in rows:
        thread: list[str] = []
        at = row.follows_id
        while at in earlier and len(thread) < LONGEST_THREAD:
            provider_id, at, through = earlier[at]
            if provider_id and through == row.through_id:
                thread.insert(0, provider_id)
        if thread:
            threads[row.id] = tuple(thread)
    return threads
