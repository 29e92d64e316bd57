"""How long a text is, in each network's own way of counting: X's weights, SMS parts, plain characters.

Pure rules, and the only place that knows them, so that the check in peacetime and the adapter in the crisis never
disagree. Nothing here shortens a text or sends one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import emoji

from crisis.channels.base import Size
from crisis.sentence import Sentence

X_LIMIT = 280
X_URL = 23  # every link is replaced by one of this length
THREADS_LIMIT = 500
_X_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # these weigh 1, everything else 2

SMS_MOST_PARTS = 10  # carriers' own bound; also keeps any text under Twilio's 1,600 characters, since 10 x 153 = 1,530
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_DOUBLE = frozenset("\f^{}\\[~]|€")  # behind an escape, two septets each
_LAST_SINGLE_UNIT = 0xFFFF  # code points above take two UTF-16 units
_FEW = 8  # characters named in a note

# Every two-letter domain, and the generic ones a public body is likely to write. A link under another name is still
# found when it has a scheme; without a scheme it counts as the letters it is.
_COUNTRIES = """
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca cc cd
    cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge
    gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki
    km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my
    mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se
    sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz
    va vc ve vg vi vn vu wf ws ye yt za zm zw"""
_GENERIC = """
    academy aero agency app arpa asia blog biz care cat center church city cloud club com community coop dev digital
    doctor education edu email events expert family foundation fund global gov group help health hospital host info
    institute int international jobs legal life link live media mil mobi museum name net network news one online org
    page post press pro report rescue safety school science services site social software store support systems team
    tech technology tel today tools top training travel university video vip website wiki work works world xxx xyz"""
_ENDINGS = "|".join(sorted([*_COUNTRIES.split(), *_GENERIC.split()], key=len, reverse=True))
_LATIN = "a-z0-9À-ÖØ-öø-ɏ"
_PATH = rf"[{_LATIN}Ѐ-ӿ!*';:=+,.$/%\#\[\]\-–_~@|&]"  # parentheses only in pairs
_LINK = re.compile(
    rf"""
    (?<![a-z0-9@\#$＠＃\u202a-\u202e])
    (?: (?P<scheme>https?://) (?P<host>(?:[^\W_](?:[\w-]*[^\W_])?\.)+)
        (?P<ending> (?:{_ENDINGS})(?![a-z0-9@+-]) | [a-z]{{2,}} )
      | (?<![-_./]) (?P<bare>(?:[{_LATIN}](?:[{_LATIN}-]*[{_LATIN}])?\.)+) (?:{_ENDINGS})
    )
    (?![a-z0-9@+-])
    (?: :\d+ )?
    (?: / (?: (?:{_PATH}|[(]{_PATH}*[)])* (?:[{_LATIN}Ѐ-ӿ=_\#/+\-&]|[(]{_PATH}*[)]) )? )?
    (?: \? [a-z0-9!?*'();:&=+$/%\#\[\]\-_.,~|@]* [a-z0-9_&=\#/\-] )?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_KNOWN_ENDING = re.compile(_ENDINGS, re.IGNORECASE)
_LONGEST_LABEL = 63  # of a domain name, as it travels (punycode)


def x_weighted(text: str) -> int:
    """Length on X by the rules of twitter-text 3: NFC, links 23, an emoji sequence 2, other characters 1 or 2.

    Never less than what X counts for the texts we have seen; where it is in doubt whether X would make a link of
    something, the longer count is taken.
    """
    text = unicodedata.normalize("NFC", text)
    total, done = 0, 0
    for start, end, sure in _links(text):
        own = _x_letters(text[start:end])
        total += _x_letters(text[done:start]) + (X_URL if sure else max(X_URL, own))
        done = end
    return total + _x_letters(text[done:])


def x_size(text: str, limit: int = X_LIMIT) -> Size:
    return Size(used=x_weighted(text), limit=limit, unit="weighted characters")


def holds_link(text: str) -> bool:
    """Would a network make a link of something in this text?"""
    return "://" in text or next(_links(unicodedata.normalize("NFC", text)), None) is not None


def _links(text: str) -> Iterator[tuple[int, int, bool]]:
    """Where links start and end, and whether X certainly knows them."""
    for found in _LINK.finditer(text):
        labels = (found["host"] or found["bare"]).rstrip(".").split(".")
        if "_" not in labels[-1] and all(_travels(label) for label in labels):
            yield found.start(), found.end(), found["ending"] is None or bool(_KNOWN_ENDING.fullmatch(found["ending"]))


def _travels(label: str) -> bool:
    wire = len(label) if label.isascii() else len(label.encode("punycode")) + len("xn--")
    return wire <= _LONGEST_LABEL


def _x_letters(text: str) -> int:
    total, done = 0, 0
    for found in emoji.emoji_list(text):
        total += _x_points(text[done : found["match_start"]]) + 2
        done = found["match_end"]
    return total + _x_points(text[done:])


def _x_points(text: str) -> int:
    return sum(1 if any(low <= ord(point) <= high for low, high in _X_LIGHT) else 2 for point in text)


def threads_size(text: str, limit: int = THREADS_LIMIT) -> Size:
    """Characters, with an emoji counted as its UTF-8 bytes (Threads docs, text): a flag costs eight."""
    used, done = 0, 0
    for found in emoji.emoji_list(text):
        used += found["match_start"] - done + len(str(found["emoji"]).encode())
        done = int(found["match_end"])
    return Size(used=used + len(text) - done, limit=limit, unit="characters")


def septets(text: str) -> int:
    """Room in the SMS alphabet, counting a character outside it as one."""
    return sum(2 if character in GSM_DOUBLE else 1 for character in text)


def outside_gsm(text: str) -> list[str]:
    """The characters that force the dear alphabet, each once, in order of appearance."""
    return list(dict.fromkeys(c for c in text if c not in GSM_BASIC and c not in GSM_DOUBLE))


def sms_size(text: str, limit: int = 4) -> Size:
    """SMS parts: 160 or 153 septets in GSM-7, 70 or 67 code units in UCS-2; no escape or surrogate pair is split.

    `limit`, in parts, judges the length of the text. A character outside the SMS alphabet is a matter of cost, told in
    the note: a Sámi place name must not stop a message, so such a text may grow to `SMS_MOST_PARTS` and no further.
    """
    limit = min(limit, SMS_MOST_PARTS)
    dear = outside_gsm(text)
    cheap = _parts((septets(character) for character in text), 160, 153)
    if not dear:
        return Size(cheap, limit, "parts", parts=cheap, alphabet="GSM-7")
    parts = _parts((1 if ord(character) <= _LAST_SINGLE_UNIT else 2 for character in text), 70, 67)
    shown = ", ".join(f"{c} (U+{ord(c):04X})" if c.isprintable() else f"U+{ord(c):04X}" for c in dear[:_FEW])
    if len(dear) > _FEW:
        shown = Sentence("%(shown)s and %(num)d more", shown=shown, num=len(dear) - _FEW)
    cost = Sentence("no more parts than without, but less room")
    if parts > cheap:
        cost = Sentence("%(parts)d parts instead of %(cheap)d", parts=parts, cheap=cheap)
    note = Sentence("%(letters)s not in the SMS alphabet: %(cost)s", letters=shown, cost=cost)
    allowed = SMS_MOST_PARTS if cheap <= limit else limit
    return Size(parts, allowed, "parts", note=note, parts=parts, alphabet="UCS-2")


def _parts(rooms: Iterable[int], single: int, joined: int) -> int:
    """Fill parts from the front; a character that does not fit whole starts the next one."""
    total, parts, used = 0, 1, 0
    for room in rooms:
        total += room
        if used + room > joined:
            parts, used = parts + 1, 0
        used += room
    return 1 if total <= single else parts


def plain(limit: int, unit: str = "characters") -> Callable[[str], Size]:
    """A measure for channels that count characters as Unicode code points."""

    def measure(text: str) -> Size:
        return Size(used=len(text), limit=limit, unit=unit)

    return measure
