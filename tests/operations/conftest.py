"""The console's fixtures, and an account at work: some delivered, some waiting, some that nobody knows about."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from crisis.db import Database
from crisis.models import Account, Delivery, utcnow
from crisis.runtime import Runtime
from crisis.states import DeliveryState
from tests.console.conftest import app, client, runtime  # noqa: F401 - fixtures
from tests.operations import rows


@dataclass(frozen=True)
class Busy:
    """30 went to the SMS account, of which 20 were accepted and one is uncertain."""

    database: Database
    account_id: uuid.UUID
    broadcast_id: uuid.UUID


def busy(database: Database, key: str = "sms-busy") -> Busy:
    unit_id, account_id = rows.unit_and_account(database, key=key)
    left = utcnow() - timedelta(seconds=40)
    broadcast_id = rows.release(
        database, unit_id, account_id, [(None, f"+47400000{number:02}") for number in range(30)], leaves=left
    )
    rows.send(database, account_id, most=20)
    with database.writing() as session:
        one = session.scalars(select(Delivery).where(Delivery.state == DeliveryState.ACCEPTED).limit(1)).one()
        one.state, one.due_at = DeliveryState.UNCERTAIN, None
    return Busy(database, account_id, broadcast_id)


def busy_and_paused(runtime: Runtime) -> Busy:  # noqa: F811 - no fixture here
    """A console's database with such an account, and another one that is paused."""
    made = busy(runtime.database)
    with runtime.database.writing() as session:
        paused = session.scalars(select(Account).where(Account.key == "sms-ous-live")).one()
        paused.paused_reason, paused.paused_at = "stopped by itself", utcnow()
    return made


@pytest.fixture
def at_work(runtime: Runtime, app: Flask) -> Busy:  # noqa: F811
    return busy_and_paused(runtime)
