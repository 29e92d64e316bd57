"""The words of a planned post on each channel: its text, its link and its campaign's tags, as many as fit. Pure.

The text is never cut: what is too long is told to its author. Tags are left out one by one, from the last, where a
network has no room for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from crisis.broadcasts.compose import UNREADABLE, Composed, Problem, Words
from crisis.channels.base import Facts
from crisis.channels.registry import FACTS
from crisis.models import Account
from crisis.settings import LANGUAGES, Language, UnitSettings
from crisis.states import NotAllowed

HASHTAGS = frozenset({"x", "mastodon", "threads", "facebook", "instagram", "linkedin"})
"""Channels where # in the text makes a tag. Bluesky, YouTube and Flickr take tags beside the text (`Outgoing.tags`)."""

LONGEST_TITLE, LONGEST_TEXT, LONGEST_LINK, MOST_TAGS = 120, 10_000, 500, 8
_TAG = re.compile(r"(?!\d+$)\w{1,40}")


@dataclass(frozen=True, slots=True)
class Wording:
    """What somebody wants to say on a quiet day. `own` holds a channel's own words instead of the fitted ones."""

    title: str
    texts: Mapping[str, str]
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    link: str = ""
    tags: Sequence[str] = ()
    accounts: Sequence[str] = ()
    media: Sequence[str] = ()

    def clean(self) -> Wording:
        """The same as it may be kept. Raises `NotAllowed` in words a person can act on."""
        title = " ".join(self.title.split())
        if not title or len(title) > LONGEST_TITLE:
            raise NotAllowed("write a title, at most %(most)d characters", most=LONGEST_TITLE)
        link = self.link.strip()
        if link and not _is_link(link):
            raise NotAllowed("the link must be a whole address that begins with https://")
        tags = list(dict.fromkeys(tag.strip().lstrip("#") for tag in self.tags if tag.strip().lstrip("#")))
        for tag in tags:
            if not _TAG.fullmatch(tag):
                raise NotAllowed("a tag is letters, digits and _, without spaces: '%(tag)s' is none", tag=tag[:50])
        if len(tags) > MOST_TAGS:
            raise NotAllowed("at most %(most)d tags", most=MOST_TAGS)
        texts, own = _spoken(self.texts), {channel: _spoken(words) for channel, words in self.own.items()}
        if any(len(text) > LONGEST_TEXT for words in (texts, *own.values()) for text in words.values()):
            raise NotAllowed("a text has at most %(most)d characters", most=LONGEST_TEXT)
        own = {channel: words for channel, words in own.items() if words and channel in FACTS}
        return Wording(title, texts, own, link, tags, list(dict.fromkeys(self.accounts)), list(self.media))


def _spoken(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        language: text.replace("\r\n", "\n").strip()
        for language in LANGUAGES
        if (text := str(texts.get(language, ""))).strip()
    }


def _is_link(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    plain = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    return plain and len(link) <= LONGEST_LINK and link.isprintable() and " " not in link


def compose(unit: UnitSettings, wording: Wording, accounts: Sequence[Account]) -> Composed:
    """Every channel in the languages its accounts speak and the post has words in. Mistakes are gathered, not raised."""
    texts: dict[tuple[str, Language], Words] = {}
    problems: list[Problem] = []
    notes: list[Problem] = []
    if not accounts:
        problems.append(Problem("choose at least one account"))
    for channel in dict.fromkeys(account.channel for account in accounts):
        facts = FACTS[channel]
        theirs = {language for account in accounts if account.channel == channel for language in account.languages}
        said = [one for one in LANGUAGES if one in theirs and _words_in(wording, channel, one)]
        if not said:
            problems.append(Problem("there is no text in a language of this account", {}, channel))
        for language in said:
            words, dropped = _fitted(unit, wording, facts, language)
            texts[channel, language] = words
            if words.size.over:
                over: dict[str, str | int] = {"over": words.size.over, "unit": words.size.unit}
                problems.append(Problem("%(over)d %(unit)s too many", over, channel, language))
            if UNREADABLE & set(words.text):
                problems.append(Problem("invisible control characters in the text", {}, channel, language))
            if dropped:
                told: dict[str, str | int] = {"tags": " ".join(f"#{tag}" for tag in dropped)}
                notes.append(Problem("no room for %(tags)s", told, channel, language))
    return Composed(texts, problems=tuple(problems), notes=tuple(notes))


def _words_in(wording: Wording, channel: str, language: str) -> str:
    return wording.own.get(channel, {}).get(language) or wording.texts.get(language, "")


def _fitted(unit: UnitSettings, wording: Wording, facts: Facts, language: Language) -> tuple[Words, Sequence[str]]:
    text = _words_in(wording, facts.name, language)
    gap = "\n\n" if facts.form == "full" else "\n"
    link = campaign_link(unit, wording.link, facts.name, wording.tags)
    # Whoever wrote the link or a tag into the words does not get it twice.
    base = text if not link or wording.link in text else f"{text}{gap}{link}"
    here = {word.casefold() for word in re.findall(r"#(\w+)", text)}
    tags = [tag for tag in wording.tags if facts.name in HASHTAGS and tag.casefold() not in here]
    for kept in range(len(tags), -1, -1):
        whole = base + (gap + " ".join(f"#{tag}" for tag in tags[:kept]) if kept else "")
        size = facts.measure(whole)
        if not size.over or not kept:
            return Words(facts.name, language, wording.title, whole, size, plain=text), tags[kept:]
    raise AssertionError  # the loop ends at no tags


def campaign_link(unit: UnitSettings, link: str, channel: str, tags: Sequence[str]) -> str:
    """The link with utm_source, utm_medium and utm_campaign, when the unit wants that and the site is its own."""
    host = (urlsplit(link).hostname or "").lower()
    own = any(host == domain or host.endswith(f".{domain}") for domain in unit.link_domains)
    if not link or not unit.planned_utm or not own:
        return link
    parts = urlsplit(link)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith("utm_")]
    query += [("utm_source", channel), ("utm_medium", "social")]
    query += [("utm_campaign", tags[0])] if tags else []
    return urlunsplit(parts._replace(query=urlencode(query)))
