"""What exceptions of the HTTP libraries mean, and what is never said to a person."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import requests
import urllib3
from aiohttp.client_reqrep import ConnectionKey

from crisis.channels.base import SendError, Uncertain, Unreachable
from crisis.channels.errors import LONGEST_SAY, Answer, answer, failure, transport

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


def window(name: str, remaining: str, reset: str) -> Answer:
    return answer(201, {f"{name}-Limit": "100", f"{name}-Remaining": remaining, f"{name}-Reset": reset}, "{}")


@pytest.mark.parametrize("name", ["X-Rate-Limit", "X-RateLimit", "RateLimit"])
@pytest.mark.parametrize("told", ["epoch", "iso"])
def test_an_answer_that_used_up_its_window_says_how_long_to_wait(name: str, told: str) -> None:
    at = datetime.now(UTC) + timedelta(seconds=300)
    reset = str(int(at.timestamp())) if told == "epoch" else at.isoformat().replace("+00:00", "Z")
    assert window(name, "0", reset).wait == pytest.approx(300, abs=5)
    assert window(name, "1", reset).wait is None
    assert window(name, "0", reset).retry_after == pytest.approx(300, abs=5)


def test_the_drafts_window_is_told_in_seconds() -> None:
    assert window("RateLimit", "0", "30").wait == 30


@pytest.mark.parametrize("reset", ["", "soon", "nan", "1000", "1994-11-06T08:49:37Z"])
def test_a_window_without_an_end_to_come_is_not_waited_for(reset: str) -> None:
    assert window("X-Rate-Limit", "0", reset).wait is None


def test_a_refusal_says_so_too() -> None:
    reset = str(int(time.time()) + 60)
    error = failure(answer(403, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}, "{}"))
    assert error is not None
    assert error.wait == pytest.approx(60, abs=5)
