"""What must be true after every fault, whatever it was, and small changes to a town's settings.

Each story calls `prove` at its end; what is special about a story it asserts itself.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable

from sqlalchemy import select

from crisis import audit
from crisis.models import Attempt, Delivery, ReceiptRow
from crisis.states import DeliveryState
from tests.stories.town import Town


def prove(here: Town, *broadcasts: uuid.UUID, once: Iterable[str] = ()) -> None:
    """Counters equal rows, nothing is in the air, every try left a trace, the audit chain holds, `once` got one text."""
    for broadcast in broadcasts:
        assert here.states(broadcast) == here.counted(broadcast)
        assert not here.states(broadcast)["sending"]
        for delivery, told in history(here, broadcast).items():
            numbers = {attempt.number for attempt in told if attempt.kind in ("send", "lost")}
            missing = set(range(1, delivery.attempts + 1)) - numbers
            assert not missing or _has_receipt(here, delivery), (
                f"attempts {missing} of {delivery.address} left no trace"
            )
    with here.runtime.database.reading() as session:
        assert list(audit.verify(session)) == []
    wanted = Counter(once)
    if wanted:
        assert {phone: here.phones()[phone] for phone in wanted} == wanted


def history(here: Town, broadcast: uuid.UUID, channel: str = "") -> dict[Delivery, list[Attempt]]:
    """Every delivery of a broadcast with its attempts, oldest first."""
    from crisis.models import Account

    with here.runtime.database.reading() as session:
        asked = select(Delivery).join(Account, Account.id == Delivery.account_id)
        rows = session.scalars(
            asked.where(Delivery.broadcast_id == broadcast, Account.channel.startswith(channel))
        ).all()
        told: dict[Delivery, list[Attempt]] = {row: [] for row in rows}
        by_id = {row.id: row for row in rows}
        for attempt in session.scalars(
            select(Attempt).where(Attempt.delivery_id.in_(by_id)).order_by(Attempt.number, Attempt.ended_at)
        ):
            told[by_id[attempt.delivery_id]].append(attempt)
        return told


def outcomes(here: Town, broadcast: uuid.UUID, address: str) -> list[str]:
    """How the attempts for one address ended, as `kind outcome`."""
    told = next(list_ for delivery, list_ in history(here, broadcast).items() if delivery.address == address)
    return [f"{attempt.kind} {attempt.outcome}" for attempt in told]


def uncertain(here: Town, broadcast: uuid.UUID) -> list[Delivery]:
    return [one for one in history(here, broadcast) if one.state is DeliveryState.UNCERTAIN]


def with_lines(**accounts: str) -> Callable[[str], str]:
    """An `edit` for a town that adds lines to accounts: `with_lines(sms_ous="pace = 5")`."""

    def edit(source: str) -> str:
        for key, lines in accounts.items():
            name = f'key = "{key.replace("_", "-")}"\n'
            assert name in source
            source = source.replace(name, f"{name}{lines}\n")
        return source

    return edit


def _has_receipt(here: Town, delivery: Delivery) -> bool:
    with here.runtime.database.reading() as session:
        return session.scalar(select(ReceiptRow.id).where(ReceiptRow.delivery_id == delivery.id).limit(1)) is not None
