"""Counts the parts a text is sent in, by the GSM 03.38 alphabet and the UCS-2 fallback."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = _BASIC | _EXTENDED


def count(text: str) -> int:
    """How many parts a text takes; an empty text takes one."""
    if not _GSM.issuperset(text):
        return _units([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)
    if len(text) + sum(map(text.count, _EXTENDED)) <= 160:
        return 1
    return _units([2 if character in _EXTENDED else 1 for character in text], 160, 153)


def _units(sizes: list[int], single: int, part: int) -> int:
    if sum(sizes) <= single:
        return 1
    parts, room = 1, part
    for size in sizes:
        if size > room:  # an escape pair or a surrogate pair is never split
            parts, room = parts + 1, part
        room -= size
    return parts
