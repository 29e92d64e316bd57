"""What a notice says about an account, in the language of whoever reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages import pofile

import crisis.console
from crisis.broadcasts import notice
from crisis.broadcasts.notice_reasons import REASONS, reason_in
from crisis.models import Account
from crisis.sending.fallback import Switched
from crisis.settings import Settings
from crisis.states import Mode


def account(key: str, reason: str | None = None) -> Account:
    return Account(
        key=key, channel="sms", mode=Mode.LIVE, paused_reason=reason, paused_at=datetime(2026, 11, 22, tzinfo=UTC)
    )


def test_no_english_stands_in_norwegian() -> None:
    stopped = notice.account_stopped(
        account("page-ous", "stopped by itself: cannot write the pages: ENOSPC"), Settings()
    )
    assert "stanset av seg selv: «kan ikke skrive sidene: ENOSPC»" in stopped.texts["nb"]
    assert "stansa av seg sjølv: «kan ikkje skrive sidene: ENOSPC»" in stopped.texts["nn"]
    assert "stopped by itself: cannot write the pages: ENOSPC" in stopped.texts["en"]
    over = Switched(account("sms-ous"), account("sms-b"), "over", "it has not got through for 7 minutes")
    told = notice.account_switched(over, Settings()).texts
    assert "den har ikke nådd fram på 7 minutter" in told["nb"]
    assert "han har ikkje nådd fram på 7 minutt" in told["nn"]


@pytest.mark.parametrize("said", ["HTTP 401: Unauthorized", "vi venter på %(why)s", ""])
def test_what_others_said_stays_as_they_said_it(said: str) -> None:
    assert reason_in("nb", said) == said


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_the_words_are_those_of_the_catalogue(language: str) -> None:
    place = Path(crisis.console.__file__).parent / "translations" / language / "LC_MESSAGES" / "messages.po"
    with place.open("rb") as file:
        catalogue = pofile.read_po(file, locale=language)
    assert {english: catalogue.get(english).string for english in REASONS} == {
        english: other[language] for english, other in REASONS.items()
    }
