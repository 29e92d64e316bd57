"""Who is acting: the name that is recorded and the rights they hold, as one small value handed down from the edge."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from crisis.sentence import Sentence
from crisis.states import NotAllowed, Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A user (or the system itself: `user_id` None) with their roles per unit."""

    user_id: uuid.UUID | None
    name: str
    roles: frozenset[tuple[uuid.UUID, Role]] = frozenset()

    def has(self, role: Role, unit_id: uuid.UUID) -> bool:
        return (unit_id, role) in self.roles

    def units(self, *roles: Role) -> frozenset[uuid.UUID]:
        """The units where this actor holds any of `roles` (any role at all, when none is named)."""
        return frozenset(unit for unit, role in self.roles if not roles or role in roles)

    def demand(self, role: Role, unit_id: uuid.UUID) -> None:
        """Raise `NotAllowed` unless this actor holds `role` in the unit."""
        if not self.has(role, unit_id):
            raise NotAllowed("this needs the role %(role)s in the unit", role=Sentence(role))


SYSTEM = Actor(None, "system")
