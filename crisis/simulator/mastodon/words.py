"""Texts as the pretend Mastodon counts and shows them: its own length, and its HTML with shortened links. Pure."""

import html
import re

import regex

GREATEST = 500
LINK = 23
_URL = re.compile(r"(?<![\w@/])(https?://)([^\s<>\"]+[^\s<>\".,:;!?)\]])", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w/])@(\w+)(?:@([\w.-]+\w))?")
_TAG = re.compile(r"(?<![\w#&/])#(\w*[^\W\d]\w*)")


def length(text: str) -> int:
    """Grapheme clusters; links count 23 and users without their server."""
    text = _URL.sub("x" * LINK, text)
    text = _HANDLE.sub(lambda found: f"@{found[1]}", text)
    return len(regex.findall(r"\X", text))


def named(text: str) -> set[str]:
    """Users a text names, in small letters."""
    return {found[1].lower() for found in _HANDLE.finditer(text)}


def tags(text: str) -> list[str]:
    """Hashtags, in small letters, each once."""
    return list(dict.fromkeys(found[1].lower() for found in _TAG.finditer(_URL.sub("", text))))


def as_html(text: str) -> str:
    """The `content` of a status: paragraphs, with links the way Mastodon cuts them for the eye."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "".join(f"<p>{'<br />'.join(_line(line) for line in one.splitlines())}</p>" for one in paragraphs if one)


def _line(line: str) -> str:
    done, parts = 0, []
    for found in _URL.finditer(line):
        parts += [_marked(line[done : found.start()]), _link(found[1], found[2])]
        done = found.end()
    return "".join([*parts, _marked(line[done:])])


def _link(scheme: str, rest: str) -> str:
    whole, seen, more = html.escape(scheme + rest), html.escape(rest[:30]), html.escape(rest[30:])
    kind = "ellipsis" if more else ""
    return (
        f'<a href="{whole}" target="_blank" rel="nofollow noopener"><span class="invisible">{scheme}</span>'
        f'<span class="{kind}">{seen}</span><span class="invisible">{more}</span></a>'
    )


def elsewhere(text: str) -> list[tuple[str, str]]:
    """Users of other servers a text names: name and server."""
    return [(found[1], found[2]) for found in _HANDLE.finditer(_URL.sub("", text)) if found[2]]


def address(name: str, server: str) -> str:
    return f"https://{server}/@{name}"


def _mention(found: re.Match[str]) -> str:
    """A user of another server is shown without it; a name nobody here has stays plain text."""
    if not found[2]:
        return found[0]
    return (
        f'<span class="h-card" translate="no"><a href="{address(found[1], found[2])}" class="u-url mention">'
        f"@<span>{found[1]}</span></a></span>"
    )


def _marked(words: str) -> str:
    words = html.escape(words, quote=False)
    words = _HANDLE.sub(_mention, words)
    return _TAG.sub(r'<a href="#" class="mention hashtag" rel="tag">#<span>\1</span></a>', words)
