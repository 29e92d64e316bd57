"""Lets a crowd speak: each remark goes the way a person's would, under the account's newest post, to its number or mailbox.

Every channel works its own remarks off in order; the channels speak side by side.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

from crisis.simulator import network as networks
from crisis.simulator.crowd.script import Remark, crowd
from crisis.simulator.internet import Internet
from crisis.simulator.sms import inbound, whatsapp

Say = Callable[[Remark], Awaitable[object]]
LONGEST = 3_600.0


@dataclass
class Play:
    """One crowd at work."""

    account: str
    of: int
    kinds: dict[str, int]
    said: Counter[str] = field(default_factory=Counter)  # by channel
    not_said: Counter[str] = field(default_factory=Counter)  # why
    ended: bool = False

    def snapshot(self) -> dict[str, Any]:
        """Plain values: how far it is."""
        return {
            "account": self.account,
            "of": self.of,
            "kinds": self.kinds,
            "said": dict(self.said),
            "not_said": dict(self.not_said),
            "ended": self.ended,
        }


class Crowds:
    """The crowds of one internet, one at a time."""

    def __init__(self, internet: Internet) -> None:
        """Nobody has gathered."""
        self._internet = internet
        self._task: asyncio.Task[None] | None = None
        self.play: Play | None = None

    def gather(self, account: str, *, seed: int, size: int, place: str, seconds: float) -> Play:
        """Let a crowd answer what `account` ("ous", "ous-drill") said, spread over `seconds`. Raises BadCrowd."""
        ways = self._ways(account)
        script = crowd(seed=seed, size=size, channels=list(ways), place=place)
        kinds = Counter(one.kind for one in script)
        self.disperse()
        play = self.play = Play(account, len(script), dict(sorted(kinds.items())))
        self._task = asyncio.create_task(self._speak(play, script, ways, min(seconds, LONGEST)))
        return play

    def disperse(self) -> None:
        """Whoever has not spoken yet goes home."""
        if self._task is not None:
            self._task.cancel()
        self._task = self.play = None

    async def _speak(self, play: Play, script: list[Remark], ways: dict[str, Say], seconds: float) -> None:
        begun = asyncio.get_running_loop().time()

        async def side(channel: str) -> None:
            for one in script:
                if one.channel != channel:
                    continue
                due = begun + seconds * one.number / len(script)
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                try:
                    await ways[channel](one)
                    play.said[channel] += 1
                except (networks.CannotSay, inbound.CannotSay) as error:
                    play.not_said[f"{channel}: {error}"] += 1
                self._internet.ledger.version += 1

        await asyncio.gather(*(side(channel) for channel in ways))
        play.ended = True

    def _ways(self, account: str) -> dict[str, Say]:
        """How people can answer this account now, by channel."""
        ways: dict[str, Say] = {}
        for name, network in self._internet.networks.items():
            if post := _newest(network, account):
                ways[name] = _under(network, post)
        for one in self._internet.accounts.x:
            if one.name == account:
                ways["x"] = self._on_x(one.user_id, one.handle)
        for phone in self._internet.accounts.sms:
            if phone.name == account:
                ways["sms"] = self._by_text(phone.numbers[0], "")
                if phone.whatsapp:
                    ways["whatsapp"] = self._by_text(phone.whatsapp[0], whatsapp.PREFIX)
        if mail := self._by_mail(account):
            ways["email"] = mail
        return ways

    def _on_x(self, user_id: str, handle: str) -> Say:
        wall = self._internet.wall
        post = next(iter(wall.by(user_id)), None)

        async def say(one: Remark) -> None:
            wall.add(
                wall.passer_by(one.author),
                one.text if post else f"@{handle} {one.text}",
                reply_to=post.id if post else None,
            )

        return say

    def _by_text(self, number: str, prefix: str) -> Say:
        async def say(one: Remark) -> None:
            await self._internet.inbound.say(prefix + one.author, one.text, prefix + number)

        return say

    def _by_mail(self, account: str) -> Say | None:
        """Answers to the newest mail the account sent; before its first, nobody knows its address."""
        logins = {login.username for login in self._internet.accounts.mail if login.name == account}
        ours = next((mail for mail in reversed(self._internet.mailboxes.mails) if mail.login in logins), None)
        if ours is None:
            return None
        address = parseaddr(ours.header_from)[1]

        async def say(one: Remark) -> None:
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"] = one.author, address, f"Re: {ours.subject}"
            letter["Date"] = format_datetime(datetime.now(UTC))
            letter["Message-ID"] = f"<crowd-{one.number}-{id(letter):x}@people.example>"
            letter["In-Reply-To"] = letter["References"] = ours.message_id
            letter.set_content(one.text)
            self._internet.mailboxes.come_back(ours.login, letter.as_bytes(policy=policy.SMTP))

        return say


def _newest(network: networks.Network, account: str) -> networks.Seen | None:
    """The newest post of the account that stands on this network."""
    demo = next((one for one in network.demo if one.name == account), None)
    if demo is None:
        return None
    known = {account, demo.wall, *demo.public.values()}
    standing = (one for one in network.seen() if one.ours and not (one.deleted or one.hidden or one.reply_to))
    return next((one for one in reversed(list(standing)) if one.account in known), None)


def _under(network: networks.Network, post: networks.Seen) -> Say:
    async def say(one: Remark) -> None:
        await network.say(post.account, one.author, one.text, post.id)

    return say
