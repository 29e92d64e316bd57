"""Approved words as HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.text.markup import marked_up


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("En\nto", "<p>En<br>\nto</p>"),
        ("En\n\nto", "<p>En</p>\n<p>to</p>"),
        ("Gjør:\n- en\n- to\nSlutt", "<p>Gjør:</p>\n<ul>\n<li>en</li>\n<li>to</li>\n</ul>\n<p>Slutt</p>"),
        ("a & <b>", "<p>a &amp; &lt;b&gt;</p>"),
        ("(se https://a.no/b).", '<p>(se <a href="https://a.no/b">https://a.no/b</a>).</p>'),
        ("https://a.no/(x)", '<p><a href="https://a.no/(x)">https://a.no/(x)</a></p>'),
        ("javascript:alert(1)", "<p>javascript:alert(1)</p>"),
        ("Ring 23 00 00 50.", '<p>Ring <span style="white-space:nowrap">23 00 00 50</span>.</p>'),
        ("", ""),
    ],
)
def test_marked_up(text: str, html: str) -> None:
    assert str(marked_up(text)) == html


@given(st.text(alphabet="ab <>&\"'\n-./:htps", max_size=200))
def test_only_our_own_tags_and_every_word_stays(text: str) -> None:
    html = str(marked_up(text))
    assert set(re.findall(r"</?([a-z]+)", html)) <= {"p", "br", "ul", "li", "a"}
    bare = re.sub(r"<[^>]*>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"')
    bare = bare.replace("&#39;", "'").replace("&amp;", "&")
    words = [re.sub(r"^(- )+", "", line) for line in text.splitlines()]
    assert "".join("".join(words).split()).replace("-", "") == "".join(bare.split()).replace("-", "")
