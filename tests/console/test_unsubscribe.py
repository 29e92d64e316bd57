"""Saying stop from an e-mail: only by pressing, for ever, and without saying to whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from crisis.models import Delivery, OptOut
from crisis.sending.unsubscribe import NotOurs, Unsubscribe
from crisis.states import DeliveryState
from tests.broadcasts.scene import PUBLIC_URL, TOKEN
from tests.console.scene import Night, a_night

MAKES = Unsubscribe(TOKEN, PUBLIC_URL)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        made.scene.sign_off()
        yield made


@pytest.fixture
def mail(night: Night) -> Delivery:
    broadcast = night.scene.released(night.scene.incident())
    return next(row for row in night.scene.deliveries(broadcast) if "@" in row.address)


def _stopped(night: Night) -> list[str]:
    with night.scene.runtime.database.reading() as session:
        return list(session.scalars(select(OptOut.address)))


def test_looking_changes_nothing_and_tells_nothing(night: Night, mail: Delivery) -> None:
    path = MAKES.url(mail.id).removeprefix(PUBLIC_URL)
    answer = night.app.test_client().get(path)
    assert answer.status_code == 200
    assert "<form" in answer.text
    assert mail.address not in answer.text
    assert "sykehus" not in answer.text
    assert "/incidents" not in answer.text
    assert _stopped(night) == []


def test_pressing_stops_it_and_twice_is_as_good(night: Night, mail: Delivery) -> None:
    path = MAKES.url(mail.id).removeprefix(PUBLIC_URL)
    one_click = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        answer = night.app.test_client().post(path, data=one_click)
        assert answer.status_code == 200
        assert mail.address not in answer.text
    assert _stopped(night) == [mail.address]
    night.scene.deliver("email-live")
    rows = {row.id: row.state for row in night.scene.deliveries(mail.broadcast_id)}
    assert rows[mail.id] is DeliveryState.SUPPRESSED


def test_a_delivery_that_is_gone_is_answered_alike(night: Night) -> None:
    answer = night.app.test_client().post(f"/unsubscribe/{MAKES.token(uuid.uuid4())}")
    assert answer.status_code == 200
    assert _stopped(night) == []


@pytest.mark.parametrize("token", ["x", "A" * 43, "ø" * 43, "A" * 42, "%00"])
def test_a_made_up_token_is_not_there(night: Night, token: str) -> None:
    for method in (night.app.test_client().get, night.app.test_client().post):
        assert method(f"/unsubscribe/{token}").status_code == 404


def test_another_installations_token_is_not_ours(mail: Delivery) -> None:
    with pytest.raises(NotOurs):
        MAKES.read(Unsubscribe("another key").token(mail.id))


@given(st.uuids(), st.integers(0, 42), st.sampled_from("ABCxyz019-_"))
def test_token_names_its_delivery_and_no_changed_one_another(delivery: uuid.UUID, at: int, letter: str) -> None:
    token = MAKES.token(delivery)
    assert MAKES.read(token) == delivery
    changed = token[:at] + letter + token[at + 1 :]
    try:
        assert MAKES.read(changed) == delivery
    except NotOurs:
        assert changed != token
