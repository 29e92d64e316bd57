"""Which deliveries may have left although nobody heard so: what every end has to ask before it calls one unsaid."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists
from sqlalchemy.orm import aliased

from crisis.models import Attempt, Delivery
from crisis.sending.outcomes import NOT_THERE, SEEN_NOT_THERE
from crisis.states import Outcome

NOT_REPEATED = "not repeated any more, and it may have left"


def may_have_left() -> ColumnElement[bool]:
    """Did a try of it end in a way nobody knows, and has nobody seen since that it is not there?"""
    tried, looked = aliased(Attempt), aliased(Attempt)
    absent = exists().where(
        looked.delivery_id == tried.delivery_id,
        looked.number == tried.number,
        looked.kind.startswith("look"),
        looked.say == NOT_THERE,
    )
    return and_(
        Delivery.attempts > 0,
        Delivery.say != SEEN_NOT_THERE,
        exists().where(
            tried.delivery_id == Delivery.id,
            tried.kind.in_(["send", "lost"]),
            tried.outcome == Outcome.UNCERTAIN,
            ~absent,
        ),
    )
