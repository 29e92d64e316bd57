"""An act of a person in one transaction: what the domain refuses is said on the page they go back to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import flash
from sqlalchemy.orm import Session

from crisis.console.here import runtime
from crisis.console.wording import refusal
from crisis.states import NotAllowed


@contextmanager
def acting() -> Iterator[Session]:
    """A writing session, committed at the end. `NotAllowed` undoes everything and is flashed; the route goes on behind."""
    try:
        with runtime().database.writing() as session:
            yield session
    except NotAllowed as error:
        flash(refusal(error), "bad")
