"""Feeds of all kinds become text; what was made to harm whoever reads it is refused in words."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crisis.feeds import reading
from crisis.feeds.reading import NotReadable, parse, read

ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:a</id><title>N</title>
<updated>2026-11-20T10:00:00Z</updated>
<entry><id>urn:1</id><title type="html">Kurs &lt;b&gt;i høst&lt;/b&gt;&lt;script&gt;x()&lt;/script&gt;</title>
<link href="https://www.ous.no/1"/><published>2026-11-20T10:00:00+01:00</published>
<summary type="html">&lt;p&gt;Meld deg på.&lt;/p&gt;&lt;img src="https://elsewhere.example/spy.png"&gt;</summary></entry>
<entry><id>urn:2</id><title>Nytt bygg</title><link href="javascript:alert(1)"/><published>2026-11-21T10:00:00Z</published></entry>
</feed>"""

RSS = """<rss version="2.0"><channel><title>N</title><item><title>A &amp; B</title><link>https://www.ous.no/a</link>
<pubDate>Fri, 20 Nov 2026 09:00:00 GMT</pubDate></item><item><description>Uten overskrift.</description></item>
<item></item></channel></rss>"""

BOMB = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "haha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1 or chr(32)};".replace(" ", "") * 10}">' for n in range(1, 10)
) + ']><rss version="2.0"><channel><title>N</title><item><title>&a9;</title></item></channel></rss>'  # fmt: skip


def test_atom_becomes_text() -> None:
    newest, older = parse(ATOM.encode())
    assert (newest.title, newest.link, newest.at) == ("Nytt bygg", "", datetime(2026, 11, 21, 10, tzinfo=UTC))
    assert (older.title, older.text, older.link) == ("Kurs i høst", "Meld deg på.", "https://www.ous.no/1")
    assert older.at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_rss_becomes_text_and_an_empty_entry_is_left_out() -> None:
    assert [(one.title, one.link) for one in parse(RSS.encode())] == [
        ("A & B", "https://www.ous.no/a"),
        ("Uten overskrift.", ""),
    ]


def test_an_entry_keeps_its_name_when_its_words_change() -> None:
    before, after = parse(ATOM.encode()), parse(ATOM.replace("Nytt bygg", "Nytt og stort bygg").encode())
    assert [one.key for one in before] == [one.key for one in after]
    assert before[0].title != after[0].title


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_an_entity_bomb_is_refused(encoding: str) -> None:
    body = BOMB.replace('version="1.0"', f'version="1.0" encoding="{encoding}"', 1).encode(encoding)
    with pytest.raises(NotReadable, match="declares entities"):
        read(body)


@pytest.mark.parametrize("body", [BOMB + "<", "<rss><" + BOMB])
def test_an_entity_bomb_in_a_broken_feed_is_refused_too(body: str) -> None:
    with pytest.raises(NotReadable, match="declares entities"):
        read(body.encode())


def test_an_external_entity_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hemmelig")
    for kind in ("", "% "):
        outside = f'<!DOCTYPE rss [<!ENTITY {kind}x SYSTEM "file://{tmp_path}/secret">]>'
        with pytest.raises(NotReadable, match="declares entities"):
            read((outside + RSS.replace("A &amp; B", "&x;")).encode())


def test_a_doctype_elsewhere_is_not_fetched() -> None:
    """RSS 0.91 names one; nobody asks for it."""
    named = '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd">' + RSS
    assert read(named.encode())[0].title == "A & B"


def test_the_parser_itself_expands_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were our own look at the entities ever passed by, the reader behind it would still not do what they say."""
    monkeypatch.setattr(reading, "_declares_entities", lambda _body: False)
    assert all(len(one.title) < 50 for one in parse(BOMB.encode()))


def test_bytes_that_name_a_file_open_none(tmp_path: Path) -> None:
    (tmp_path / "feed").write_text(ATOM)
    for body in (
        str(tmp_path / "feed"),
        "https://127.0.0.1:9/feed",
        "",
        "<html><p>Siden finnes ikke.</p></html>",
        "\0",
    ):
        with pytest.raises(NotReadable, match="no news feed, or it is broken"):
            read(body.encode())


def test_a_cut_off_feed_gives_what_is_whole() -> None:
    assert [one.title for one in read(ATOM[: ATOM.index("<entry><id>urn:2")].encode())] == ["Kurs i høst"]


@pytest.mark.parametrize(
    "piece", ["<a>", "<!--", "&lt;", "<item><title>x", "]]>", "<![CDATA[", "&#", "<x " + 'a="b" ' * 9]
)
def test_a_megabyte_made_to_be_slow_ends(piece: str) -> None:
    began = time.monotonic()
    for body in (piece * (1_000_000 // len(piece)), "<rss version='2.0'>" + piece * (1_000_000 // len(piece))):
        try:
            assert len(read(body.encode())) <= reading.MOST_ENTRIES
        except NotReadable as error:
            assert str(error) in (reading.UNREADABLE, reading.TOO_MUCH)  # noqa: PT017 - both are right
    assert time.monotonic() - began < 4 * reading.LONGEST_SECONDS + 10


def test_long_words_are_shortened_and_odd_letters_gone() -> None:
    body = RSS.replace("A &amp; B", "ord " * 100 + "\u202e")
    title = parse(body.encode())[0].title
    assert len(title) <= reading.LONGEST_TITLE
    assert title.endswith("ord…")
