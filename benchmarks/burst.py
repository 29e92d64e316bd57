"""What a crowd says at once, sent over real webhooks and stored as polls are, and what became of it.

A fifth comes as texts, one signed webhook each; two fifths as Facebook comments, 25 in a signed webhook; two fifths as
polls, stored with their cursor as the listener stores them.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from sqlalchemy import func, select

from benchmarks.figures import spread
from benchmarks.processes import busy_seconds, family_seconds
from crisis.channels.base import Inbound
from crisis.models import Account, InboundRow, utcnow
from crisis.simulator.crowd.script import LARGEST, crowd
from crisis.simulator.sms.signature import sign
from crisis.states import Lane
from crisis.triage import inbox
from tests.stories.town import Town, eventually

SENDERS = 6
BUNDLE, POLLED = 25, 100


@dataclass
class Burst:
    """What is sent, and how long each webhook took to be answered, in milliseconds."""

    here: Town
    took: list[float] = field(default_factory=list)
    refused: int = 0

    def send(self, said: Sequence[tuple[str, str]]) -> float:
        """Everything, from several hands at once; gives the moment of the first."""
        fifth = len(said) // 5
        texts, comments, polled = said[:fifth], said[fifth : 3 * fifth], said[3 * fifth :]
        jobs = list(self._mixed(texts, comments))
        hands = [threading.Thread(target=self._hooks, args=(jobs[hand::SENDERS],)) for hand in range(SENDERS)]
        hands.append(threading.Thread(target=self._poll, args=(polled,)))
        begun = time.perf_counter()
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        return begun

    def _mixed(
        self, texts: Sequence[tuple[str, str]], comments: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[str, bytes, dict[str, str]]]:
        """Requests with their signatures, texts among comments as they would come."""
        bundles = [comments[at : at + BUNDLE] for at in range(0, len(comments), BUNDLE)]
        each = max(1, len(texts) // max(1, len(bundles)))
        for at, bundle in enumerate(bundles):
            yield self._comments(bundle)
            for one in texts[at * each : (at + 1) * each]:
                yield self._text(*one)
        for one in texts[len(bundles) * each :]:
            yield self._text(*one)

    def _text(self, number: str, words: str) -> tuple[str, bytes, dict[str, str]]:
        path = "/hooks/sms-ous/inbound"
        account = next(one for one in self.here.simulator.internet.accounts.sms if one.name == "ous")
        form = {"AccountSid": account.sid, "Body": words, "From": f"+4797{int(number):06}", "To": account.numbers[0]}
        form |= {"MessageSid": f"SM{int(number):032x}", "SmsStatus": "received", "NumMedia": "0"}
        url = self.here.runtime.settings.console.public_url + path
        headers = {"X-Twilio-Signature": sign(account.auth_token, url, form)}
        return path, urlencode(form).encode(), {**headers, "Content-Type": "application/x-www-form-urlencoded"}

    def _comments(self, bundle: Sequence[tuple[str, str]]) -> tuple[str, bytes, dict[str, str]]:
        changes = [
            {
                "field": "feed",
                "value": {
                    "item": "comment", "verb": "add", "comment_id": f"1001_{number}", "parent_id": "1001_1",
                    "post_id": "1001_1", "message": words, "created_time": int(time.time()),
                    "from": {"id": f"s{number}", "name": f"Person {number}"},
                },
            }
            for number, words in bundle
        ]  # fmt: skip
        body = json.dumps({"object": "page", "entry": [{"id": "1001", "time": 1, "changes": changes}]}).encode()
        seal = hmac.new(b"ous-facebook-app-secret", body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={seal}", "Content-Type": "application/json"}
        return "/hooks/facebook-ous/inbound", body, headers

    def _hooks(self, jobs: Sequence[tuple[str, bytes, dict[str, str]]]) -> None:
        place = urlsplit(self.here.runtime.settings.console.public_url)
        line = http.client.HTTPConnection(place.hostname or "", place.port)
        for path, body, headers in jobs:
            start = time.perf_counter()
            line.request("POST", path, body, headers)
            answer = line.getresponse()
            answer.read()
            self.took.append((time.perf_counter() - start) * 1000)
            self.refused += answer.status != 200

    def _poll(self, said: Sequence[tuple[str, str]]) -> None:
        database = self.here.runtime.database
        for at in range(0, len(said), POLLED):
            some = said[at : at + POLLED]
            now = utcnow()
            told = [Inbound(f"p{number}", f"@person{number}", words, now, kind="reply") for number, words in some]
            with database.writing() as session:
                account = session.scalars(select(Account).where(Account.key == "mastodon-ous")).one()
                inbox.receive(session, account, told, now)


def said(people: int) -> list[tuple[str, str]]:
    """Numbered words of several crowds; what is repeated in them is repeated as people do."""
    words: list[str] = []
    seed = 0
    while len(words) < people:
        seed += 1
        words += [one.text for one in crowd(seed=seed, size=min(LARGEST, 5_000), channels=["x"], place="Oslo S")]
    return [(str(number), one) for number, one in enumerate(words[:people])]


class Busy:
    """Processor time since it was made: whose, and how much for each inbound."""

    def __init__(self, here: Town, server: int) -> None:
        self._pids = {name: process.pid for name, process in here.processes.items()} | {"who sends": os.getpid()}
        if server:
            self._pids["PostgreSQL"] = server
        self._before = self._seconds()

    def _seconds(self) -> dict[str, float]:
        return {
            name: (busy_seconds if name == "who sends" else family_seconds)(pid) for name, pid in self._pids.items()
        }

    def told(self, inbounds: int) -> str:
        now = self._seconds()
        return ", ".join(f"{name} {(now[name] - self._before[name]) / inbounds * 1e6:.0f} µs" for name in now)


def burst(here: Town, people: int, server: int = 0) -> None:
    """Send it and print what it took."""
    told = said(people)
    sending = Burst(here)
    busy = Busy(here, server)
    begun = sending.send(told)
    sent = time.perf_counter() - begun
    eventually(lambda: count(here, read=True) >= people, within=1_200, every=0.1)
    took = time.perf_counter() - begun
    stored = count(here)
    if stored != people or sending.refused:
        raise AssertionError(f"{stored} stored of {people}, {sending.refused} refused")
    print(
        f"  {'stored, scored, folded':<28} {people / took:8,.0f} /s   ({people:,} in {took:.1f} s, sent in {sent:.1f} s)"
    )
    print(f"  {'webhook answered':<28} {spread(sending.took)}")
    print(f"  {'processor time of each':<28} {busy.told(people)}")
    waits = _waits(here)
    if waits:
        print(f"  {'danger visible after':<28} {spread(waits, 's ')}")
    with here.runtime.database.reading() as session:
        folded = session.scalar(select(func.count()).where(InboundRow.folded_into_id.is_not(None)))
    print(f"  {'folded away':<28} {folded:8,}")


def count(here: Town, *, read: bool = False) -> int:
    with here.runtime.database.reading() as session:
        asked = select(func.count()).select_from(InboundRow)
        if read:  # by the index of what is not read, which is short
            unread = session.scalar(asked.where(InboundRow.understood_at.is_(None))) or 0
            return 0 if unread else session.scalar(asked) or 0
        return session.scalar(asked) or 0


def _waits(here: Town) -> list[float]:
    """Seconds from arriving to standing in the queue, of what is in danger."""
    with here.runtime.database.reading() as session:
        rows = session.execute(
            select(InboundRow.received_at, InboundRow.understood_at).where(InboundRow.lane == Lane.DANGER)
        ).all()
    return [(understood - received).total_seconds() for received, understood in rows]
