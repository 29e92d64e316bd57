"""What a notice says about an account, in the language of whoever reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crisis.broadcasts import notice_words
from crisis.models import Account
from crisis.sending.fallback import Switched
from crisis.settings import Settings
from crisis.states import Mode


def account(key: str, reason: str | None = None) -> Account:
    return Account(
        key=key, channel="sms", mode=Mode.LIVE, paused_reason=reason, paused_at=datetime(2026, 11, 22, tzinfo=UTC)
    )


def test_no_english_stands_in_norwegian() -> None:
    stopped = notice_words.account_stopped(
        account("page-ous", "stopped by itself: cannot write the pages: ENOSPC"), Settings()
    )
    assert "stanset av seg selv: «kan ikke skrive sidene: ENOSPC»" in stopped.texts["nb"]
    assert "stansa av seg sjølv: «kan ikkje skrive sidene: ENOSPC»" in stopped.texts["nn"]
    assert "stopped by itself: cannot write the pages: ENOSPC" in stopped.texts["en"]
    over = Switched(account("sms-ous"), account("sms-b"), "over", "it has not got through for 7 minutes")
    told = notice_words.account_switched(over, Settings()).texts
    assert "den har ikke nådd fram på 7 minutter" in told["nb"]
    assert "han har ikkje nådd fram på 7 minutt" in told["nn"]


def test_what_a_provider_said_stays_as_it_was_said_after_our_words() -> None:
    say = "stopped by itself: the token has run out; sign in again: Session has expired (code 190, 463)"
    told = notice_words.account_stopped(account("fb-ous", say), Settings()).texts
    assert "«tilgangen har gått ut; logg inn på nytt: Session has expired (code 190, 463)»" in told["nb"]
    assert say in told["en"]


@pytest.mark.parametrize("said", ["HTTP 401: Unauthorized", "vi venter på %(why)s", "draft: read this"])
def test_what_others_said_stays_as_they_said_it(said: str) -> None:
    stopped = notice_words.account_stopped(account("sms-ous", said), Settings())
    assert f": {said}. " in stopped.texts["nb"]
