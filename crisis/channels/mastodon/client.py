"""Mastodon.py as we use it: where it calls, how long that may take, and what an answer means. It appears nowhere else.

It is loaded when an account is opened, because it takes a quarter of a second that other processes save.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from crisis.channels.base import SendError, Uncertain
from crisis.channels.errors import answer, as_promised, failure, transport
from crisis.channels.mastodon.words import refusal


def client(base_url: str, token: str, connect: float, read: float) -> Any:
    """A client for one account that never sleeps on a limit and asks nobody for a version."""
    from mastodon import Mastodon  # noqa: PLC0415 - see above

    class Client(Mastodon):
        """Takes every server for a current one: else an upload would begin with a question for its version."""

        def verify_minimum_version(self, version_str: str, cached: bool = False) -> bool:  # noqa: ARG002
            return True

    return Client(
        access_token=token,
        api_base_url=base_url,
        request_timeout=(connect, read),  # type: ignore[arg-type]  # handed on to requests, which takes both
        ratelimit_method="throw",
        version_check_mode="none",
        session=_Session(),
    )


class _Session(requests.Session):
    """Turns every answer but a success into a `SendError`. The library wraps what is raised here; `ask` unwraps it.

    `wait` is what the last answer said: seconds until the instance takes more, when that answer used up what it allows.
    """

    wait: float | None = None

    def send(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:
        given["allow_redirects"] = False
        try:
            response = super().send(request, **given)
        except requests.RequestException as error:
            raise transport(error) from None  # the chain would carry the request, and with it the token
        said = answer(response.status_code, response.headers, response.text)
        self.wait = said.wait
        if refused := failure(said, refusal):
            raise refused
        return response


def ask(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """One call of the client. Raises `SendError`."""
    from mastodon import MastodonError  # noqa: PLC0415 - loaded already by the account that asks

    try:
        with as_promised():
            return call(*given, **named)
    except MastodonError as error:
        cause = error.__context__
        if isinstance(cause, SendError):
            raise cause from None
        raise Uncertain(f"the answer has an unexpected shape ({type(error).__name__})", code="shape") from None
