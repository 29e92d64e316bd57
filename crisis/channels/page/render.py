"""The public incident pages as HTML: one for each language of an incident, and the list of incidents.

Reads entries, writes files; what the pages look like is in templates/public. The caller holds the writers' lock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Template

from crisis.channels.base import Mode
from crisis.channels.page.entries import Entry, read_entries, write_whole
from crisis.channels.text.markup import marked_up, templates
from crisis.channels.text.words import WORDS, time_in_words

MOST_ENDED = 20  # past incidents on the list; each keeps its own page


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are and what all of them share."""

    root: Path
    mode: Mode
    organisation: str
    languages: tuple[str, ...]
    zone: ZoneInfo
    public_url: str


def build(site: Site, slug: str) -> None:
    """Write every page of one incident anew, and the list of incidents when these are live."""
    folder = site.root / slug
    entries = read_entries(folder)
    languages = [key for key in WORDS if any(entry.language == key for entry in entries)]
    languages.sort(key=lambda key: site.languages.index(key) if key in site.languages else len(site.languages))
    titles: dict[str, str] = {}
    for language in languages:
        own = [entry for entry in entries if entry.language == language]
        titles[language] = _heading(own)
        html = _incident_page(site, slug, own, languages)
        write_whole(folder / f"index.{language}.html", html)
        if language == languages[0]:
            write_whole(folder / "index.html", html)
    summary = {"slug": slug, "titles": titles, "at": entries[0].at, "over": _over(entries)}
    write_whole(folder / "summary.json", json.dumps(summary, ensure_ascii=False))
    if site.mode == "live":
        build_list(site)


def build_list(site: Site) -> None:
    """The list of live incidents. Drills have none: nobody should come across one by chance."""
    language = site.languages[0]
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in site.root.glob("*/summary.json")]
    rows = [_row(site, summary, language) for summary in sorted(summaries, key=_at, reverse=True)]
    html = _template("public/incidents.html").render(
        site=site,
        language=language,
        words=WORDS[language],
        ongoing=[row for row in rows if not row["over"]],
        ended=[row for row in rows if row["over"]][:MOST_ENDED],
    )
    write_whole(site.root / "index.html", html)


def _incident_page(site: Site, slug: str, entries: Sequence[Entry], languages: Sequence[str]) -> str:
    language = entries[0].language
    corrections = _corrections(entries)
    return _template("public/incident.html").render(
        site=site,
        language=language,
        words=WORDS[language],
        heading=_heading(entries),
        organisation=entries[0].organisation or site.organisation,
        address=f"{site.public_url}/{slug}",
        over=_over(entries),
        updated=time_in_words(entries[0].time, language, site.zone),
        updated_iso=entries[0].at,
        rumours=[entry for entry in entries if _answers_rumour(entry) and entry.name not in corrections],
        entries=[_shown(entry, corrections.get(entry.name), site.zone) for entry in entries],
        languages=[(key, WORDS[key].name) for key in languages],
    )


def _corrections(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Which entry was put right by which: the one a correction names, else the one before it."""
    found: dict[str, Entry] = {}
    for position, entry in enumerate(entries):
        if entry.phase == "correction" and not entry.withdrawn:
            before = entry.follows or next((older.name for older in entries[position + 1 :]), "")
            found.setdefault(before, entry)
    return found


def _answers_rumour(entry: Entry) -> bool:
    """It has words that were approved, under a headline that can be listed."""
    return entry.about == "rumour" and bool(entry.title) and not entry.withdrawn


def _shown(entry: Entry, correction: Entry | None, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "name": entry.name,
        "phase": entry.phase,
        "label": WORDS[entry.language].phase(entry.phase),
        "title": entry.title,
        "body": marked_up(entry.text),
        "time": time_in_words(entry.time, entry.language, zone),
        "iso": entry.at,
        "withdrawn": entry.withdrawn,
        "media": entry.media,
        "correction": correction,
        "correction_time": time_in_words(correction.time, entry.language, zone) if correction else "",
    }


def _row(site: Site, summary: dict[str, Any], language: str) -> dict[str, Any]:
    """An incident that says nothing in the list's language is listed in one it has, marked as such."""
    key = language if language in summary["titles"] else next(iter(summary["titles"]))
    said = time_in_words(datetime.fromisoformat(summary["at"]), language, site.zone)
    return {**summary, "language": key, "title": summary["titles"][key], "time": said}


def _heading(entries: Sequence[Entry]) -> str:
    """The first headline that still stands. It stays when updates come, and unlike the incident's own name it was
    approved for the public.
    """
    standing = [entry for entry in entries if not entry.withdrawn and entry.title]
    return standing[-1].title if standing else WORDS[entries[0].language].phase("initial")


def _over(entries: Sequence[Entry]) -> bool:
    standing = [entry for entry in entries if not entry.withdrawn]
    return bool(standing) and standing[0].phase == "all_clear"


def _at(summary: dict[str, Any]) -> str:
    return str(summary["at"])


@cache
def _template(name: str) -> Template:
    return templates().get_template(name)
