"""Receipts over HTTP as Twilio sends them: early, late, twice, out of order, for strangers, in unknown words, forged."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from crisis.models import ReceiptRow
from crisis.simulator.sms.signature import sign
from crisis.states import Mode
from tests.stories.proof import history, outcomes, prove, with_lines
from tests.stories.town import Town, eventually, town

pytestmark = pytest.mark.slow


def call_back(here: Town, form: dict[str, str], query: str = "", *, secret: str = "") -> int:
    """Call the status webhook; signed as the account's own Twilio does, or with another `secret`."""
    url = f"{here.runtime.settings.console.public_url}/hooks/sms-ous/status{query}"
    token = next(one for one in here.simulator.internet.accounts.sms if one.name == "ous").auth_token
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
    request.add_header("X-Twilio-Signature", sign(secret or token, url, form))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_in_every_disorder_the_last_word_is_the_right_one(tmp_path: Path, database_url: str) -> None:
    kinds = ("callbacks_early", "callbacks_duplicate", "callbacks_out_of_order", "callbacks_none", "undelivered")
    with town(tmp_path, database_url=database_url) as here:
        phones = here.populate(len(kinds) * 2 + 1)
        for kind, pair in zip(kinds, zip(phones[::2], phones[1::2], strict=False), strict=False):
            for phone in pair:
                here.simulator.fault("twilio", kind, match=phone)
        here.start("console", "sender-live", "clock")
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        expected = {"delivered": 7, "accepted": 2, "failed": 2}
        eventually(lambda: here.states(broadcast) == expected)
        prove(here, broadcast, once=phones)
        told = {one.address: one for one in history(here, broadcast)}
        assert {told[phone].state for phone in phones[6:8]} == {"accepted"}  # no receipt ever came
        assert {told[phone].code for phone in phones[8:10]} == {"30003"}

        # Late and again: a step back changes nothing, the same is kept once.
        sid = told[phones[0]].provider_id or ""
        for word in ("sent", "queued", "undelivered", "delivered", "delivered"):
            assert call_back(here, {"MessageSid": sid, "MessageStatus": word}) == 200
        # Strangers and strange words are kept and change nothing.
        assert call_back(here, {"MessageSid": "SMstranger", "MessageStatus": "delivered"}) == 200
        assert call_back(here, {"MessageSid": told[phones[6]].provider_id or "", "MessageStatus": "teleported"}) == 200
        # Forged: refused, and nothing is kept.
        forged = {"MessageSid": told[phones[6]].provider_id or "", "MessageStatus": "failed"}
        assert call_back(here, forged, secret="guessed") == 403
        assert here.states(broadcast) == expected
        with here.runtime.database.reading() as session:
            rows = session.scalars(select(ReceiptRow)).all()
        assert Counter((row.provider_id, row.word) for row in rows).most_common(1)[0][1] == 1
        assert {row.word for row in rows if row.delivery_id is None} == {"delivered"}
        assert "teleported" in {row.word for row in rows}
        assert not [row for row in rows if row.word == "failed"]
        prove(here, broadcast, once=phones)


def test_a_receipt_tells_what_a_killed_sender_could_not(tmp_path: Path, database_url: str) -> None:
    """Killed after the provider accepted; the callback carries the attempt's id, so nobody has to look or repeat."""
    lines = "connect_seconds = 1\nread_seconds = 30"
    with town(tmp_path, database_url=database_url, edit=with_lines(sms_ous=lines)) as here:
        phones = here.populate(4)
        here.start("console", "sender-live", "clock")
        here.simulator.fault("twilio", "hang_after")
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: sum(here.phones().values()) == 4)
        here.kill("sender-live")
        eventually(lambda: here.states(broadcast) == {"delivered": 4})
        here.simulator.clear_faults()
        here.lapse()
        here.start("sender-live")
        assert here.found_out(broadcast) == {"delivered": 4}
        prove(here, broadcast, once=phones)


def test_a_receipt_overtakes_the_look(tmp_path: Path, database_url: str) -> None:
    """The answer was lost; the receipt settles it before anybody looks, and the answer's own time-out changes nothing."""
    with town(
        tmp_path, database_url=database_url, edit=with_lines(sms_ous="connect_seconds = 1\nread_seconds = 2")
    ) as here:
        phones = here.populate(2)
        here.start("console", "sender-live", "clock")
        here.simulator.fault("twilio", "hang_after")
        broadcast = here.release(here.open(Mode.LIVE), channels=("sms",))
        eventually(lambda: here.states(broadcast) == {"delivered": 2})
        eventually(lambda: outcomes(here, broadcast, phones[0]) == ["send uncertain"])
        assert here.states(broadcast) == {"delivered": 2}
        prove(here, broadcast, once=phones)
