"""The front desk the pretend networks share: counts a call, finds whose keys it shows, carries a switched-on fault out, and
writes down what the network's own rules refuse.

A network brings its keys and its way of wording an error; the desk knows neither.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web

from crisis.simulator import trouble
from crisis.simulator.faults import HTTP_KINDS, Faults
from crisis.simulator.ledger import Ledger


class Refusal(Exception):
    """The network says no, with this status and body; `reason` is for the ledger."""

    def __init__(self, status: int, reason: str, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        """Without a body, the dialect words it."""
        super().__init__(reason)
        self.status, self.reason, self.body, self.headers = status, reason, body, headers


class Dialect(trouble.Dialect):
    """Besides faults, how the network words a refusal of its own."""

    def refused(self, refusal: Refusal) -> web.Response:
        """The answer to a call that breaks the rules."""
        raise NotImplementedError


Account = TypeVar("Account")
Work = Callable[[web.Request, Account], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Front(Generic[Account]):
    """One network's desk. `who` gives the account whose keys a request shows, or raises `Refusal`."""

    provider: str
    faults: Faults
    ledger: Ledger
    dialect: Dialect
    who: Callable[[web.Request], Awaitable[Account]]
    name: Callable[[Account], str]

    def handler(self, what: str, work: "Work[Account]") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler for the router: `what` names the kind of call in the ledger."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.ledger.count(self.provider, what)
            try:
                account = await self.who(request)
            except Refusal as refusal:
                return self._refuse(what, refusal)
            write = request.method not in ("GET", "HEAD")
            fault = self.faults.pick(self.provider, HTTP_KINDS, self.name(account), write=write)
            if fault:
                self.ledger.trouble(f"{self.provider} {what} {self.name(account)}: {fault.kind}")

            async def accept() -> web.Response:
                try:
                    answer = await work(request, account)
                except Refusal as refusal:
                    return self._refuse(what, refusal, self.name(account))
                self.ledger.version += write
                return answer

            return await trouble.answer(request, fault, self.dialect, accept)

        return handle

    def _refuse(self, what: str, refusal: Refusal, account: str = "") -> web.Response:
        self.ledger.refuse(self.provider, what, refusal.status, refusal.reason, account)
        return self.dialect.refused(refusal)


def allowed(given: Mapping[str, Any], known: set[str] | frozenset[str], where: str) -> None:
    """Raises `Refusal` for anything that is not documented: a misspelt word must not pass here and fail for real."""
    if unknown := sorted(set(given) - set(known)):
        raise Refusal(400, f"{where} has unknown {', '.join(unknown)}")
