"""What a route may ask about the request it is serving: the running parts, who is asking, and in which unit.

Only reads what the guard has laid down. Never opens a session and never decides what somebody may do.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from flask import current_app, g, render_template, request
from flask.typing import ResponseReturnValue

from crisis.actor import Actor
from crisis.settings import UnitSettings
from crisis.states import Role

if TYPE_CHECKING:
    from crisis.runtime import Runtime


@dataclass(frozen=True, slots=True)
class UnitHere:
    """A unit the signed-in user holds roles in: its row's id with what crisis.toml says about it."""

    id: uuid.UUID
    settings: UnitSettings
    roles: frozenset[Role]

    @property
    def key(self) -> str:
        return self.settings.key

    @property
    def name(self) -> str:
        return self.settings.name


@dataclass(frozen=True, slots=True)
class Visitor:
    """The signed-in user as the pages need them; no row crosses into a template."""

    user_id: uuid.UUID
    name: str
    login: str
    language: str
    token_hash: str
    password_at: datetime
    enrolled: bool
    complete: bool  # both steps of the sign-in are done
    actor: Actor
    units: tuple[UnitHere, ...]


def runtime() -> Runtime:
    return cast("Runtime", current_app.extensions["crisis"])


def visitor() -> Visitor | None:
    return cast("Visitor | None", g.get("visitor"))


def signed_in_visitor() -> Visitor:
    """The same, on pages behind a guard, where there always is one."""
    return cast("Visitor", g.visitor)


def actor() -> Actor:
    """Who is asking. Only on pages behind a guard."""
    return cast("Actor", g.actor)


def unit() -> UnitHere:
    """The unit the user is working in. Only on pages behind `may`."""
    return cast("UnitHere", g.unit)


def local_path(path: str | None, otherwise: str = "/") -> str:
    """`path` when it leads to this very site, else `otherwise`: nobody is sent away by a forged link."""
    if path and path.startswith("/") and not path.startswith(("//", "/\\")) and not set(path) & set("\r\n\t\\"):
        return path
    return otherwise


def fragment(template: str, **values: object) -> ResponseReturnValue:
    """A piece of a page for `data-refresh`, with an ETag: an unchanged piece costs 304 and no bytes."""
    response = current_app.make_response(render_template(template, **values))
    response.add_etag()
    return response.make_conditional(request)
