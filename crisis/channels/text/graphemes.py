"""How long a text is where a network counts what a reader sees as one character: Mastodon and Bluesky.

Pure rules. A grapheme is an extended grapheme cluster of Unicode (UAX 29): a flag or a family is one.
"""

from __future__ import annotations

import regex

from crisis.channels.base import Size
from crisis.sentence import Sentence

MASTODON_LIMIT = 500  # what an instance allows unless its owner changed it (Mastodon docs, instance configuration)
MASTODON_URL = 23  # characters_reserved_per_url
BLUESKY_LIMIT = 300  # lexicon app.bsky.feed.post: maxGraphemes
BLUESKY_BYTES = 3_000  # the same: maxLength, of UTF-8

_CLUSTER = regex.compile(r"\X")
# Mastodon source, the validator of a status: only links with a scheme are shortened, and only a user's own name counts.
_URL = regex.compile(r"(?<![\w@#/])https?://[^\s<>\"'«»]*[^\s<>\"'«».,:;!?)\]}]", regex.IGNORECASE)
_USER = regex.compile(r"(?<![=/\w])@([a-z0-9_]+(?:[a-z0-9_.-]+[a-z0-9_]+)?)@[\w.-]+[\w]", regex.IGNORECASE)


def graphemes(text: str) -> int:
    """How many characters a reader sees."""
    return len(text) if text.isascii() and "\r" not in text else sum(1 for _ in _CLUSTER.finditer(text))


def mastodon_length(text: str, url: int = MASTODON_URL) -> int:
    """Graphemes, where a link counts `url` and a user of another server counts without the server's name."""
    return graphemes(_USER.sub(r"@\1", _URL.sub("x" * url, text)))


def mastodon_size(text: str, limit: int = MASTODON_LIMIT) -> Size:
    return Size(mastodon_length(text), limit, "characters")


def bluesky_display(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """The text as its readers see it, and where in it which link stands (start, end, address).

    Links count whole there; but the words of a link need not be its address (lexicon facet), so in a text that is too
    long they are cut down to their host, the way the network's own app cuts them.
    """
    if graphemes(text) <= BLUESKY_LIMIT:
        return text, [(one.start(), one.end(), one[0]) for one in _URL.finditer(text)]
    shown, links, done = "", [], 0
    for one in _URL.finditer(text):
        shown += text[done : one.start()]
        host, slash, path = one[0].partition("://")[2].partition("/")
        words = f"{host}/…" if slash and path else host
        links.append((len(shown), len(shown) + len(words), one[0]))
        shown, done = shown + words, one.end()
    return shown + text[done:], links


def bluesky_size(text: str) -> Size:
    """Graphemes, at most 300; a text of very long clusters can run into the limit of 3,000 bytes before."""
    text, _ = bluesky_display(text)
    used, length = graphemes(text), len(text.encode())
    if length > BLUESKY_BYTES:
        note = Sentence("%(used)d bytes of at most %(limit)d", used=length, limit=BLUESKY_BYTES)
        return Size(length, BLUESKY_BYTES, "bytes", note=note)
    return Size(used, BLUESKY_LIMIT, "characters")
