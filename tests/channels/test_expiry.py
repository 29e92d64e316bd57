"""Where access ends by itself, `check` says when, so that a person is told fourteen days before (sending/pulse.py).

The other networks' keys hold until somebody takes them back: X, Bluesky, Mastodon, WordPress, Flickr, Twilio, mail.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from crisis import runtime as wiring
from crisis.channels.base import Checks
from crisis.channels.linkedin.calls import NEEDED_SCOPES
from crisis.channels.meta import facebook, instagram
from crisis.channels.registry import KINDS
from crisis.embedded import keys
from crisis.sending.pulse import ENDS_SOON
from tests.channels.contract import opening
from tests.channels.stub import Reply, Request, serving

ROOT = Path(__file__).parent.parent.parent
LEFT = timedelta(days=10)
ENDING = {
    "facebook": {},
    "instagram": {},
    "instagram, its own login": {"login": "instagram"},
    "threads": {},
    "linkedin": {},
    "youtube": {},
}


def network(options: Any) -> Callable[[Request], Reply]:
    """Every network at once: all is well, and what was granted ends in ten days."""
    ends = (datetime.now(UTC) + LEFT).timestamp()
    handle, page = getattr(options, "handle", ""), getattr(options, "page_id", "")
    rights = [*facebook.NEEDED, *facebook.WANTED, *instagram.NEEDED, *instagram.WANTED]
    organization = f"urn:li:organization:{getattr(options, 'organization', '')}"
    answers: dict[str, Any] = {
        "debug_token": {"data": {"is_valid": True, "scopes": rights, "expires_at": int(ends)}},
        "refresh_access_token": {"access_token": "newer", "expires_in": LEFT.total_seconds()},
        "publishing_limit": {"data": [{"quota_usage": 0, "config": {"quota_total": 50}}]},
        "oken": {"access_token": "a", "expires_in": 3600, "refresh_token_expires_in": LEFT.total_seconds()},
        "introspectToken": {"active": True, "scope": ",".join(NEEDED_SCOPES), "expires_at": int(ends)},
        "organizationAcls": {
            "elements": [{"role": "ADMINISTRATOR", "state": "APPROVED", "organization": organization}]
        },
        "/channels": {"items": [{"id": getattr(options, "channel_id", ""), "snippet": {"title": "OUS"}}]},
    }

    def answer(request: Request) -> Reply:
        found = [body for name, body in answers.items() if name in request.path]
        named = max((name for name in answers if name in request.path), key=len, default="")
        return Reply(200, answers[named] if found else {"id": page, "username": handle, "name": "OUS"})

    return answer


@pytest.mark.asyncio
@pytest.mark.parametrize("told", ENDING)
async def test_the_end_of_access_is_told(tmp_path: Path, told: str) -> None:
    channel, _, _ = told.partition(",")
    settings = wiring.load(ROOT / "crisis.example.toml")
    account = next(one for one in settings.accounts if one.channel == channel and one.mode == "live")
    async with serving() as stub:
        with mock.patch.dict(os.environ, keys.demo_secrets(settings, {})):
            addresses = {name: stub.url for name in ("base_url", "auth_url") if hasattr(account.options, name)}
            if hasattr(account.options, "token_url"):
                addresses["token_url"] = f"{stub.url}/token"
            options = account.options.model_copy(update={**addresses, **ENDING[told]})
            stub.answer = network(options)
            opened = KINDS[channel].open(opening(options, tmp_path, mode="live"))
            assert isinstance(opened, Checks)
            health = await opened.check()
            await opened.close()
    assert health.ok, health.say
    assert health.expires_at is not None
    assert abs(health.expires_at - datetime.now(UTC) - LEFT) < timedelta(minutes=5)
    assert LEFT < ENDS_SOON
