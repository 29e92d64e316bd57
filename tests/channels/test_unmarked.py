"""HTML as plain text: the words, never what would run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.text.unmarked import plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>En<br />to</p><p>tre</p>", "En\nto\n\ntre"),
        ("<ul><li>en</li><li>to</li></ul>", "- en\n- to"),
        ('<a href="x"><span class="invisible">https://</span><span>a.no</span></a> &amp; mer', "https://a.no & mer"),
        ("før<script>alert('x')</script> etter", "før etter"),
        ('hei <img class="emoji" alt="🙂"><img alt="et kart">', "hei 🙂"),
        ("<b>uten slutt", "uten slutt"),
        ("før<![if !mso]> og<![foo[ etter", "før og"),
        ("1 < 2 &lt;b&gt;", "1 < 2 <b>"),
        ("", ""),
    ],
)
def test_words_without_markup(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@given(st.text(alphabet="<>/&;[]abp script=\"'!-"))
def test_anything_is_read_as_far_as_it_goes(markup: str) -> None:
    assert "<script>" not in plain_text(f"<script>{markup}</script>")
