"""What an outcome means for the delivery and for its account. Pure rules: no clock, no database.

Everything that decides "again, never, or find out" stands here, in one table per kind of outcome.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from crisis.channels.base import (
    Accepted,
    Busy,
    Facts,
    Misconfigured,
    Rejected,
    SendError,
    Uncertain,
    Unreachable,
)
from crisis.states import DeliveryState, Outcome

NOT_THERE = "looked, and it is not there"
SEEN_NOT_THERE = "a person saw that it is not there"
TRIES = 60  # of a delivery whose requests never leave us ...
TRY_FOR = timedelta(hours=2)  # ... and for how long; with pauses of up to a minute the time runs out first
LONGEST_PAUSE = 60.0
LOOKS_AFTER = (5.0, 15.0, 60.0)  # seconds before each look for an uncertain one; providers list with a delay
REPEAT_AFTER = timedelta(
    minutes=10
)  # a private one we can't look up is repeated after this, unless the account says else


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of the delivery: its state, when it is due again (None: not by itself), and what is shown."""

    state: DeliveryState
    outcome: Outcome
    due_at: datetime | None = None
    provider_id: str | None = None
    url: str | None = None
    code: str = ""
    say: str = ""
    opted_out: bool = False
    may_have_left: bool = False  # queued again although nobody knows; see `record`


def growing_pause(times: int, luck: random.Random | None = None) -> float:
    """Seconds to wait after `times` failures in a row: 1, 2, 4 ... 60, each jittered by half, so nobody marches in step."""
    whole = min(LONGEST_PAUSE, 2.0 ** min(10, max(0, times - 1)))
    return whole * (0.5 + 0.5 * (luck or random).random())


def after_send(
    result: Accepted | SendError, *, facts: Facts, now: datetime, attempt: int, first_attempt_at: datetime
) -> Next:
    """The next state of a delivery whose attempt number `attempt` (from 1) ended in `result`."""
    match result:
        case Accepted():
            return Next(DeliveryState.ACCEPTED, Outcome.ACCEPTED, provider_id=result.provider_id, url=result.url)
        case Rejected(opted_out=True):
            return _end(DeliveryState.SUPPRESSED, Outcome.REJECTED, result, opted_out=True)
        case Rejected():
            return _end(DeliveryState.FAILED, Outcome.REJECTED, result)
        case Busy():
            pause = result.retry_after if result.retry_after is not None else growing_pause(attempt)
            # The account waits as long as was asked for; the delivery never longer than a pause of our own.
            return _again(Outcome.BUSY, result, now + timedelta(seconds=min(pause, LONGEST_PAUSE)))
        case Misconfigured():
            return _again(Outcome.MISCONFIGURED, result, now)
        case Unreachable():
            if attempt >= TRIES or now - first_attempt_at > TRY_FOR:
                return _end(DeliveryState.FAILED, Outcome.UNREACHABLE, result)
            return _again(Outcome.UNREACHABLE, result, now + timedelta(seconds=growing_pause(attempt)))
        case Uncertain():
            wait = timedelta(seconds=0 if facts.repeat_safe else LOOKS_AFTER[0])
            return Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, due_at=now + wait, code=result.code, say=result.say)
        case _:  # a sixth error would be a defect of an adapter: it may have left
            return Next(DeliveryState.UNCERTAIN, Outcome.UNCERTAIN, due_at=now, say=str(result))


def after_look(
    result: Accepted | SendError | None,
    *,
    facts: Facts,
    can_look: bool,
    now: datetime,
    looks: int,
    repeat_after: timedelta | None,
) -> Next:
    """The next state of an uncertain delivery when its time to be found out has come for the `looks`-th time (from 1).

    `repeat_after` is the account's policy for what cannot be known; None stands for the usual one. `result` is None
    when a look found nothing, and when the channel cannot look at all (`can_look` False).
    """
    match result:
        case Accepted():
            say = "found at the provider"
            return Next(
                DeliveryState.ACCEPTED, Outcome.ACCEPTED, provider_id=result.provider_id, url=result.url, say=say
            )
        case SendError():
            return _look_again(Outcome.UNREACHABLE, now + timedelta(seconds=growing_pause(looks + 2)), result.say)
        case None if facts.repeat_safe:
            return Next(DeliveryState.QUEUED, Outcome.UNCERTAIN, due_at=now, say="safe to repeat", may_have_left=True)
        case None if can_look and looks < len(LOOKS_AFTER):
            say = "not found at the provider yet"
            return _look_again(Outcome.UNCERTAIN, now + timedelta(seconds=LOOKS_AFTER[looks]), say)
        case None if can_look:
            return Next(DeliveryState.QUEUED, Outcome.UNCERTAIN, due_at=now, say=NOT_THERE)
        case None if facts.public:
            return _look_again(Outcome.UNCERTAIN, None, "it cannot be looked up; a person must decide")
        case None if looks == 1:
            wait = repeat_after or REPEAT_AFTER
            say = f"it cannot be looked up; it is repeated after {round(wait.total_seconds() / 60)} minutes"
            return _look_again(Outcome.UNCERTAIN, now + wait, say)
        case None:
            say = "repeated: missing it is worse than getting it twice"
            return Next(DeliveryState.QUEUED, Outcome.UNCERTAIN, due_at=now, say=say, may_have_left=True)


def _end(state: DeliveryState, outcome: Outcome, error: SendError, *, opted_out: bool = False) -> Next:
    return Next(state, outcome, code=error.code, say=error.say, opted_out=opted_out)


def _again(outcome: Outcome, error: SendError, due_at: datetime) -> Next:
    return Next(DeliveryState.QUEUED, outcome, due_at=due_at, code=error.code, say=error.say)


def _look_again(outcome: Outcome, due_at: datetime | None, say: str) -> Next:
    return Next(DeliveryState.UNCERTAIN, outcome, due_at=due_at, say=say)
