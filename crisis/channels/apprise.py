"""The rest: chat rooms and push services through the Apprise library, one service for each account.

Apprise answers yes or no and names nothing, so there is no link, no receipt, no looking up, no edit and no delete. Its
address holds the secrets, so the whole address is one. Only services of an explicit list are taken: Apprise also
knows schemes that write files, start programs or talk to this machine's desktop.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

from crisis.channels.base import (
    Accepted,
    Busy,
    Facts,
    Health,
    Misconfigured,
    Outgoing,
    Rejected,
    SendError,
    Uncertain,
)
from crisis.channels.opening import Opening
from crisis.channels.own_thread import OwnThread
from crisis.channels.text.counting import plain
from crisis.settings import Frozen, SecretRef, SettingsError

SCHEMES = frozenset(
    {"slack", "workflows", "tgram", "discord", "gchat", "wxteams", "zulip"}  # hosted by their makers
    | {
        "matrix",
        "matrixs",
        "mmost",
        "mmosts",
        "rocket",
        "rockets",
        "nctalk",
        "nctalks",
    }  # chat on a server of one's own
    | {"ntfy", "ntfys", "gotify", "gotifys", "signal", "signals"}  # push and Signal through a server of one's own
)
# What an address may not ask for: repeats behind our back, cutting or splitting the approved text, an unproven line,
# templates and addresses that lead on to others.
FORBIDDEN = frozenset(
    {"retry", "overflow", "verify", "template", "attach", "redirect", "emojis", "format", "wait", "optional"}
)
_STATUS = re.compile(r"\berror=(\d{3})\b")  # how its services end the line about a refusal

FACTS = Facts(
    name="apprise",
    label="Apprise",
    form="short",
    medium="wall",
    public=True,
    repeat_safe=False,
    threads=False,
    receipts=False,
    pace=0.2,  # Apprise's own default for a service is one call in 5.5 seconds
    concurrency=1,
    measure=plain(1000),  # the least of these services: Teams workflows and Rocket.Chat
)

# Its lines hold addresses, and at DEBUG whole requests with their keys. What we need comes through the call itself.
_lines = logging.getLogger("apprise")
_lines.propagate = False
_lines.setLevel(logging.WARNING)
_lines.addHandler(logging.NullHandler())


class Options(Frozen):
    """The keys of an Apprise account in crisis.toml."""

    url: SecretRef = Field(description="the service's Apprise address; it holds the keys")
    place: str = Field(
        default="", max_length=60, description="what people call the room or topic, since the address is secret"
    )
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=15, gt=0, le=120, description="longest wait for an answer")


class Apprise:
    """One open service. Its calls run one after another in a thread of their own, because Apprise blocks."""

    facts = FACTS

    def __init__(self, opening: Opening) -> None:
        """Raises `SettingsError` for an address that is not of the list or that Apprise does not understand."""
        import apprise  # noqa: PLC0415 - a fifth of a second, and every process loads the registry

        options: Options = opening.options
        url = options.url.reveal()
        if wrong := mistake(url):
            raise SettingsError([f"account {opening.key}: {wrong}"])
        asset = apprise.AppriseAsset(secure_logging=True)
        service: Any = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            raise SettingsError([f"account {opening.key}: Apprise does not understand this address"])
        service.socket_connect_timeout, service.socket_read_timeout = options.connect_seconds, options.read_seconds
        self.service = str(service.service_name)
        self._place = options.place or self.service
        self._all = apprise.Apprise(asset=asset)
        self._all.add(service)
        self._patience = options.connect_seconds + options.read_seconds + 10  # it may make a second call to sign in
        self._thread = OwnThread(f"apprise-{opening.key}")

    async def send(self, out: Outgoing) -> Accepted:
        """Hand one text to the service. `Accepted` has no id, because Apprise knows none. Raises `SendError`."""
        try:
            worked, lines = await asyncio.wait_for(self._thread.run(self._notify, out), self._patience)
        except TimeoutError:
            raise Uncertain("no answer in time", code="timeout") from None
        if worked:
            return Accepted("")
        raise refusal(self.service, lines)

    async def check(self) -> Health:
        """Only that the address is understood: Apprise can't ask a service anything without speaking in it."""
        return Health(ok=True, say=f"{self._place}: not tried; Apprise cannot look without sending, and tells no link")

    async def close(self) -> None:
        self._thread.close()

    def _notify(self, out: Outgoing) -> tuple[bool, Sequence[str]]:
        lines: list[str] = []
        try:
            result = self._all.notify(
                body=out.text,
                title="",  # the short form says everything; a title would repeat or reword it
                body_format="text",
                interpret_escapes=False,
                log_callback=lambda entry, _: lines.append(str(entry.message)),
                log_level=logging.WARNING,
            )
        except Exception as error:  # noqa: BLE001 - any of a hundred services; it may have spoken before it broke
            raise Uncertain(f"the service's module failed ({type(error).__name__})", code="defect") from None
        return bool(result), lines


def mistake(url: str) -> str:
    """Why this address may not be used, without showing any of it but its scheme; empty when it may."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        shown = scheme if re.fullmatch(r"[a-z0-9]{1,20}", scheme) else "it"
        return f"{shown} is none of the services that may be used: {', '.join(sorted(SCHEMES))}"
    if any(character.isspace() or character == "," for character in url):
        return "give one address of one service, without blanks and commas"
    names = {name.lower().lstrip("+-:") for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    if asked := sorted(names & FORBIDDEN):
        return f"take {', '.join(asked)} out of the address; how often and in which words we speak is decided here"
    return ""


def refusal(service: str, lines: Sequence[str]) -> SendError:
    """What a no means. Apprise tells a status in its lines or nothing; a line that broke may have carried the text."""
    found = next((seen for line in reversed(lines) if (seen := _STATUS.search(line))), None)
    if found is None:
        return Uncertain(f"{service} did not say yes, and Apprise does not tell why; look there", code="unknown")
    status = int(found[1])
    say = f"{service} answered HTTP {status}"  # not the line itself, which may hold parts of the address
    match status:
        case 429:
            return Busy(say, code="429")
        case 401 | 402 | 403 | 407:
            return Misconfigured(say, code=str(status))
        case _ if 400 <= status < 500 and status != 408:
            return Rejected(say, code=str(status))
        case _:
            return Uncertain(say, code=str(status))
