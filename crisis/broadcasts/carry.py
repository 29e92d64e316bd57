"""What the texts of a broadcast carry: its pictures and films, each fitted to each channel, or a card drawn of the words.

The same function makes the preview and what is frozen. A picture that can't leave never silences the words: the channel
goes without it and somebody is told, unless the network shows nothing without one. A missing alt text or right stops it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from crisis.broadcasts.compose import Composed, Piece, Problem, Words
from crisis.channels.base import Facts
from crisis.channels.registry import FACTS
from crisis.channels.text.words import WORDS, time_in_words
from crisis.media import card, fit, library
from crisis.media.pictures import NotReadable
from crisis.media.store import Kept, Store, kept_of
from crisis.models import Account, Broadcast, MediaItem
from crisis.playbooks.playbook import Playbook
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES, Language, Settings
from crisis.states import Mode


def carry(
    session: Session,
    settings: Settings,
    playbook: Playbook | None,
    broadcast: Broadcast,
    composed: Composed,
    accounts: Sequence[Account],
    now: datetime,
) -> Composed:
    """`composed` with everything its texts carry. Mistakes are gathered, not raised.

    Without a playbook it carries what was chosen for it, and nothing more is wanted.
    """
    packing = _Packing(settings, broadcast, composed, now)
    packing.look_at_items(session, playbook.messages[broadcast.message].media if playbook else ())
    for channel in dict.fromkeys(account.channel for account in accounts):
        packing.pack(FACTS[channel], _spoken(FACTS[channel], accounts))
    return packing.done()


def by_hand(session: Session, broadcast: Broadcast, playbook: Playbook) -> bool:
    """Does it carry anything else than its message's own usable pictures and films?"""
    told = library.by_keys(session, broadcast.unit_id, playbook.messages[broadcast.message].media)
    usable = [item.id for item in told if library.why_not(item) is None]
    carried = [row.item_id for row in broadcast.media]
    return [one for one in carried if one in usable] != usable or bool(set(carried) - {item.id for item in told})


def changed_since(broadcast: Broadcast, signed_at: datetime) -> bool:
    """Was any of what it carries added or changed after that?"""
    return any(row.item.changed_at > signed_at for row in broadcast.media)


def _spoken(facts: Facts, accounts: Iterable[Account]) -> list[Language]:
    """The languages in which a text of this channel can leave: people have any, a wall has its own."""
    if facts.medium != "wall":
        return list(LANGUAGES)
    spoken = {language for account in accounts if account.channel == facts.name for language in account.languages}
    return [language for language in LANGUAGES if language in spoken]


