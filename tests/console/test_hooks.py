"""Webhooks: proven or refused, small or refused, kept once, and early ones believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from crisis.models import InboundRow, OptOut, ReceiptRow
from crisis.states import DeliveryState
from tests.broadcasts.scene import PUBLIC_URL, TOKEN
from tests.console.scene import Night, a_night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        made.scene.sign_off()
        yield made


def _post(night: Night, path: str, form: dict[str, str], signature: str | None = None) -> TestResponse:
    """As Twilio posts it: signed over the public address, whatever host the request arrived at."""
    signed = signature if signature is not None else RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, form)
    return night.app.test_client().post(path, data=form, headers={"X-Twilio-Signature": signed})


def _rows(night: Night, table: type) -> list[object]:
    with night.scene.runtime.database.reading() as session:
        rows = list(session.scalars(select(table)))
        session.expunge_all()
        return rows


def test_a_receipt_that_outruns_our_own_record(night: Night) -> None:
    scene = night.scene
    broadcast = scene.released(scene.incident())
    row = next(row for row in scene.deliveries(broadcast) if row.address.startswith("+47"))
    with scene.runtime.database.writing() as session:
        from crisis.models import Delivery
        from crisis.sending.tally import Moves

        early = session.get_one(Delivery, row.id)
        moves = Moves()
        moves.move(broadcast, row.account_id, DeliveryState.QUEUED, DeliveryState.SENDING)
        moves.write(session)
        early.state, early.attempts = DeliveryState.SENDING, 1
    path = f"/hooks/sms-live/status?attempt={row.id.hex}.1"
    answer = _post(night, path, {"MessageSid": "SM1", "MessageStatus": "delivered", "SmsStatus": ""})
    assert answer.status_code == 200
    assert {one.id: one.state for one in scene.deliveries(broadcast)}[row.id] is DeliveryState.DELIVERED
    html = night.browser("kari").get(f"/broadcasts/{broadcast}/board").text
    assert "Sent: 1 of 18." in html
    assert "arrived" in html
    assert "delivered" in night.browser("kari").get(f"/deliveries/{row.id}").text


def test_unknown_ids_and_words_are_kept_and_change_nothing(night: Night) -> None:
    assert (
        _post(night, "/hooks/sms-live/status", {"MessageSid": "SM9", "MessageStatus": "teleported"}).status_code == 200
    )
    assert (
        _post(night, "/hooks/sms-live/status?attempt=zzz", {"MessageSid": "SM8", "MessageStatus": "sent"}).status_code
        == 200
    )
    assert (
        _post(night, "/hooks/sms-live/status", {"MessageSid": "SM9", "MessageStatus": "teleported"}).status_code == 200
    )
    assert len(_rows(night, ReceiptRow)) == 2


@pytest.mark.parametrize("signature", ["", "forged", "ÆØÅ"])
def test_a_forged_one_is_refused_and_leaves_no_trace(night: Night, signature: str) -> None:
    form = {"MessageSid": "SM1", "From": "+4790011223", "Body": "STOP"}
    assert _post(night, "/hooks/sms-live/inbound", form, signature).status_code == 403
    assert _rows(night, InboundRow) == []
    assert _rows(night, OptOut) == []


def test_a_signature_for_another_address_does_not_do(night: Night) -> None:
    form = {"MessageSid": "SM1", "From": "+4790011223", "Body": "STOP"}
    signed = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + "/hooks/sms-live/status", form)
    assert _post(night, "/hooks/sms-live/inbound", form, signed).status_code == 403


def test_stop_is_obeyed_and_answered_with_silence(night: Night) -> None:
    answer = _post(night, "/hooks/sms-live/inbound", {"MessageSid": "SM1", "From": "+4790011223", "Body": "Stopp!"})
    assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert answer.content_type.startswith("text/xml")
    assert [row.source for row in _rows(night, OptOut)] == ["stop"]


def test_an_old_stop_told_again_does_not_undo_a_start(night: Night) -> None:
    stop = {"MessageSid": "SM1", "From": "+4790011223", "Body": "STOP"}
    _post(night, "/hooks/sms-live/inbound", stop)
    _post(night, "/hooks/sms-live/inbound", {"MessageSid": "SM2", "From": "+4790011223", "Body": "START"})
    _post(night, "/hooks/sms-live/inbound", stop)
    assert [row.ended_at is None for row in _rows(night, OptOut)] == [False]
    assert len(_rows(night, InboundRow)) == 2


def test_too_large(night: Night) -> None:
    form = {"MessageSid": "SM1", "From": "+4790011223", "Body": "x" * 70_000}
    assert _post(night, "/hooks/sms-live/inbound", form).status_code == 413


@pytest.mark.parametrize(
    "path", ["/hooks/no-such/status", "/hooks/page-live/status", "/hooks/x-live/inbound", "/hooks/sms-live/other"]
)
def test_no_such_hook(night: Night, path: str) -> None:
    assert _post(night, path, {"MessageSid": "SM1"}).status_code == 404


def test_reading_is_not_a_hook(night: Night) -> None:
    assert night.app.test_client().get("/hooks/sms-live/status").status_code == 405
