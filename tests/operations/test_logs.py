"""One JSON line per event, and no secret in any: not by value, not by look, not in an exception, not from a library."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask

from crisis import logs
from crisis.models import new_id


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What is written to the log of a process called "clock"; the log of the tests is put back afterwards."""
    monkeypatch.setenv("SMS_OUS_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("DATABASE_URL", "postgresql://crisis:hunter%2F22@db.example/crisis")
    monkeypatch.setattr(logs, "_secrets", set())
    before, level = logging.root.handlers[:], logging.root.level
    written = io.StringIO()
    with contextlib.redirect_stderr(written):
        logs.set_up("clock")
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = before, level


def test_a_line_has_time_level_process_and_context(lines: Any) -> None:
    account = new_id()
    with structlog.contextvars.bound_contextvars(incident="i1"):
        structlog.get_logger().info("swept", account=account, lost=2)
    other_thread = threading.Thread(target=structlog.get_logger().info, args=["from a thread"])
    other_thread.start()
    other_thread.join()
    line, other = lines()
    assert (other["event"], other["process"]) == ("from a thread", "clock")
    assert (line["event"], line["level"], line["process"], line["incident"]) == ("swept", "info", "clock", "i1")
    assert (line["account"], line["lost"]) == (str(account), 2)
    assert line["timestamp"].endswith("Z")


def test_libraries_write_the_same_lines_from_warning_up(lines: Any) -> None:
    logging.getLogger("twilio").info("POST with the text of a message")
    logging.getLogger("twilio").warning("calling with Authorization: Basic QUMxOnRva2Vu")
    (line,) = lines()
    assert (line["event"], line["logger"], line["level"]) == (
        "calling with Authorization: [hidden]",
        "twilio",
        "warning",
    )


def test_secrets_this_process_has_read_are_taken_out(lines: Any) -> None:
    logs.remember("correct horse")
    structlog.get_logger().info(
        "x 0123456789abcdef0123456789abcdef",
        say="it said correct horse twice: correct horse",
        deep={"list": ["postgresql://crisis:hunter%2F22@db.example/crisis", {"more": "hunter/22"}]},
    )
    text = json.dumps(lines())
    assert "0123456789abcdef" not in text
    assert "horse" not in text
    assert "hunter" not in text
    assert "db.example" in text


def test_exceptions_are_cleaned_too(lines: Any) -> None:
    words = "no luck with token=sEcReT12345 at https://me:pa55word@host/\n[parameters: ('+4740000000',)]"
    try:
        int(words)
    except ValueError:
        structlog.get_logger().exception("tick.failed")
        logging.getLogger("other").exception("again")
    for line in lines():
        assert "ValueError" in line["exception"]
        assert not [bad for bad in ("sEcReT12345", "pa55word", "+4740000000") if bad in line["exception"]]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
        ("{'Authorization': 'OAuth oauth_consumer_key=\"k1\", oauth_token=\"t1\"'}", "k1"),
        ("got bearer AAAAAAAAAAAAAAAAAAAAAA%2FAAA", "AAAAAAAA"),
        ('{"access_token": "abc def"}', "abc def"),
        ("api_key=12345&to=%2B47", "12345"),
        ("X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93", "RSOYDt4T1cUT"),
        ("password = 'correct horse'", "correct horse"),
        ("redis://crisis:secret@redis:6379/0", "secret@"),
        ("redis://:secret@redis:6379/0", "secret@"),
        ("Set-Cookie: crisis-session=eyJfY3NyZl90b2tlbiI6", "eyJf"),
        ("key 1234567890-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789Ab", "AbCdEf"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret not in logs.clean(text)
    assert logs.HIDDEN in logs.clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "01a20380415a7523a87cdf9eeaa32d3b.1",
        "01a20380-415a-7523-a87c-df9eeaa32d3b",
        "SM01a20380415a7523a87cdf9eeaa32d3b",
        "https://x.example/OUS_demo/status/1234567890123456789",
        "basic facts about 20000 deliveries",
        "sender-live@crisis-sender-live-7d4b9c6f5-x2x9z:1",
        "/usr/lib/python3.11/site-packages/sqlalchemy/engine/default.py",
    ],
)
def test_what_helps_to_find_the_trouble_stays(text: str) -> None:
    assert logs.clean(text) == text


@pytest.mark.parametrize(
    "name", ["token", "auth_token", "Authorization", "password", "api_key", "consumer_secret", "cookies"]
)
def test_a_value_under_a_secret_name_is_not_even_looked_at(name: str) -> None:
    assert logs.hide(None, "info", {name: "1", "event": "x"}) == {name: logs.HIDDEN, "event": "x"}


def test_bodies_are_told_by_their_size() -> None:
    assert logs.hide(None, "info", {"body": b"hello"}) == {"body": "5 bytes"}


def test_requests_are_told_without_query_and_path(lines: Any, app: Flask) -> None:
    client = app.test_client()
    client.get("/sign-in?next=/people/&q=Kari+Nordmann")
    client.get("/unsubscribe/a-long-token-in-the-path")
    client.get("/healthz")
    client.get(f"/incidents/{new_id()}")
    client.get("/nothing/Kari")
    told = [line for line in lines() if line["event"] == "request"]
    assert next(line["status"] for line in told) == 200
    assert len(told) == 4  # nobody wants to read about a probe
    assert "Nordmann" not in json.dumps(told)
    assert "a-long-token" not in json.dumps(told)
    assert "Kari" not in json.dumps(told)
    assert told[0]["rule"] == "/sign-in"
    assert "incident" not in told[0]
    assert told[2]["incident"]
    assert "incident" not in told[3]  # one request's context is not another's
    assert all(isinstance(line["ms"], float) for line in told)
