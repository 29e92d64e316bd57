"""What somebody wrote on a network that keeps texts as HTML, as plain text again.

Nothing of the markup survives: no script, no address that is not shown, no style. Pure functions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from html.parser import HTMLParser

_MARKED = re.compile(r"<!\[[^>]*>?")
_LINES = frozenset({"br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "div", "pre", "figcaption"})
_PARAGRAPHS = frozenset({"p", "blockquote", "ul", "ol", "table", "section", "article"})
_UNSEEN = frozenset({"script", "style", "template", "head", "title", "noscript", "iframe", "object", "svg"})


def plain_text(markup: str, links: Mapping[str, str] | None = None) -> str:
    """The words of `markup`, paragraphs parted by an empty line; bad markup is read as far as it goes.

    `links` says what was written where an address is linked, for networks that show less of it.
    """
    reader = _Reader(links or {})
    reader.feed(without_marked_sections(markup))
    reader.close()
    lines = ["".join(line.replace("\n", " ")).strip() for line in "".join(reader.parts).split(_BREAK)]
    text = "\n".join(lines).strip("\n")
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def without_marked_sections(markup: str) -> str:
    """`markup` without what begins as one, such as Word's conditions: the parser gives up on those it does not know."""
    return _MARKED.sub("", markup)


def comparable(text: str) -> str:
    """Equal for texts that read the same: white space, the Unicode form and a scheme put before a link do not count."""
    words = unicodedata.normalize("NFC", text).split()
    return " ".join(word.removeprefix("https://").removeprefix("http://").rstrip("/") for word in words)


_BREAK = "\x00"  # HTML cannot hold it


class _Reader(HTMLParser):
    def __init__(self, links: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0
        self._links = links
        self._inside = False  # a link whose words we know

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._hidden += 1
        elif tag in _PARAGRAPHS and self.parts:
            self.parts.append(_BREAK * 2)
        elif tag in _LINES and self.parts:
            self.parts.append(_BREAK)
        if tag == "li":
            self.parts.append("- ")
        elif tag == "a" and not self._hidden and (written := self._links.get(dict(attrs).get("href") or "")):
            self.parts.append(written)
            self._inside = True
        elif tag == "img" and not self._hidden and "emoji" in (dict(attrs).get("class") or ""):
            self.parts.append(
                dict(attrs).get("alt") or ""
            )  # of other pictures the words stand beside them, not in the text

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _PARAGRAPHS:
            self.parts.append(_BREAK * 2)
        elif tag == "a":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if not self._hidden and not self._inside:
            self.parts.append(data.replace(_BREAK, ""))
