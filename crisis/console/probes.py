"""Two addresses for machines: is the console up, and can it work? They say one word and give nothing away."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from crisis.console.guard import public
from crisis.console.here import runtime
from crisis.models import Unit

pages = Blueprint("probes", __name__)


@pages.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """The process answers and the database is there."""
    try:
        with runtime().database.reading() as session:
            session.execute(select(1))
    except SQLAlchemyError:
        return "database away\n", 503, {"Content-Type": "text/plain"}
    return "ok\n", {"Content-Type": "text/plain"}


@pages.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """The tables exist and the units are known: send people here. Redis is not asked; all works without it, slower."""
    try:
        with runtime().database.reading() as session:
            known = session.scalar(select(Unit.id).limit(1)) is not None
    except SQLAlchemyError:
        known = False
    return ("ok\n" if known else "not ready\n"), (200 if known else 503), {"Content-Type": "text/plain"}
