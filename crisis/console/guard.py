"""Who may open which page. Every view says so with one decorator, and a view that says nothing is refused.

Loads the sign-in, the actor and the unit before the view runs. Never decides about one incident or broadcast: such rules
live in the domain, which gets the actor handed down.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import structlog
from flask import Flask, abort, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from sqlalchemy.exc import OperationalError

from crisis.console import identity
from crisis.console.here import UnitHere, Visitor, runtime
from crisis.models import SignIn, User, utcnow
from crisis.settings import Settings
from crisis.states import Role

log = structlog.get_logger()
csrf = CSRFProtect()

View = TypeVar("View", bound=Callable[..., Any])
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Guard:
    """What a view demands. `roles` counts for kind "may": one of them, in the unit the user works in."""

    kind: Literal["public", "half", "signed_in", "may"]
    roles: frozenset[Role] = frozenset()


def public(view: View) -> View:
    """Everybody; no sign-in is looked up. For probes, webhooks, the sign-in itself."""
    return _mark(view, Guard("public"))


def half_signed_in(view: View) -> View:
    """The password was right; the second step is still to come."""
    return _mark(view, Guard("half"))


def signed_in(view: View) -> View:
    """Any user, with or without a role: their own sign-in, language, the choice of unit."""
    return _mark(view, Guard("signed_in"))


def may(*roles: Role) -> Callable[[View], View]:
    """Users who hold one of `roles` in the unit they work in; with none named, any role there."""
    return lambda view: _mark(view, Guard("may", frozenset(roles or Role)))


def large_body(most: Callable[[Settings], int]) -> Callable[[View], View]:
    """Let a view take bodies of so many bytes, more than the rest of the console does."""

    def mark(view: View) -> View:
        cast("Any", view).largest_body = most
        return view

    return mark


def _mark(view: View, guard: Guard) -> View:
    cast("Any", view).guard = guard
    return view


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    return getattr(app.view_functions.get(endpoint), "guard", None)


def install(app: Flask) -> None:
    """Put the guard before every view, and the CSRF check after it: somebody signed out reads that, not a 400."""
    public(app.view_functions["static"])
    app.before_request(admit)
    csrf.init_app(app)


def admit() -> ResponseReturnValue | None:
    """Let the request in, or answer it."""
    g.visitor = g.unit = g.guard = None
    if request.endpoint is None:
        g.visitor = _reader()
        return None  # 404 or 405 follows, in the reader's language
    guard = guard_of(current_app, request.endpoint)
    if guard is None:
        log.error("page.unguarded", endpoint=request.endpoint)
        abort(403)
    g.guard = guard
    if most := getattr(current_app.view_functions[request.endpoint], "largest_body", None):
        request.max_content_length = most(runtime().settings)
    if guard.kind == "public":
        return None
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method not in SAFE:
        abort(403)
    visitor = g.visitor = read_visitor()
    if visitor is None or (not visitor.complete and guard.kind != "half"):
        return _ask_to_sign_in(half=visitor is not None)
    g.actor = visitor.actor
    g.unit = _unit_of(visitor)
    if guard.kind == "may" and (g.unit is None or not g.unit.roles & guard.roles):
        # A link to something in another unit of theirs: the page enters that unit, and asks for the role there.
        g.unit = next((unit for unit in visitor.units if unit.roles & guard.roles), None) if _names_a_row() else None
        if g.unit is None:
            abort(403)
    return None


def _names_a_row() -> bool:
    """Is the address about one row, which knows its unit? A playbook's name or an upload means the unit one works in."""
    return any(isinstance(value, uuid.UUID) for value in (request.view_args or {}).values())


def _reader() -> Visitor | None:
    try:
        return read_visitor()
    except OperationalError:  # a page that says "nothing here" needs no database
        return None


def read_visitor() -> Visitor | None:
    """The user behind the cookie, or None. A poll by an idle page does not keep anybody signed in."""
    token = request.cookies.get(identity.cookie_name(current_app.config), "")
    if not token:
        return None
    now, idle = utcnow(), runtime().settings.console.idle_minutes
    with runtime().database.reading() as db:
        row = identity.sign_in_of(db, token, now, idle)
        visitor = _visitor(row.user, row) if row else None
        stale = row is not None and identity.stale(row, now)
    idle_poll = request.headers.get("X-Fragment") and not request.headers.get("X-Active")
    if visitor and stale and not idle_poll:
        try:
            with runtime().database.writing() as db:
                identity.touch(db, visitor.token_hash, now)
        except OperationalError:
            log.warning("sign_in.not_touched")  # a busy database must not keep a page from somebody
    return visitor


def _visitor(user: User, row: SignIn) -> Visitor:
    known = {told.key: told for told in runtime().settings.units}
    roles: dict[uuid.UUID, set[Role]] = {}
    told = {}
    for grant in user.grants:
        if grant.unit.key in known:
            roles.setdefault(grant.unit_id, set()).add(grant.role)
            told[grant.unit_id] = known[grant.unit.key]
    units = (UnitHere(unit_id, told[unit_id], frozenset(held)) for unit_id, held in roles.items())
    return Visitor(
        user_id=user.id,
        name=user.name,
        login=user.login,
        language=user.language,
        token_hash=row.token_hash,
        password_at=row.password_at,
        enrolled=user.totp_secret is not None,
        complete=row.totp_at is not None,
        actor=identity.actor_of(user),
        units=tuple(sorted(units, key=lambda unit: unit.name)),
    )


def _unit_of(visitor: Visitor) -> UnitHere | None:
    chosen = session.get("unit")
    return next((unit for unit in visitor.units if unit.key == chosen), visitor.units[0] if visitor.units else None)


def enter(unit_id: uuid.UUID) -> UnitHere:
    """Work in the unit this thing belongs to, when the user may open this page there; 404 when it is not theirs.

    For pages reached by an id: a link to an incident of the user's other unit just works, a stranger's never does.
    """
    visitor: Visitor | None = g.visitor
    found = next((unit for unit in visitor.units if unit.id == unit_id), None) if visitor else None
    if found is None:
        abort(404)
    if g.guard.kind == "may" and not found.roles & g.guard.roles:
        abort(403)
    g.unit = found
    session["unit"] = found.key
    return found


def _ask_to_sign_in(*, half: bool) -> ResponseReturnValue:
    if request.headers.get("X-Fragment"):
        return "", 401
    if request.method not in SAFE:
        # A redirect would throw away what was typed; "back" after signing in elsewhere brings it back.
        return render_template("console/signed_out.html"), 401
    if half:
        return redirect(url_for("signin.code"))
    session["next"] = request.full_path.rstrip("?")
    return redirect(url_for("signin.password"))
