"""Posts of our own as the three networks list them: what the public sees, and which of them says a text.

The networks write the same things under other names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from crisis.channels.base import Accepted, Shown
from crisis.channels.errors import as_promised
from crisis.channels.meta.graph_words import moment
from crisis.channels.text.unmarked import comparable

Rows = AsyncIterator[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Names:
    """What a network calls the parts of a post, and of a comment."""

    text: str
    at: str
    address: str

    async def shown(self, rows: Rows) -> list[Shown]:
        """In the order of `rows`. None of the networks says whether a text was changed after posting."""
        found = []
        with as_promised():
            async for row in rows:
                text = str(row.get(self.text) or "")
                found.append(Shown(str(row["id"]), text, moment(row[self.at]), row.get(self.address)))
        return found

    async def saying(self, rows: Rows, text: str) -> Accepted | None:
        """The first of `rows` that says `text`."""
        wanted = comparable(text)
        with as_promised():
            async for row in rows:
                if comparable(str(row.get(self.text) or "")) == wanted:
                    return Accepted(str(row["id"]), row.get(self.address))
        return None
