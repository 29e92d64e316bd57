"""Calls to the Data API with a token of the channel's own."""

from __future__ import annotations

from typing import Any

from crisis.channels.calling import Caller
from crisis.channels.errors import accepted_body
from crisis.channels.tokens import Tokens
from crisis.channels.youtube import words


class Calls:
    """One channel's way out."""

    def __init__(self, caller: Caller, tokens: Tokens) -> None:
        self._caller, self._tokens = caller, tokens

    async def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self._tokens.access()}"}

    async def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        return accepted_body(await self.answer(method, path, **given), words.refusal)

    async def answer(self, method: str, path: str, **given: Any) -> Any:
        answer = await self._caller.answer(method, path, headers=await self.bearer(), **given)
        if answer.status == 401:
            await self._tokens.drop()
        return answer
