"""Sign-offs: how they stand, and that signing keeps exactly what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from crisis.models import Base
from crisis.playbooks.digest import digest
from crisis.playbooks.signoff import latest, revoke, sign, standing
from tests.playbooks.sample import playbook

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


@dataclass(frozen=True)
class _Signed:
    digest: str = "a"
    expires_at: datetime = LATER
    revoked_at: datetime | None = None


@pytest.mark.parametrize(
    ("signed", "now", "valid_until", "reason"),
    [
        (_Signed(), NOW, None, "signed"),
        (_Signed(), NOW, NOW.date(), "signed"),
        (None, NOW, None, "unsigned"),
        (_Signed(digest="b"), NOW, None, "changed"),
        (_Signed(revoked_at=NOW), NOW, None, "revoked"),
        (_Signed(digest="b", revoked_at=NOW), NOW, None, "revoked"),
        (_Signed(), LATER - timedelta(seconds=1), None, "signed"),
        (_Signed(), LATER, None, "expired"),
        (_Signed(), NOW, date(2026, 10, 31), "outdated"),
        # 23:30 UTC is already the next day in Oslo, where the playbook is used
        (_Signed(), datetime(2026, 11, 1, 23, 30, tzinfo=UTC), date(2026, 11, 1), "signed"),
        (_Signed(), datetime(2026, 11, 2, 0, 30, tzinfo=ZoneInfo("Europe/Oslo")), date(2026, 11, 1), "outdated"),
    ],
)
def test_standing(signed: _Signed | None, now: datetime, valid_until: date | None, reason: str) -> None:
    stands = standing("a", signed, now, valid_until)
    assert stands.reason == reason
    assert stands.ok == (reason == "signed")
    assert stands.say


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_sign_revoke_and_sign_again(session: Session) -> None:
    unit, user, book = uuid4(), uuid4(), playbook()
    assert latest(session, unit, "fire", "initial") is None

    first = sign(session, unit, book, "initial", user, LATER, NOW)
    session.flush()
    session.expire_all()
    found = latest(session, unit, "fire", "initial")
    assert found is first
    assert standing(digest(book, "initial"), found, NOW).ok
    assert found.content["texts"]["short"]["nn"].startswith("{organisation}: Brann ved")

    edited = playbook("er stengt. Ring", "er åpen. Ring")
    assert standing(digest(edited, "initial"), found, NOW).reason == "changed"

    revoke(first, NOW)
    revoke(first, LATER)
    assert first.revoked_at == NOW
    assert standing(digest(book, "initial"), latest(session, unit, "fire", "initial"), NOW).reason == "revoked"

    again = sign(session, unit, book, "initial", user, LATER, NOW + timedelta(minutes=1))
    session.flush()
    assert latest(session, unit, "fire", "initial") is again


def test_each_unit_and_message_signs_for_itself(session: Session) -> None:
    unit = uuid4()
    sign(session, unit, playbook(), "initial", uuid4(), LATER, NOW)
    session.flush()
    assert latest(session, uuid4(), "fire", "initial") is None
    assert latest(session, unit, "fire", "update") is None
    assert latest(session, unit, "flood", "initial") is None


def test_an_end_in_the_past_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="future"):
        sign(session, uuid4(), playbook(), "initial", uuid4(), NOW, NOW)


def test_nothing_is_committed(session: Session) -> None:
    unit = uuid4()
    sign(session, unit, playbook(), "initial", uuid4(), LATER, NOW)
    session.rollback()
    assert latest(session, unit, "fire", "initial") is None