class _Packing:
    """One go over all channels; what it finds is gathered here."""

    def __init__(self, settings: Settings, broadcast: Broadcast, composed: Composed, now: datetime) -> None:
        self._store, self._unit = Store.of(settings), settings.unit(broadcast.unit.key)
        self._broadcast, self._composed, self._now = broadcast, composed, now
        self._items: list[MediaItem] = []
        self._media: dict[tuple[str, Language], list[Piece]] = {}
        self._problems: list[Problem] = []
        self._notes: list[Problem] = list(composed.notes)
        self._left_out: set[str] = set()

    def look_at_items(self, session: Session, wanted: Sequence[str]) -> None:
        """Which of the chosen may be used; what the playbook wants and nobody may use is told and left out."""
        there = {item.key for item in library.by_keys(session, self._broadcast.unit_id, wanted)}
        for key in wanted:
            if key not in there:
                absent = Problem(
                    "the playbook wants '%(key)s', which is not in the media library; it goes without", {"key": key}
                )
                self._notes.append(absent)
        for row in self._broadcast.media:
            why = library.why_not(row.item)
            if why is None:
                self._items.append(row.item)
                continue
            told = {"title": row.item.title, "why": why}
            if row.item.key in wanted:
                self._notes.append(Problem("'%(title)s' may not be used: %(why)s; it goes without", told))
            else:
                self._problems.append(
                    Problem("'%(title)s' may not be used: %(why)s; put that right, or take it out", told)
                )

    def pack(self, facts: Facts, languages: Sequence[Language]) -> None:
        """Everything one channel carries in the languages it speaks here."""
        takes = facts.media
        films = list(self._films(facts))
        pictures = [] if films and not takes.mixed else list(self._pictures(facts))
        items = [*pictures, *films]
        if takes.needed == "film" and not films:
            self._left_out.add(facts.name)
            needs = Problem("needs a film, and this broadcast has none that fits; nothing goes there", {}, facts.name)
            self._notes.append(needs)
            return
        for language in languages:
            words = self._composed.texts.get((facts.name, language))
            if words is None:
                continue
            pieces = [piece for item, file in items if (piece := self._piece(item, file, facts, language))]
            if takes.needed == "picture" and not items:
                pieces = [self._card(words, facts, language)]
            if pieces:
                self._media[facts.name, language] = pieces

    def _films(self, facts: Facts) -> Iterator[tuple[MediaItem, Kept]]:
        films = [item for item in self._items if item.kind == "film"]
        if not facts.media.films:
            return
        for item in films[: facts.media.films]:
            kept = kept_of(item)
            try:
                fit.demand_film(kept, facts.media)
                self._demand_file(kept)
            except (fit.DoesNotFit, NotReadable) as not_taken:
                self._goes_without(item, not_taken.say, facts)
                continue
            yield item, kept
        self._too_many(films, facts.media.films, facts)

    def _pictures(self, facts: Facts) -> Iterator[tuple[MediaItem, Kept]]:
        pictures = [item for item in self._items if item.kind == "picture"]
        if not facts.media.pictures:
            return
        for item in pictures[: facts.media.pictures]:
            kept = kept_of(item)
            try:
                self._demand_file(kept)
                fitted = fit.picture(self._store, kept, facts.media)
            except (fit.DoesNotFit, NotReadable) as not_taken:
                self._goes_without(item, not_taken.say, facts)
                continue
            yield item, fitted
        self._too_many(pictures, facts.media.pictures, facts)

    def _demand_file(self, kept: Kept) -> None:
        if not self._store.path(kept.sha256, kept.content_type).exists():
            raise NotReadable(Sentence("its file is not on this machine"))

    def _goes_without(self, item: MediaItem, why: Sentence, facts: Facts) -> None:
        self._notes.append(Problem("goes without '%(title)s': %(why)s", {"title": item.title, "why": why}, facts.name))

    def _too_many(self, items: Sequence[MediaItem], most: int, facts: Facts) -> None:
        if len(items) > most:
            told = {"most": most, "num": len(items) - most}
            self._notes.append(
                Problem("takes at most %(most)d of these; it goes without the last %(num)d", told, facts.name)
            )

    def _piece(self, item: MediaItem, file: Kept, facts: Facts, language: Language) -> Piece | None:
        alt = str(item.alt.get(language, ""))
        if not alt:
            self._problems.append(
                Problem(
                    "'%(title)s' has no alt text in this language; write it in the media library",
                    {"title": item.title},
                    facts.name,
                    language,
                )
            )
            return None
        most = facts.media.alt_length
        if most and len(alt) > most:
            self._problems.append(
                Problem(
                    "the alt text of '%(title)s' is %(over)d characters too long; shorten it in the media library",
                    {"title": item.title, "over": len(alt) - most},
                    facts.name,
                    language,
                )
            )
        if not most:
            self._notes.append(
                Problem("takes no alt text; say in the text what '%(title)s' shows", {"title": item.title}, facts.name)
            )
        return Piece(file, alt, item.title, item.id)

    def _card(self, words: Words, facts: Facts, language: Language) -> Piece:
        drill = self._broadcast.mode is Mode.DRILL
        told = WORDS[language]
        drawn = card.Words(
            title=words.title.removeprefix(f"{told.exercise} - ").removesuffix(f" - {told.exercise}"),
            text=words.text,
            organisation=self._unit.name,
            time=time_in_words(self._now, language, self._unit.tz),
            exercise=told.exercise if drill else "",
        )
        most = facts.media.alt_length
        alt = words.text if not most or len(words.text) <= most else words.text[: most - 1].rpartition(" ")[0] + "…"
        return Piece(card.card(self._store, drawn, facts.media), alt, words.title)

    def done(self) -> Composed:
        problems = {str(one): one for one in (*self._composed.problems, *self._problems)}
        notes = {str(one): one for one in self._notes}
        texts = {key: words for key, words in self._composed.texts.items() if key[0] not in self._left_out}
        return dataclasses.replace(
            self._composed,
            texts=texts,
            problems=tuple(problems.values()),
            media=self._media,
            notes=tuple(notes.values()),
            left_out=frozenset(self._left_out),
        )
