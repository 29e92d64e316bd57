"""Saying a delivery: a post of its own, or new words in the place of the post it follows.

Changing a post twice shows the same, so what is unknown about it is simply done again. Where the network refuses the
change, the words are posted instead, and that this is so is written down before they leave.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from sqlalchemy import update

from crisis.channels.base import Accepted, Channel, Edits, Facts, Rejected
from crisis.models import Delivery
from crisis.sending.desk import Desk
from crisis.sending.outgoing import Claimed
from crisis.states import Manner

log = structlog.get_logger()


async def say(desk: Desk, channel: Channel, claimed: Claimed) -> Accepted:
    """Hand one claimed delivery to the provider. Raises `SendError`."""
    if claimed.changes is None or not isinstance(channel, Edits):
        return await channel.send(claimed.out)
    try:
        return await channel.edit(claimed.changes, claimed.out)
    except Rejected as refused:
        log.info("edit.refused", delivery=claimed.out.delivery_id, code=refused.code)
        await asyncio.to_thread(_post_instead, desk, claimed)
    return await channel.send(claimed.out)


def facts_of(channel: Channel, claimed: Claimed) -> Facts:
    """What is true of this one call: a change in place is harmless to repeat on every network."""
    changes = claimed.changes is not None and isinstance(channel, Edits)
    return replace(channel.facts, repeat_safe=True) if changes else channel.facts


def _post_instead(desk: Desk, claimed: Claimed) -> None:
    with desk.database.writing() as session:
        session.execute(
            update(Delivery).where(Delivery.id == claimed.delivery_id).values(manner=Manner.UNDER),
        )
