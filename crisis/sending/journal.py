"""What sending tells the log and the traces: once for each batch, never once for each message of a large one.

Called after the commit, so that nothing is told that did not happen. Single deliveries are named when they went wrong;
what the provider said about them stands in their attempts, because it may name people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session

from crisis import traces
from crisis.models import Broadcast, utcnow
from crisis.sending.outgoing import Claimed
from crisis.sending.record import Ended
from crisis.states import Outcome

log = structlog.get_logger()

NAMED = 20  # deliveries that went wrong, in one batch; the rest is in the count
_WRONG = frozenset({Outcome.REJECTED, Outcome.MISCONFIGURED, Outcome.UNCERTAIN})


def released(session: Session, broadcast: Broadcast, deliveries: int, began: datetime) -> None:
    """Tell of a release once the session has committed it."""

    @event.listens_for(session, "after_commit", once=True)
    def _tell(_session: Session) -> None:
        facts = {"broadcast": broadcast.id, "incident": broadcast.incident_id, "mode": broadcast.mode.value}
        log.info("broadcast.released", **facts, deliveries=deliveries)
        traces.released(broadcast.id, began, utcnow(), **facts, deliveries=deliveries)


def claimed(account: str, batch: Sequence[Claimed], began: datetime, ended: datetime) -> None:
    """A batch is ours to send."""
    if not batch:
        return
    log.info("claimed", account=account, deliveries=len(batch), **_whose(batch))
    for broadcast_id, count in Counter(item.broadcast_id for item in batch).items():
        traces.step("claim", broadcast_id, began, ended, account=account, deliveries=count)


def written(account: str, batch: Sequence[Ended]) -> None:
    """A batch of ended calls stands in the database."""
    if not batch:
        return
    outcomes = Counter(f"{item.kind[:4]}:{item.next.outcome}" for item in batch)
    log.info("recorded", account=account, outcomes=dict(outcomes), **_whose(item.claimed for item in batch))
    wrong = [item for item in batch if item.next.outcome in _WRONG]
    for item in wrong[:NAMED]:
        log.warning("delivery.went_wrong", account=account, **_facts(item), **_whose([item.claimed]))
    for number, item in enumerate(batch, 1):
        if traces.worth_telling(number, wrong=item.next.outcome is not Outcome.ACCEPTED):
            traces.step(
                item.kind, item.claimed.broadcast_id, item.started_at, item.ended_at, account=account, **_facts(item)
            )


def _facts(item: Ended) -> dict[str, object]:
    return {
        "delivery": item.claimed.delivery_id,
        "attempt": item.claimed.attempt,
        "outcome": item.next.outcome.value,
        "state": item.next.state.value,
        "code": item.next.code,
    }


def _whose(batch: Iterable[Claimed]) -> dict[str, list[str]]:
    """The broadcasts and incidents of a batch, nearly always one of each."""
    seen = list(batch)
    return {
        "broadcasts": sorted(str(one) for one in {item.broadcast_id for item in seen}),
        "incidents": sorted({item.out.incident_id for item in seen if item.out.incident_id}),
    }
