"""What exceptions of the HTTP libraries mean, and what is never said to a person."""

from __future__ import annotations

import socket
import ssl

import aiohttp
import pytest
import requests
import urllib3
from aiohttp.client_reqrep import ConnectionKey

from crisis.channels.base import SendError, Uncertain, Unreachable
from crisis.channels.errors import LONGEST_SAY, answer, transport

KEY = ConnectionKey("api.example.org", 443, True, True, None, None, None)
REFUSED = ConnectionRefusedError(111, "refused")
POOL = urllib3.HTTPSConnectionPool("api.example.org")
NAME = urllib3.exceptions.NameResolutionError("api.example.org", POOL, socket.gaierror(-2, "x"))  # type: ignore[arg-type]


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (requests.ConnectTimeout(), Unreachable),
        (requests.exceptions.SSLError(), Unreachable),
        (requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "x")), Unreachable),
        (caused(requests.exceptions.SSLError(), ssl.SSLEOFError(8, "in the middle of an answer")), Uncertain),
        (requests.exceptions.ProxyError(), Unreachable),
        (requests.ConnectionError(urllib3.exceptions.MaxRetryError(POOL, "/", NAME)), Unreachable),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError())), Uncertain),
        (requests.ConnectionError(), Uncertain),
        (requests.ReadTimeout(), Uncertain),
        (requests.exceptions.ChunkedEncodingError(), Uncertain),
        (aiohttp.ClientConnectorError(KEY, REFUSED), Unreachable),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "x")), Unreachable),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("x")), Unreachable),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), Unreachable),
        (aiohttp.ConnectionTimeoutError(), Unreachable),
        (aiohttp.SocketTimeoutError(), Uncertain),
        (aiohttp.ServerDisconnectedError(), Uncertain),
        (aiohttp.ClientOSError(104, "reset"), Uncertain),
        (aiohttp.ClientPayloadError(), Uncertain),
        (TimeoutError(), Uncertain),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_transport(error: Exception, means: type[SendError]) -> None:
    assert type(transport(error)) is means


def test_an_exceptions_own_text_is_not_passed_on() -> None:
    assert "token=1234" not in transport(requests.ConnectionError("https://api.example.org/?token=1234")).say


@pytest.mark.parametrize("text", ["<html>" + "x" * 9000, "[1]", '"x"', "null", "", "{", '{"detail": null}'])
def test_odd_bodies_say_their_status(text: str) -> None:
    assert answer(400, {}, text).say == "HTTP 400"


def test_long_words_are_cut() -> None:
    assert len(answer(400, {}, '{"detail": "%s"}' % ("x " * 5000)).say) <= LONGEST_SAY + len("HTTP 400: ")
