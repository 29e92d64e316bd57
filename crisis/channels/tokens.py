"""Access tokens that run out: asked for with the account's refresh token before they do, and kept sealed by the notes.

The OAuth 2.0 part that LinkedIn and Google share (RFC 6749, 6). Never sends a message, and never answers one that failed
by trying again: a token is made new before a call, because it is about to run out, or not at all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from crisis.channels.base import Busy, Misconfigured, Notes, SendError, Unreachable
from crisis.channels.calling import Caller
from crisis.channels.errors import Answer
from crisis.logs import remember

EARLY = timedelta(minutes=5)  # before its end a token is as good as gone: clocks differ, and a call takes its time
NOTE = "token"


@dataclass(frozen=True, slots=True)
class Token:
    """What the notes keep. `seed` tells which configured refresh token it came from: a new one in crisis.toml wins."""

    seed: str
    access: str
    until: datetime
    refresh: str
    refresh_until: datetime | None = None

    def written(self) -> str:
        return json.dumps(
            {
                "seed": self.seed,
                "access": self.access,
                "until": self.until.isoformat(),
                "refresh": self.refresh,
                "refresh_until": self.refresh_until.isoformat() if self.refresh_until else None,
            }
        )

    @classmethod
    def read(cls, text: str) -> Token:
        kept = json.loads(text)
        last = kept["refresh_until"]
        return cls(
            seed=kept["seed"],
            access=kept["access"],
            until=datetime.fromisoformat(kept["until"]),
            refresh=kept["refresh"],
            refresh_until=datetime.fromisoformat(last) if last else None,
        )


class Tokens:
    """The access token of one account."""

    def __init__(
        self, notes: Notes, caller: Caller, address: str, *, client_id: str, client_secret: str, refresh_token: str
    ) -> None:
        self._notes, self._caller, self._address = notes, caller, address
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._first = refresh_token
        self._seed = sha256(refresh_token.encode()).hexdigest()[:16]
        self._token: Token | None = None
        self._one_at_a_time = asyncio.Lock()

    async def access(self) -> str:
        """A token that still holds for some minutes.

        Raises `Misconfigured` when the grant is over, `Busy`, or `Unreachable`: nothing of the message has left yet.
        """
        async with self._one_at_a_time:
            token = await self._current()
            if token is None or token.until - EARLY <= datetime.now(UTC):
                token = await self._renewed(token)
            self._token = token
            return token.access

    async def refresh_until(self) -> datetime | None:
        """When a person must grant access anew; None when the provider has not said."""
        token = await self._current()
        return token.refresh_until if token else None

    async def drop(self) -> None:
        """The provider refused this access token: the next call asks for another."""
        if (token := await self._current()) is not None:
            self._token = Token(token.seed, "", datetime.now(UTC), token.refresh, token.refresh_until)
            await asyncio.to_thread(self._notes.write, NOTE, self._token.written())

    async def _current(self) -> Token | None:
        if self._token is not None and self._token.until - EARLY > datetime.now(UTC):
            return self._token
        kept = await asyncio.to_thread(self._notes.read, NOTE)  # another process may have made it new
        token = Token.read(kept) if kept else None
        if token is None or token.seed != self._seed:
            return None
        remember(token.access)
        remember(token.refresh)
        return token

    async def _renewed(self, old: Token | None) -> Token:
        asked_at = datetime.now(UTC)
        refresh = old.refresh if old else self._first
        form = {"grant_type": "refresh_token", "refresh_token": refresh, **self._client}
        try:
            given = await self._caller.ask("POST", self._address, codes=_refusal, data=form)
        except (Misconfigured, Busy):
            raise
        except SendError as error:
            raise Unreachable(f"no access token: {error.say}", code="token") from None
        token = self._from_answer(given, refresh, asked_at, old)
        await asyncio.to_thread(self._notes.write, NOTE, token.written())
        return token

    def _from_answer(self, given: Mapping[str, Any], refresh: str, at: datetime, old: Token | None) -> Token:
        try:
            access, until = str(given["access_token"]), at + timedelta(seconds=float(given["expires_in"]))
        except (KeyError, TypeError, ValueError):
            raise Unreachable("no access token: the answer has an unexpected shape", code="token") from None
        last = given.get("refresh_token_expires_in")  # LinkedIn always, Google for grants with an end
        refresh_until = at + timedelta(seconds=float(last)) if last else old.refresh_until if old else None
        refresh = str(given.get("refresh_token") or refresh)
        remember(access)
        remember(refresh)
        return Token(self._seed, access, until, refresh, refresh_until)


def _refusal(given: Answer) -> SendError | None:
    """RFC 6749, 5.2: what is wrong with a grant or a client is for a person, and comes as 400 or 401."""
    if 400 <= given.status < 500 and given.status not in (408, 429):
        why = given.body.get("error_description") or given.body.get("error") or given.say
        return Misconfigured(f"no access token: {why}", code="grant")
    return None
