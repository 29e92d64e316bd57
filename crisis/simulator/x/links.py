"""Finds the links in a post the way X does, closely enough for counting and for t.co.

A link needs a plausible host; without http:// it also needs an ending from the short list below. X knows some
1,500 endings, so a bare name under a rare one is taken for plain text here.
"""

import hashlib
import re
from dataclasses import dataclass

_COUNTRY = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca "
    "cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo "
    "fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it "
    "je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn "
    "mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps "
    "pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj "
    "tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw "
)
_GENERIC = (
    "com org net edu gov mil int info biz name pro aero coop museum jobs mobi travel cat tel asia app dev page "
    "blog site online store shop cloud live news health hospital clinic care help zone world city oslo berlin "
    "london paris wiki xyz club media link "
)
_ENDINGS = frozenset((_COUNTRY + " " + _GENERIC).split())
_LONGEST_URL = 4096
_LONGEST_LABEL = 63

_WORDS = r"a-z0-9\u00a1-\u1fff\u2070-\u2fff\u3001-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff"
_LATIN = r"[a-z0-9\u00c0-\u024f]"
_LABEL = rf"[{_WORDS}](?:[{_WORDS}_-]*[{_WORDS}])?"
_END = rf"(?:xn--[a-z0-9-]+|(?:(?![0-9])[{_WORDS}]){{2,}})(?![a-z0-9@_-])"
_PATH = r"[/?#][a-z0-9\u00c0-\u024f\u2013\u0400-\u04ff!*';:=+,.$%\[\]_~&|@()/#?-]*"
_FULL = re.compile(
    rf"(?<![a-z0-9@＠$#＃_])https?://(?P<host>(?:{_LABEL}\.)+{_END})(?::\d+)?(?P<path>{_PATH})?",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"(?<![a-z0-9\u00c0-\u024f@＠$#＃_./+-])(?P<host>(?:{_LATIN}(?:[a-z0-9\u00c0-\u024f_-]*{_LATIN})?\.)+(?P<end>[a-z]{{2,}}))(?![a-z0-9@＠_+-])"
    rf"(?::\d+)?(?P<path>{_PATH})?",
    re.IGNORECASE,
)
_TRAILING = ".,!?:;'\"*|~([$%@"


@dataclass(frozen=True, slots=True)
class Link:
    """A link at [start, end) of a text, in code points."""

    start: int
    end: int
    url: str

    @property
    def expanded(self) -> str:
        """The address with a scheme, as `expanded_url` gives it."""
        return self.url if "://" in self.url else f"http://{self.url}"


def find(text: str) -> list[Link]:
    """All links of a text, in order, never overlapping."""
    found: list[Link] = []
    for match in _FULL.finditer(text):
        _keep(found, match)
    taken = [(link.start, link.end) for link in found]
    for match in _BARE.finditer(text):
        inside = any(start <= match.start() < end for start, end in taken)
        if not inside and match["end"].lower() in _ENDINGS:
            _keep(found, match)
    return sorted(found, key=lambda link: link.start)


def shortened(text: str, links: list[Link], salt: str) -> tuple[str, list[dict[str, object]]]:
    """The text with each link as a t.co link, and the `entities.urls` that lead back."""
    pieces: list[str] = []
    entities: list[dict[str, object]] = []
    at = length = 0
    for link in links:
        short = "https://t.co/" + hashlib.sha256(f"{salt} {link.url}".encode()).hexdigest()[:10]
        before = text[at : link.start]
        pieces += [before, short]
        length += len(before)
        entities.append(
            {
                "start": length,
                "end": length + len(short),
                "url": short,
                "expanded_url": link.expanded,
                "display_url": _display(link.expanded),
            }
        )
        length += len(short)
        at = link.end
    return "".join([*pieces, text[at:]]), entities


def _keep(found: list[Link], match: re.Match[str]) -> None:
    url = match[0]
    path = match["path"] or ""
    while path and (path[-1] in _TRAILING or (path[-1] in ")]" and path.count("(") + path.count("[") < _closers(path))):
        path = path[:-1]
    url = url[: len(url) - len(match["path"] or "") + len(path)]
    if len(url) <= _LONGEST_URL and _good_host(match["host"]):
        found.append(Link(match.start(), match.start() + len(url), url))


def _closers(path: str) -> int:
    return path.count(")") + path.count("]")


def _good_host(host: str) -> bool:
    labels = host.split(".")
    if "_" in labels[-1] or "_" in labels[-2] or labels[-1].isdigit():
        return False
    for label in labels:
        try:
            size = len(label) if label.isascii() else len("xn--" + label.encode("punycode").decode())
        except UnicodeError:
            return False
        if size > _LONGEST_LABEL:
            return False
    return True


def _display(url: str) -> str:
    shown = url.split("://", 1)[-1].removeprefix("www.")
    return shown if len(shown) <= 27 else shown[:26] + "…"
