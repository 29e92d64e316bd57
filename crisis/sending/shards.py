"""An account too fast for one process, split into shards: each has its part of the receivers and of the pace.

A receiver is always in the same shard, by its address. Nothing about that is stored: the database works it out where an
account is split, and an account that is not split knows nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


@dataclass(frozen=True, slots=True)
class Shard:
    """Number `number` (from 0) of `of` parts of an account."""

    number: int = 0
    of: int = 1

    @property
    def whole(self) -> bool:
        """Is the account not split?"""
        return self.of == 1


WHOLE = Shard()


class _Lane(FunctionElement[int]):
    type = Integer()
    inherit_cache = True


def in_shard(
    address: ColumnElement[str], number: ColumnElement[int] | int, of: ColumnElement[int] | int
) -> ColumnElement[bool]:
    """Does this address belong to shard `number` of `of`?"""
    return _Lane(address) % of == number


# From the letters where addresses differ: the last ones of a phone number, the first ones of a mailbox. SQLite has no
# function that mixes a whole text, and one of ours in Python would stop the other threads at every row.
_LETTERS = ((-1, 1), (-2, 7), (-3, 13), (-4, 29), (1, 3), (2, 11), (3, 17))


@compiles(_Lane, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    (address,) = (compiler.process(clause, **options) for clause in element.clauses)
    # A text too short has no such letter; without the 0 it would be in no shard at all.
    cells = (f"coalesce(unicode(substr({address}, {at}, 1)), 0) * {times}" for at, times in _LETTERS)
    return f"(({' + '.join(cells)}) % 64)"


@compiles(_Lane, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    (address,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"get_byte(sha256(convert_to({address}, 'UTF8')), 0)"
