"""Counting what came to an account and was not kept: refused webhooks, what machines said, what was told again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.models import ListeningCount

WHAT = ("forged", "oversized", "machine", "again")


def add(session: Session, account: str, what: str, count: int) -> None:
    """`what` is one of `WHAT`."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(ListeningCount)
    session.execute(
        insert.values(account=account, what=what, count=count).on_conflict_do_update(
            index_elements=[ListeningCount.account, ListeningCount.what],
            set_={"count": ListeningCount.count + insert.excluded.count},
        )
    )


def add_all(session: Session, counted: Counter[tuple[str, str]]) -> None:
    """Many of them, in one order, so that two who write at once never wait for each other in a circle."""
    for (account, what), count in sorted(counted.items()):
        add(session, account, what, count)


def all_of(session: Session) -> Sequence[ListeningCount]:
    return session.scalars(select(ListeningCount).order_by(ListeningCount.account, ListeningCount.what)).all()
