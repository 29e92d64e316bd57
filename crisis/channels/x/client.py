"""tweepy, held to our contract: where its calls go, how long they may take, and what an answer means.

tweepy builds the calls; it has a fixed host, passes no timeout and can sleep on a limit, so the session below decides
those. tweepy appears here and in the adapter, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import requests
import tweepy

from crisis.channels.errors import accepted_body, answer, as_promised, transport
from crisis.channels.x.words import refusal

CLOCK_DOUBT = timedelta(minutes=1)  # our clock against X's
MOST_PAGES = 5  # of 100 posts each; an account with more since then is for a person to look at
LITERAL_HOST = "https://api.twitter.com"  # written into tweepy.Client.request

# At DEBUG these write the access token and the signature of every call.
for _name in ("tweepy", "requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Session(requests.Session):
    """Sends tweepy's calls to `base_url`, with timeouts, and turns every answer but a success into a `SendError`.

    The address is changed before the request is prepared, because the OAuth 1.0a signature covers it (RFC 5849, 3.4.1).
    """

    def __init__(self, base_url: str, connect: float, read: float) -> None:
        super().__init__()
        self._base_url = base_url
        self._patience = (connect, read)
        self.wait: float | None = None  # what the last answer said about its endpoint's window

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        request.url = str(request.url).replace(LITERAL_HOST, self._base_url, 1)
        return super().prepare_request(request)

    def send(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:
        given |= {"timeout": self._patience, "allow_redirects": False}
        try:
            response = super().send(request, **given)
        except requests.RequestException as error:
            raise transport(error) from None  # the chain would carry the request, and with it its signature
        told = answer(response.status_code, response.headers, response.text)
        accepted_body(told, refusal)
        self.wait = told.wait
        return response


def ask(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """One call of tweepy as the account itself."""
    with as_promised():
        return call(*given, **named, user_auth=True)


def call(client: tweepy.Client, method: str, path: str, **given: Any) -> Mapping[str, Any]:
    """A call that tweepy does not know, signed by tweepy's own keys (RFC 5849: no multipart body is signed)."""
    with as_promised():
        keys = (client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret)
        auth = tweepy.OAuth1UserHandler(*keys).apply_auth()
        response = client.session.request(method, LITERAL_HOST + path, auth=auth, **given)
        told = response.json() if response.content else {}
    return told if isinstance(told, dict) else {}
