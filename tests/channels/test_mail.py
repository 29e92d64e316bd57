"""How a statement looks as an e-mail: both parts, every header, and nothing that a text could smuggle in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.email.mail import mailbox, render_html, render_mail, subject
from crisis.channels.email.options import as_address
from tests.channels import contract

SENDER = as_address("Oslo sykehus <varsling@example.org>")
AT = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
OUT = replace(contract.OUT, address="person@example.org", mode="live", unsubscribe_url="https://crisis.example.org/u/1")


def travelled(out: object = OUT, sender: object = SENDER) -> EmailMessage:
    sent = render_mail(out, sender, AT).as_bytes()  # type: ignore[arg-type]
    got = message_from_bytes(sent, policy=default)
    assert isinstance(got, EmailMessage)
    return got


def test_headers() -> None:
    got = travelled()
    assert got["Message-ID"] == f"<{OUT.delivery_id}@example.org>"
    assert (got["From"], got["To"]) == ("Oslo sykehus <varsling@example.org>", "person@example.org")
    assert got["Subject"] == OUT.title
    assert (got["Auto-Submitted"], got["Content-Language"]) == ("auto-generated", "nb")
    assert got["List-Unsubscribe"] == "<https://crisis.example.org/u/1>"
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert got["In-Reply-To"] is None
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]


def test_without_a_way_out_no_promise_of_one() -> None:
    for url in (None, "javascript:alert(1)", "https://a.no/>\r\nBcc: x@y.no"):
        got = travelled(replace(OUT, unsubscribe_url=url))
        assert got["List-Unsubscribe"] is got["List-Unsubscribe-Post"] is got["Bcc"] is None


def test_long_identifiers_stay_as_they_are() -> None:
    """The standard library would turn them into encoded words, which no other program reads as identifiers."""
    sender = as_address(f"Å{'x' * 80} og Ø <a@{'beredskap.' * 6}example.org>")
    thread = tuple(f"<{'d' * 40}.{n}@{sender.domain}>" for n in range(6))
    link = "https://crisis.example.org/" + "u" * 200
    out = replace(OUT, thread=thread, reply_to=thread[2], unsubscribe_url=link)
    raw = render_mail(out, sender, AT).as_bytes()
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in raw
    assert f"In-Reply-To: {thread[2]}\r\n".encode() in raw
    assert b"\r\n ".join(known.encode() for known in thread) in raw
    assert max(map(len, raw.split(b"\r\n"))) < 998


def test_follow_up_hangs_under_the_thread() -> None:
    got = travelled(replace(OUT, thread=("<1@a>", "not an id", "<2@a>")))
    assert (got["In-Reply-To"], got["References"]) == ("<2@a>", "<1@a> <2@a>")


def test_both_parts_hold_the_words() -> None:
    words = "Ring 113.\n\n- Kom ikke hit\n- Se https://info.example.org/a?b=1&c=2.\n\n<script>alert(1)</script>"
    got = travelled(replace(OUT, text=words))
    plain, html = (part.get_content().replace("\r\n", "\n") for part in got.iter_parts())
    assert words in plain
    assert "<li>Kom ikke hit</li>" in html
    assert '<a href="https://info.example.org/a?b=1&amp;c=2">https://info.example.org/a?b=1&amp;c=2</a>.' in html
    assert "<script>" not in html
    assert html.rstrip() == render_html(replace(OUT, text=words)).rstrip()


def test_drill_cannot_be_mistaken() -> None:
    for language, word in (("nb", "ØVELSE"), ("nn", "ØVING"), ("en", "EXERCISE")):
        got = travelled(replace(OUT, mode="drill", language=language))
        plain, html = (part.get_content().replace("\r\n", "\n") for part in got.iter_parts())
        assert got["Subject"].startswith(f"{word}: ")
        assert plain.startswith(f"*** {word} ***")
        assert html.count(word) >= 3
    assert subject(replace(OUT, mode="drill", title="Øvelse: brann")) == "Øvelse: brann"
    assert "ØVELSE" not in render_html(OUT)


def test_given_markup_is_used_as_it_is() -> None:
    assert "<p><em>Ring 113.</em></p>" in render_html(replace(OUT, html="<p><em>Ring 113.</em></p>"))


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=40))
def test_no_text_adds_a_header(title: str, text: str, organisation: str) -> None:
    out = replace(OUT, title=title, text=text, organisation=organisation)
    try:
        raw = render_mail(out, SENDER, AT).as_bytes()
    except (ValueError, UnicodeError):
        return
    got = message_from_bytes(raw, policy=default)
    expected = travelled().keys()
    assert sorted(got.keys()) == sorted(expected)


@pytest.mark.parametrize(
    ("given_", "travels"),
    [
        ("a.b+c@example.org", "a.b+c@example.org"),
        (" a@blåbær.no ", "a@xn--blbr-roah.no"),
        ("O'Neil@x.no", "O'Neil@x.no"),
    ],
)
def test_mailbox(given_: str, travels: str) -> None:
    assert mailbox(given_) == travels


@pytest.mark.parametrize(
    "wrong", ["a@", "@b.no", "a@b.no\nBcc: c@d.no", "a@b..no", 'a"b@c.no', "a@[::1", "å@b.no", "a@b\x00.no"]
)
def test_no_mailbox(wrong: str) -> None:
    with pytest.raises(ValueError, match="no e-mail address"):
        mailbox(wrong)
