"""What leaves with a text: the frozen files as an adapter gets them, and whether they may still leave.

Asked once for each text of a batch at the moment of claiming: a withdrawn picture, or one whose file is not on this
machine, holds its delivery back.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import cast

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from crisis.channels.base import Attachment
from crisis.media.store import EXTENSIONS, Kind, Store
from crisis.models import FrozenMedia, MediaItem
from crisis.states import DeliveryState

WITHDRAWN = "a picture or film in it was withdrawn"
MISSING = "the file of a picture or film is not on this machine"


@dataclass(frozen=True, slots=True)
class Carried:
    """The attachments by text, and the texts that may not leave: the state their deliveries end in, and why."""

    attachments: Mapping[uuid.UUID, tuple[Attachment, ...]] = field(default_factory=dict)
    held_back: Mapping[uuid.UUID, tuple[DeliveryState, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Luggage:
    """Finds what texts carry. `public_url` is where the console shows files to providers that fetch them."""

    store: Store
    public_url: str

    def carried(self, session: Session, text_ids: Collection[uuid.UUID]) -> Carried:
        """What these texts carry, in order."""
        attachments: dict[uuid.UUID, tuple[Attachment, ...]] = {}
        held_back: dict[uuid.UUID, tuple[DeliveryState, str]] = {}
        for row, withdrawn_at in session.execute(_carried(), {"text_ids": list(text_ids)}):
            path = self.store.path(row.sha256, row.content_type)
            if withdrawn_at is not None:
                held_back[row.text_id] = (DeliveryState.CANCELLED, WITHDRAWN)
            elif not path.exists():
                held_back.setdefault(row.text_id, (DeliveryState.FAILED, MISSING))
            one = Attachment(
                kind=cast("Kind", row.kind),
                path=path,
                content_type=row.content_type,
                size=row.size,
                width=row.width,
                height=row.height,
                alt=row.alt,
                url=public_address(self.public_url, row.token, row.content_type),
                seconds=row.seconds,
            )
            attachments[row.text_id] = (*attachments.get(row.text_id, ()), one)
        return Carried(attachments, held_back)


@cache
def _carried() -> Select[FrozenMedia, datetime | None]:
    """Built once: it is asked at every claim, and nearly always finds nothing."""
    return (
        select(FrozenMedia, MediaItem.withdrawn_at)
        .outerjoin(MediaItem, MediaItem.id == FrozenMedia.item_id)
        .where(FrozenMedia.text_id.in_(bindparam("text_ids", expanding=True)))
        .order_by(FrozenMedia.text_id, FrozenMedia.position)
    )


def public_address(public_url: str, token: str, content_type: str) -> str:
    """Where a provider fetches a frozen file; some of them look at the ending."""
    return f"{public_url}/media/{token}.{EXTENSIONS[content_type]}"
