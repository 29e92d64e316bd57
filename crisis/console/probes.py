"""Two addresses for machines: is the console up, and can it work? They say one word and give nothing away."""

from __future__ import annotations

from functools import cache

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from crisis import migrations
from crisis.console.guard import public
from crisis.console.here import runtime
from crisis.models import Unit
from crisis.settings import SettingsError

pages = Blueprint("probes", __name__)
PLAIN = {"Content-Type": "text/plain"}


@pages.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """The process answers. The database is not asked: starting a console anew does not bring one back."""
    return "ok\n", PLAIN


@pages.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """The database answers and has our tables: send people here. Redis is not asked; all works without it, slower."""
    try:
        migrated = migrations.current(runtime().database) not in _too_old()
        with runtime().database.reading() as session:
            known = session.scalar(select(Unit.id).limit(1)) is not None
    except (SettingsError, SQLAlchemyError):
        migrated = known = False
    return ("ok\n" if migrated and known else "not ready\n"), (200 if migrated and known else 503), PLAIN


@cache
def _too_old() -> frozenset[str]:
    """Revisions that lack something this program needs.

    One we do not know is newer than us: the upgrade has run, and we serve until the new program takes over.
    """
    return frozenset(migrations.known()) - {migrations.newest() or ""}
