"""The pretend internet as one object: the providers' memories, the faults, the ledger; emptying and showing them.

Owns no sockets; `server` gives it those.
"""

from dataclasses import asdict
from typing import Any

from crisis.simulator.accounts import Accounts
from crisis.simulator.faults import Faults
from crisis.simulator.ledger import Ledger
from crisis.simulator.mail.mailboxes import Mailboxes
from crisis.simulator.mail.smtp import Postman
from crisis.simulator.network import Network
from crisis.simulator.networks import NETWORKS
from crisis.simulator.sms.api import TwilioApi
from crisis.simulator.sms.callbacks import Callbacks
from crisis.simulator.sms.carrier import Carrier
from crisis.simulator.sms.inbound import Inbound
from crisis.simulator.voice.api import VoiceApi
from crisis.simulator.voice.exchange import Exchange
from crisis.simulator.voice.ringing import Ringing
from crisis.simulator.x.api import XApi
from crisis.simulator.x.wall import Post, Wall

PARTS = (
    "posts",
    "messages",
    "calls",
    "mails",
    "requests",
    "refused",
    "webhooks",
    "troubles",
    "faults",
    "opted_out",
    "networks",
)


class Internet:
    """Everything a running simulator remembers."""

    def __init__(self, accounts: Accounts, *, sms_inbound: str = "", delay: float = 0.3) -> None:
        """Start with empty memories; `delay` seconds pass until a text is delivered."""
        self.accounts = accounts
        self.url = ""
        self.smtp_port = self.imap_port = 0
        self.certificate = ""
        self.ledger = Ledger()
        self.faults = Faults()
        self.wall = Wall()
        self.carrier = Carrier()
        self.mailboxes = Mailboxes()
        self.x = XApi(accounts.x, self.wall, self.faults, self.ledger)
        self.callbacks = Callbacks(self.carrier, self.ledger)
        self.twilio = TwilioApi(
            accounts=accounts.sms,
            undelivered=accounts.undelivered,
            carrier=self.carrier,
            callbacks=self.callbacks,
            faults=self.faults,
            ledger=self.ledger,
            delay=delay,
        )
        self.inbound = Inbound(accounts.sms, self.carrier, self.callbacks, self.ledger, sms_inbound)
        self.exchange = Exchange()
        self.ringing = Ringing(self.exchange, self.callbacks, self.ledger)
        self.voice = VoiceApi(self.twilio, self.exchange, self.faults, self.ledger)
        self.postman = Postman(self.mailboxes, accounts.mail, self.faults, self.ledger)
        self.networks: dict[str, Network] = {name: kind(self.faults, self.ledger) for name, kind in NETWORKS.items()}
        for network in self.networks.values():
            if hasattr(network, "hooks"):  # it calls webhooks, where texts from phones go as well
                network.hooks = sms_inbound
        self._introduce()

    def reset(self) -> None:
        """Forget everything that happened; the accounts and the addresses stay."""
        self.faults.clear()
        self.x.limits.clear()
        self.x.media.clear()
        for memory in (self.ledger, self.wall, self.carrier, self.exchange, self.mailboxes):
            memory.clear()
        for network in self.networks.values():
            network.clear()
        self._introduce()

    def snapshot(self, parts: tuple[str, ...] = PARTS, limit: int | None = None) -> dict[str, Any]:
        """Plain values: all of it, or some parts and the newest `limit` of each list."""
        whole: dict[str, Any] = {**self.ledger.snapshot(), "faults": self.faults.snapshot()}
        if "posts" in parts:
            whole["posts"] = [_post(post) for post in self.wall.posts.values()]
        if "messages" in parts:
            whole["messages"] = [message.resource() for message in self.carrier.messages.values()]
        if "calls" in parts:
            whole["calls"] = [{**call.resource(), "said": call.said} for call in self.exchange.calls.values()]
        if "mails" in parts:
            whole["mails"] = self.mailboxes.snapshot()
        if "opted_out" in parts:
            whole["opted_out"] = [list(pair) for pair in sorted(self.carrier.opted_out)]
        if "networks" in parts:
            whole["networks"] = {name: [asdict(one) for one in it.seen()] for name, it in self.networks.items()}
        cut = {
            name: value[max(len(value) - limit, 0) :] if limit is not None and isinstance(value, list) else value
            for name, value in whole.items()
            if name in parts
        }
        return {
            "version": self.ledger.version,
            "counts": {
                "posts": len(self.wall.posts),
                "messages": len(self.carrier.messages),
                "calls": len(self.exchange.calls),
                "mails": len(self.mailboxes.mails),
                "callbacks_waiting": self.callbacks.waiting,
            },
            **cut,
        }

    def _introduce(self) -> None:
        for account in self.accounts.x:
            self.wall.author(account.user_id, account.handle, account.display_name)


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "handle": post.author.handle,
        "user_id": post.author.user_id,
        "text": post.text,
        "shown": post.shown,
        "created_at": post.created_at.isoformat(timespec="milliseconds"),
        "reply_to": post.reply_to,
        "conversation_id": post.conversation_id,
        "deleted": post.deleted,
        "edited": post.edited,
        "hidden": post.hidden,
        "pictures": [{"film": one.film, "alt": one.alt, "size": one.size} for one in post.pictures],
    }
