"""What the operator reads before and while it is sent, in plain words, and the phrase that lets it go.

Pure: takes what is known and gives lines. A drill and a live release never read alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from crisis.breakglass.statement import Prepared
from crisis.broadcasts.preview import AccountPreview
from crisis.channels.registry import FACTS
from crisis.settings import UnitSettings
from crisis.states import DeliveryState, Mode

RULE = "=" * 78
_SAYS = {
    DeliveryState.DELIVERED: "arrived",
    DeliveryState.ACCEPTED: "taken by the provider",
    DeliveryState.SUPPRESSED: "have said stop",
    DeliveryState.SENDING: "leaving",
    DeliveryState.QUEUED: "waiting",
    DeliveryState.UNCERTAIN: "UNCERTAIN",
    DeliveryState.FAILED: "FAILED",
    DeliveryState.EXPIRED: "TOO OLD",
    DeliveryState.CANCELLED: "CANCELLED",
}


def phrase(mode: Mode, *, again: bool) -> str:
    """What must be typed, letter by letter. Another one when the same was said a moment ago."""
    return f"SEND {mode.upper()}" + (" AGAIN" if again else "")


def age(since: datetime, now: datetime) -> str:
    """How long ago, as people say it."""
    minutes = max(0, int((now - since) / timedelta(minutes=1)))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def database_away(why: str, copied_at: datetime, now: datetime) -> Iterator[str]:
    yield f"THE DATABASE CAN'T BE USED: {why}"
    yield f"Working with this machine's own copy, which is {age(copied_at, now)} old. Who joined, moved or said stop since is not in it."
    yield "What is sent now is kept in a journal here and merged when the database is back."
    yield "A message released in the console just before, and still waiting, will leave then too: stop it there if this replaces it."


def what_happens(mode: Mode, unit: UnitSettings, prepared: Prepared, closed: dict[str, str]) -> Iterator[str]:
    """Everything that will happen. `closed` are accounts that can't be used from here, each with the reason."""
    live = mode is Mode.LIVE
    yield RULE
    yield "LIVE. Real people get this." if live else "DRILL. Only the drill accounts get this."
    yield f"{unit.name}, incident: {prepared.incident}" + (" (new)" if prepared.opened_now else " (open already)")
    yield RULE
    for share in prepared.preview.accounts:
        yield from _share(share, closed.get(share.account.key, ""))
    missing = [audience.name for audience in prepared.preview.audiences if not audience.persons]
    if missing:
        yield f"Nobody is in: {', '.join(missing)}."
    yield f"In all {prepared.preview.receivers} deliveries, to {prepared.preview.persons} persons and to what everybody can read."
    if prepared.earlier is not None:
        clock = prepared.earlier.at.astimezone(unit.tz).strftime("%H:%M")
        yield f"THE SAME MESSAGE WAS RELEASED AT {clock} by {prepared.earlier.who}, in '{prepared.earlier.incident}'. It will be said AGAIN."


def _share(share: AccountPreview, closed: str) -> Iterator[str]:
    who = "everybody who looks there" if share.medium == "wall" else f"{share.receivers} receivers"
    yield f"\n--- {share.label}, account {share.account.key}: {who}" + (
        f", about {share.seconds / 60:.0f} minutes" if share.seconds > 90 else ""
    )
    if share.paused:
        yield f"    PAUSED, nothing will leave: {share.paused}"
    if closed:
        yield f"    CAN'T BE USED FROM HERE, it waits for the senders: {closed}"
    for words, count in share.texts:
        if not count:
            continue
        yield (
            f"  [{words.language}]"
            + ("" if share.medium == "wall" else f" {count} of them")
            + (f"  {words.title}" if words.title and FACTS[words.channel].form == "full" else "")
        )
        yield from (f"    {line}" for line in words.text.splitlines())


def progress(key: str, counts: Counter[DeliveryState], ended: str) -> str:
    """One account's standing in a line."""
    parts = [f"{counts[state]} {say}" for state, say in _SAYS.items() if counts[state]]
    return f"{key:<16} {', '.join(parts) or 'nothing'}{ended and f' ({ended})'}"
