"""The way every call to a pretend HTTP network goes: counted, a fault if one is switched on, the work, the ledger.

A network brings the work and its own way of wording errors; it never sees faults or the ledger.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from crisis.simulator import trouble
from crisis.simulator.faults import HTTP_KINDS, Faults
from crisis.simulator.ledger import Ledger


class Refusal(Exception):
    """The network says no: the HTTP status, its own word for it, and what it tells the caller."""

    def __init__(self, status: int, code: str, say: str, *, headers: dict[str, str] | None = None) -> None:
        """Word it."""
        super().__init__(say)
        self.status, self.code, self.say, self.headers = status, code, say, headers or {}


class Dialect(trouble.Dialect):
    """How one network words its errors, its own and those of switched-on faults."""

    def refused(self, refusal: Refusal) -> web.Response:
        """A refusal by its own rules."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Counter:
    """Where the calls to one network arrive."""

    network: str
    faults: Faults
    ledger: Ledger
    dialect: Dialect

    async def serve(
        self,
        request: web.Request,
        what: str,
        account: str,
        work: Callable[[], Awaitable[web.Response]],
        *,
        write: bool,
    ) -> web.StreamResponse:
        """Answer one call by `account` (empty when nobody knows whose it is)."""
        self.ledger.count(self.network, what)
        fault = self.faults.pick(self.network, HTTP_KINDS, account, write=write)
        if fault:
            self.ledger.trouble(f"{self.network} {what} {account}: {fault.kind}")

        async def accept() -> web.Response:
            try:
                answer = await work()
            except Refusal as refusal:
                self.ledger.refuse(self.network, what, refusal.status, refusal.say, account)
                return self.dialect.refused(refusal)
            self.ledger.version += write
            return answer

        return await trouble.answer(request, fault, self.dialect, accept)
