"""Takes files out of the store that no row names: uploads that were refused, versions and cards only a preview wanted.

Not before they have lain untouched for seven days, and never one that the library or a frozen text names, however old.
Asks the database and changes only the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.media.store import Store
from crisis.models import FrozenMedia, MediaItem

UNTOUCHED = timedelta(days=7)
AT_ONCE = 200  # digests in one question


def clean(session: Session, store: Store, now: datetime) -> int:
    """Remove what is old and named nowhere. Returns how many files that were."""
    before = (now - UNTOUCHED).timestamp()
    old = store.untouched_since(before)
    count = 0
    for start in range(0, len(old), AT_ONCE):
        some = old[start : start + AT_ONCE]
        named = _named(session, [path.stem for path in some])
        # Looked at once more: whoever has used it since the list was made has touched it.
        count += sum(store.remove_untouched(path, before) for path in some if path.stem not in named)
    store.forget_recipes(before)
    return count


def _named(session: Session, digests: Sequence[str]) -> set[str]:
    found = set(session.scalars(select(MediaItem.sha256).where(MediaItem.sha256.in_(digests))))
    return found | set(session.scalars(select(FrozenMedia.sha256).where(FrozenMedia.sha256.in_(digests))))
