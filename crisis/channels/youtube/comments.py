"""What is said under films: by us, as an answer or a follow-up, and by others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crisis.channels.base import Accepted, Inbound, Outgoing, Polled, Uncertain
from crisis.channels.errors import as_promised
from crisis.channels.text.unmarked import comparable
from crisis.channels.youtube import words
from crisis.channels.youtube.calls import Calls

KNOWN_COMMENTS = 200
MOST_PAGES = 5  # of 100 threads


class Comments:
    """The comments of one channel."""

    def __init__(self, calls: Calls, own: str) -> None:
        self._calls, self._own = calls, own

    async def poll(self, cursor: str | None) -> Polled:
        """Comments under our films. YouTube has no "since": newest threads first, until one we have seen.

        An answer inside an older thread is seen as long as the thread is among the newest hundred.
        """
        threads = await self._threads({"allThreadsRelatedToChannelId": self._own, "order": "time"}, pages=1)
        with as_promised():
            kept: dict[str, Any] = (
                json.loads(cursor) if cursor else {"since": datetime.now(UTC).isoformat(), "known": {}}
            )
            since, known = words.moment(kept["since"]), dict(kept["known"])
            found: list[Inbound] = []
            for thread in threads:
                for comment in words.comments(thread):
                    said = words.inbound(comment, str(thread["snippet"].get("videoId", "")))
                    if words.said_by(comment) == self._own or said.at < since:
                        continue
                    if known.get(said.provider_id) != said.at.isoformat():
                        known[said.provider_id] = said.at.isoformat()
                        found.append(said)
        if len(known) > KNOWN_COMMENTS:
            known = dict(sorted(known.items(), key=lambda one: one[1])[-KNOWN_COMMENTS:])
            since = max(since, words.moment(min(known.values())))
        later = json.dumps({"since": since.isoformat(), "known": known})
        return Polled(later, inbounds=sorted(found, key=lambda said: said.at) if cursor else ())

    async def say(self, out: Outgoing, target: str) -> Accepted:
        if words.is_video(target):
            thread = {"snippet": {"videoId": target, "topLevelComment": {"snippet": {"textOriginal": out.text}}}}
            made = await self._calls.ask("POST", "/youtube/v3/commentThreads?part=snippet", json=thread)
            video = target
        else:  # an answer to an answer hangs under their thread's first comment, whose id comes before the dot
            told = {"snippet": {"parentId": target.partition(".")[0], "textOriginal": out.text}}
            made = await self._calls.ask("POST", "/youtube/v3/comments?part=snippet", json=told)
            video = str((made.get("snippet") or {}).get("videoId", ""))
        if not made.get("id"):
            raise Uncertain("YouTube took the call but named no comment", code="shape")
        number = str(made["id"])
        return Accepted(number, words.comment_link(video, number) if video else None)

    async def find(self, target: str, since: datetime, wanted: str) -> Accepted | None:
        if words.is_video(target):
            threads = await self._threads({"videoId": target, "order": "time"}, pages=MOST_PAGES)
            said = [one for thread in threads for one in words.comments(thread)]
        else:
            asked = {"part": "snippet", "parentId": target.partition(".")[0], "maxResults": "100"}
            said = (await self._calls.ask("GET", "/youtube/v3/comments", params={**asked, "textFormat": "plainText"}))[
                "items"
            ]
        for one in said:
            told = one["snippet"]
            mine = words.said_by(one) == self._own and words.moment(told["publishedAt"]) >= since
            if mine and comparable(str(told.get("textOriginal") or told["textDisplay"])) == wanted:
                return Accepted(str(one["id"]))
        return None

    async def _threads(self, which: Mapping[str, str], *, pages: int) -> list[Mapping[str, Any]]:
        asked = {"part": "snippet,replies", "maxResults": "100", "textFormat": "plainText", **which}
        found: list[Mapping[str, Any]] = []
        for _ in range(pages):
            told = await self._calls.ask("GET", "/youtube/v3/commentThreads", params=asked)
            with as_promised():
                found += told["items"]
            if not (token := told.get("nextPageToken")):
                break
            asked["pageToken"] = str(token)
        return found
