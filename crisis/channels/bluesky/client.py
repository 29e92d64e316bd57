"""The atproto library as we use it: where it calls, for how long, what an answer means; and the session it calls with.

It is loaded when an account is opened, because it takes most of a second that other processes save. It appears nowhere
else. What strangers wrote is read as plain JSON: one odd record must not cost a whole page.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests

from crisis.channels.base import Busy, Misconfigured, Notes, Rejected, SendError, Uncertain, Unreachable
from crisis.channels.errors import LONGEST_PAUSE, Answer, accepted_body, answer, as_promised, transport

STALE = frozenset({"ExpiredToken", "InvalidToken"})
T = TypeVar("T")
_SHUT = frozenset(
    {
        "AccountTakedown",
        "AccountDeactivated",
        "RepoDeactivated",
        "RepoTakendown",
        "RepoSuspended",
        "AuthFactorTokenRequired",
    }
)


def refusal(given: Answer) -> SendError | None:
    """Bluesky's own refusals: `{error, message}` (AT Protocol docs, XRPC; lexicons, errors)."""
    code = str(given.body.get("error", ""))
    if given.status == 429:
        try:
            wait = float(given.headers["ratelimit-reset"]) - time.time()
        except (KeyError, ValueError):
            return None
        return Busy(given.say, code=code or "429", retry_after=min(max(0.0, wait), LONGEST_PAUSE))
    if given.status in (400, 401) and code in STALE:
        return Rejected(given.say, code=code)  # a newer token will do; `Session` sees to it
    if code in _SHUT:
        return Misconfigured(given.say, code=code)
    if given.status == 400 and code:
        return Rejected(given.say, code=code)
    return None


class Session:
    """The calls of one account. Its tokens are noted and renewed: signing in anew is allowed 300 times a day only
    (Bluesky docs, rate limits). Blocks.
    """

    def __init__(self, base_url: str, handle: str, password: str, notes: Notes, patience: tuple[float, float]) -> None:
        from atproto_client.client.raw import ClientRaw  # noqa: PLC0415 - see above
        from atproto_client.request import RequestBase, Response  # noqa: PLC0415

        class Line(RequestBase):  # type: ignore[misc]  # a library without types
            """Carries the library's calls over a session with timeouts; every refusal becomes a `SendError`."""

            def __init__(self) -> None:
                super().__init__()
                self.session = requests.Session()
                self.wait: float | None = None

            def get(self, url: str, **given: Any) -> Response:
                return self._ask("GET", url, given)

            def post(self, url: str, **given: Any) -> Response:
                return self._ask("POST", url, given)

            def _ask(self, method: str, url: str, given: dict[str, Any]) -> Response:
                headers = self.get_headers(given.get("headers"))
                body = given.get("content", given.get("data"))
                try:
                    got = self.session.request(
                        method,
                        url,
                        params=given.get("params"),
                        data=body.encode() if isinstance(body, str) else body,
                        headers=headers,
                        timeout=patience,
                        allow_redirects=False,
                        auth=lambda request: request,  # never a password out of a .netrc
                    )
                except requests.RequestException as error:
                    raise transport(error) from None  # the chain would carry the request, and with it the token
                said = answer(got.status_code, got.headers, got.text)
                self.wait = said.wait
                if got.text not in ("", "{}") or said.status >= 300:  # a procedure may have nothing to say
                    accepted_body(said, refusal)
                return Response(success=True, status_code=said.status, content=said.body, headers=dict(got.headers))

        self._line = Line()
        self.api: Any = ClientRaw(base_url, request=self._line)  # it asks no more than these two of httpx
        self._handle, self._password, self._notes = handle, password, notes
        self._tokens: dict[str, str] = {}

    @property
    def wait(self) -> float | None:
        """Seconds until the server takes more, when its last answer used up what it allows."""
        return self._line.wait

    @property
    def did(self) -> str:
        return self._known()["did"]

    @property
    def handle(self) -> str:
        return self._known().get("handle") or self._handle

    def write(self, call: Callable[..., Any], data: Any, **given: Any) -> Any:
        """One procedure of `api`, checked against its lexicon before it leaves. Raises `SendError`."""
        return self._as_us(lambda headers: call(data, headers=headers | given))

    def read(self, name: str, **params: Any) -> dict[str, Any]:
        """One query, as plain JSON. Raises `SendError`."""
        from atproto_client.models.dot_dict import DotDict  # noqa: PLC0415 - loaded already

        def call(headers: dict[str, str]) -> dict[str, Any]:
            body: dict[str, Any] = self.api.invoke_query(name, params=DotDict(params), headers=headers).content
            return body

        return self._as_us(call)

    def close(self) -> None:
        self._line.session.close()

    def _as_us(self, call: Callable[[dict[str, str]], T]) -> T:
        """A refused token has done nothing, so the call is made once more with a new one."""
        tokens = self._known()
        try:
            return self._promised(lambda: call({"Authorization": f"Bearer {tokens['access']}"}))
        except Rejected as error:
            if error.code not in STALE:
                raise
        fresh = self._renewed(tokens)
        try:
            return self._promised(lambda: call({"Authorization": f"Bearer {fresh['access']}"}))
        except Rejected as error:
            if error.code in STALE:
                raise Misconfigured(error.say, code=error.code) from None
            raise

    def _known(self) -> dict[str, str]:
        if not self._tokens:
            self._tokens = self._noted() or self._signed_in()
        return self._tokens

    def _noted(self) -> dict[str, str] | None:
        try:
            noted = json.loads(self._notes.read("session") or "")
        except ValueError:
            return None
        whole = isinstance(noted, dict) and all(noted.get(name) for name in ("did", "access", "refresh"))
        return noted if whole else None

    def _renewed(self, stale: dict[str, str]) -> dict[str, str]:
        """Another process may have renewed them already; then its tokens are taken."""
        noted = self._noted()
        if noted and noted["access"] != stale["access"]:
            self._tokens = noted
            return noted
        headers = {"Authorization": f"Bearer {stale['refresh']}"}
        try:
            self._tokens = self._begun(lambda: self.api.com.atproto.server.refresh_session(headers=headers))
        except (Rejected, Misconfigured):
            self._tokens = self._signed_in()
        return self._tokens

    def _signed_in(self) -> dict[str, str]:
        who = {"identifier": self._handle, "password": self._password}
        try:
            return self._begun(lambda: self.api.com.atproto.server.create_session(who))
        except Rejected as error:
            raise Misconfigured(error.say, code=error.code) from None

    def _begun(self, call: Callable[[], Any]) -> dict[str, str]:
        """Tokens out of a new or renewed session. What is lost here has said nothing to anybody."""
        try:
            got = self._promised(call)
            with as_promised():
                tokens = {"did": got.did, "handle": got.handle, "access": got.access_jwt, "refresh": got.refresh_jwt}
        except Uncertain as error:
            raise Unreachable(f"not signed in: {error.say}", code=error.code) from None
        self._notes.write("session", json.dumps(tokens))
        return tokens

    @staticmethod
    def _promised(call: Callable[[], T]) -> T:
        from atproto_core.exceptions import AtProtocolError  # noqa: PLC0415 - loaded already

        with as_promised(AtProtocolError):
            return call()
