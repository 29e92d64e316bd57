"""Checks the OAuth 1.0a signature of a request against the keys the simulator knows.

The caller may have signed the address it really used or the public name of X: a client whose host is rewritten
late signs the name. Either way the secrets must be right.
"""

import hashlib
import hmac
import time
from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import quote, unquote

from oauthlib.oauth1.rfc5849 import signature

PUBLIC_NAMES = ("https://api.x.com", "https://api.twitter.com")
GREATEST_SKEW = 300
KEPT_NONCES = 20_000


class NotSigned(Exception):
    """The request carries no acceptable signature; the text says why, for the refusal log."""


@dataclass(frozen=True)
class Signed:
    """What is needed of a request to check it. `form` only when the body was form encoded."""

    method: str
    url: str
    path: str
    query: str
    authorization: str
    form: str = ""


class Keys(Protocol):
    """The four secrets of an account."""

    @property
    def consumer_key(self) -> str: ...
    @property
    def consumer_secret(self) -> str: ...
    @property
    def access_token(self) -> str: ...
    @property
    def access_token_secret(self) -> str: ...


Account = TypeVar("Account", bound=Keys)


class Keyring(Generic[Account]):
    """The accounts by their access token, and the nonces already used."""

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        """Know these accounts."""
        self._accounts = {account.access_token: account for account in accounts}
        self._nonces: set[tuple[str, str, str]] = set()
        self._order: deque[tuple[str, str, str]] = deque()

    def account_of(self, asked: Signed) -> Account:
        """The account that signed. Raises NotSigned."""
        scheme, _, rest = asked.authorization.partition(" ")
        if scheme.lower() != "oauth":
            raise NotSigned("no OAuth 1.0a Authorization header")
        given = dict(_pairs(rest))
        account = self._accounts.get(given.get("oauth_token", ""))
        if account is None or account.consumer_key != given.get("oauth_consumer_key"):
            raise NotSigned("unknown access token or consumer key")
        if given.get("oauth_signature_method") != "HMAC-SHA1":
            raise NotSigned("the signature method is not HMAC-SHA1")
        if given.get("oauth_version", "1.0") != "1.0":
            raise NotSigned("the OAuth version is not 1.0")
        try:
            skew = abs(time.time() - int(given.get("oauth_timestamp", "")))
        except ValueError as error:
            raise NotSigned("the timestamp is not a number") from error
        if skew > GREATEST_SKEW:
            raise NotSigned("the timestamp is more than five minutes off")
        if not _matches(asked, given.get("oauth_signature", ""), account):
            raise NotSigned("the signature does not match")
        self._spend(account, given)
        return account

    def _spend(self, account: Account, given: dict[str, str]) -> None:
        nonce = (account.access_token, given.get("oauth_nonce", ""), given.get("oauth_timestamp", ""))
        if not nonce[1] or nonce in self._nonces:
            raise NotSigned("the nonce is missing or was used before")
        self._nonces.add(nonce)
        self._order.append(nonce)
        if len(self._order) > KEPT_NONCES:
            self._nonces.discard(self._order.popleft())


def _matches(asked: Signed, claimed: str, account: Keys) -> bool:
    collected = signature.collect_parameters(
        uri_query=asked.query,
        body=asked.form or None,
        headers={"Authorization": asked.authorization},
        exclude_oauth_signature=True,
        with_realm=False,
    )
    normalized = signature.normalize_parameters(collected)
    key = f"{quote(account.consumer_secret, safe='~')}&{quote(account.access_token_secret, safe='~')}".encode()
    for address in (asked.url, *(name + asked.path for name in PUBLIC_NAMES)):
        base = signature.signature_base_string(asked.method, signature.base_string_uri(address), normalized)
        made = b64encode(hmac.new(key, base.encode(), hashlib.sha1).digest()).decode()
        if hmac.compare_digest(made.encode(), claimed.encode()):
            return True
    return False


def _pairs(header: str) -> list[tuple[str, str]]:
    pairs = []
    for part in header.split(","):
        name, found, value = part.strip().partition("=")
        if found:
            pairs.append((unquote(name), unquote(value.strip('"'))))
    return pairs
