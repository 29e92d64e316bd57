"""Every state of the project, what each one means, and the moves that are allowed. Pure data and one check.

A move that is not in a table is refused: nothing is guessed, and a final state is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from crisis.sentence import Sentence


class Mode(StrEnum):
    """Fixed when an incident is born, and part of every key below it."""

    LIVE = "live"
    DRILL = "drill"


class Role(StrEnum):
    """What a user may do in a unit. Each is a right of its own; one person may hold several."""

    VIEWER = "viewer"  # see
    TRIAGER = "triager"  # answer the public
    OFFICER = "officer"  # open incidents, release
    APPROVER = "approver"  # sign off playbooks, approve broadcasts
    ADMINISTRATOR = "administrator"  # people, users, accounts


class BroadcastState(StrEnum):
    DRAFT = "draft"  # being filled in; nothing is frozen
    SUBMITTED = "submitted"  # frozen, waiting for a second person
    APPROVED = "approved"  # a second person said yes; not yet let go
    RELEASED = "released"  # deliveries exist; the senders are at it
    CLOSED = "closed"  # every delivery is final
    STOPPED = "stopped"  # what was still queued was cancelled; what left is never claimed to be recalled
    REJECTED = "rejected"  # a second person said no


BROADCAST_MOVES: Mapping[BroadcastState, frozenset[BroadcastState]] = {
    BroadcastState.DRAFT: frozenset({BroadcastState.SUBMITTED, BroadcastState.RELEASED}),
    BroadcastState.SUBMITTED: frozenset(
        # released straight from submitted: break-glass
        {BroadcastState.DRAFT, BroadcastState.REJECTED, BroadcastState.APPROVED, BroadcastState.RELEASED}
    ),
    BroadcastState.APPROVED: frozenset({BroadcastState.DRAFT, BroadcastState.RELEASED}),
    BroadcastState.RELEASED: frozenset({BroadcastState.STOPPED, BroadcastState.CLOSED}),
    BroadcastState.CLOSED: frozenset({BroadcastState.RELEASED}),  # "retry what failed" gives it work again
    BroadcastState.STOPPED: frozenset(),
    BroadcastState.REJECTED: frozenset(),
}


class Purpose(StrEnum):
    """Why a broadcast exists. Statements and answers are for others, the rest for our own people."""

    STATEMENT = "statement"  # from a playbook, to the public or to groups
    SELF_TEST = "self_test"  # the same text to the officer's own phone and mailbox
    ANSWER = "answer"  # to one inbound
    CALL_OUT = "call_out"  # to staff: come, or take an alert
    PLANNED = "planned"  # to the public on a quiet day; outside every incident
    NOTICE = "notice"  # the system telling its own users something: an approval waits, an account is paused


class PlannedState(StrEnum):
    """A post for calm times, from the first word to the last decision about it."""

    DRAFT = "draft"  # being written; nothing is frozen
    PLANNED = "planned"  # frozen, with a time, waiting for somebody's yes
    APPROVED = "approved"  # leaves at its time
    PAUSED = "paused"  # held back; a person must say what becomes of it
    RELEASED = "released"  # it has a broadcast on its way, or out
    CANCELLED = "cancelled"  # never


PLANNED_MOVES: Mapping[PlannedState, frozenset[PlannedState]] = {
    PlannedState.DRAFT: frozenset({PlannedState.PLANNED, PlannedState.CANCELLED}),
    PlannedState.PLANNED: frozenset(
        {PlannedState.DRAFT, PlannedState.APPROVED, PlannedState.PAUSED, PlannedState.CANCELLED}
    ),
    PlannedState.APPROVED: frozenset(
        {PlannedState.DRAFT, PlannedState.PAUSED, PlannedState.RELEASED, PlannedState.CANCELLED}
    ),
    # Out of a pause it goes by a person's hand only.
    PlannedState.PAUSED: frozenset(
        {PlannedState.DRAFT, PlannedState.PLANNED, PlannedState.APPROVED, PlannedState.CANCELLED}
    ),
    PlannedState.RELEASED: frozenset({PlannedState.PAUSED}),  # what of it has not left yet
    PlannedState.CANCELLED: frozenset(),
}


class SuggestionState(StrEnum):
    """A piece of the unit's own news, as an idea for a planned post."""

    WAITING = "waiting"  # nobody has decided; it runs out by its age
    USED = "used"  # a planned post was made of it
    PASSED = "passed"  # not this one


class DeliveryState(StrEnum):
    QUEUED = "queued"  # may leave when it is due
    SENDING = "sending"  # claimed by a sender until its lease runs out
    ACCEPTED = "accepted"  # the provider took it
    DELIVERED = "delivered"  # the provider says it arrived
    FAILED = "failed"  # never, with the provider's words
    UNCERTAIN = "uncertain"  # it may have left; being found out
    EXPIRED = "expired"  # too old when its turn came
    CANCELLED = "cancelled"  # stopped before it left
    SUPPRESSED = "suppressed"  # the receiver has said stop


DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.QUEUED: frozenset(
        {
            DeliveryState.SENDING,
            # a receipt proves that an earlier attempt, believed lost, got through
            DeliveryState.ACCEPTED,
            DeliveryState.DELIVERED,
            DeliveryState.EXPIRED,
            DeliveryState.CANCELLED,
            DeliveryState.SUPPRESSED,
            # it stood there to be repeated, and is not repeated any more
            DeliveryState.UNCERTAIN,
        }
    ),
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.QUEUED,
            DeliveryState.ACCEPTED,
            DeliveryState.DELIVERED,
            DeliveryState.FAILED,
            DeliveryState.UNCERTAIN,
            DeliveryState.SUPPRESSED,
            DeliveryState.CANCELLED,
            DeliveryState.EXPIRED,
        }
    ),
    DeliveryState.UNCERTAIN: frozenset(
        {DeliveryState.QUEUED, DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.FAILED}
    ),
    DeliveryState.ACCEPTED: frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED}),
    # Failed is left only when a person presses "retry what failed"; delivered never.
    DeliveryState.FAILED: frozenset({DeliveryState.QUEUED}),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.EXPIRED: frozenset(),
    DeliveryState.CANCELLED: frozenset(),
    DeliveryState.SUPPRESSED: frozenset(),
}


class Manner(StrEnum):
    """How a delivery goes with the one it follows."""

    UNDER = "under"  # hangs under it where the network has threads; else it stands by itself
    IN_PLACE = "in_place"  # changes the words of the post it follows; nothing new is posted
    APART = "apart"  # never under it, because that post is taken down once this one stands


class RemovalState(StrEnum):
    QUEUED = "queued"  # taken down when what must stand before it stands
    DELETING = "deleting"  # claimed by a sender until its lease runs out
    GONE = "gone"  # the network took it down, or it was gone already
    FAILED = "failed"  # never, with the provider's words
    UNCERTAIN = "uncertain"  # it may be gone; taking it down again is harmless, so that is what happens
    CANCELLED = "cancelled"  # there was nothing to take down


REMOVAL_MOVES: Mapping[RemovalState, frozenset[RemovalState]] = {
    RemovalState.QUEUED: frozenset({RemovalState.DELETING, RemovalState.CANCELLED}),
    RemovalState.DELETING: frozenset(
        {RemovalState.QUEUED, RemovalState.GONE, RemovalState.FAILED, RemovalState.UNCERTAIN}
    ),
    RemovalState.UNCERTAIN: frozenset({RemovalState.DELETING, RemovalState.CANCELLED}),
    # Left only when a person asks again.
    RemovalState.FAILED: frozenset({RemovalState.QUEUED}),
    RemovalState.CANCELLED: frozenset({RemovalState.QUEUED}),
    RemovalState.GONE: frozenset(),
}


OPEN = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNCERTAIN})
"""Something is still to happen with us."""

REACHED = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.UNCERTAIN, DeliveryState.SENDING})
"""The receiver got it or may have got it: a follow-up goes to these."""


class Standing(StrEnum):
    """How a post on a public account stands against what was approved."""

    PRESENT = "present"  # shown, word for word
    MISSING = "missing"  # we posted it and did not take it down, and it is not shown
    CHANGED = "changed"  # shown with other words: somebody edited it by hand
    STRANGER = "stranger"  # posted from our account, and not by us
    STILL_THERE = "still_there"  # taken down, and shown all the same


STANDS = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED})
"""The provider has it: a post that can be changed or taken down, and words that others may give way to."""


class Outcome(StrEnum):
    """How one attempt ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    MISCONFIGURED = "misconfigured"
    UNCERTAIN = "uncertain"
    GIVEN_BACK = "given_back"  # claimed and handed back unspoken: the sender was told to stop


class InboundState(StrEnum):
    WAITING = "waiting"  # for somebody to take it
    CLAIMED = "claimed"  # somebody is on it, until the claim grows old
    SNOOZED = "snoozed"  # waits again at a time
    ANSWERED = "answered"
    HANDED_OVER = "handed_over"  # to 110, 112, 113 or another unit, with who took it
    CLOSED = "closed"  # nothing to do, with the reason


INBOUND_MOVES: Mapping[InboundState, frozenset[InboundState]] = {
    InboundState.WAITING: frozenset({InboundState.CLAIMED, InboundState.SNOOZED, InboundState.CLOSED}),
    InboundState.CLAIMED: frozenset(
        {
            InboundState.WAITING,
            InboundState.SNOOZED,
            InboundState.ANSWERED,
            InboundState.HANDED_OVER,
            InboundState.CLOSED,
        }
    ),
    InboundState.SNOOZED: frozenset(
        # answered by the second person's yes to what was waiting for it
        {InboundState.WAITING, InboundState.CLAIMED, InboundState.ANSWERED, InboundState.CLOSED}
    ),
    # What was settled opens again by a person, or when its author writes on.
    InboundState.ANSWERED: frozenset({InboundState.WAITING}),
    InboundState.HANDED_OVER: frozenset({InboundState.WAITING}),
    InboundState.CLOSED: frozenset({InboundState.WAITING}),
}


class Lane(StrEnum):
    """What kind of thing somebody said; the order is the order of the queue's tabs."""

    DANGER = "danger"  # danger to life: handed over, never answered by a canned line
    NEXT_OF_KIN = "next_of_kin"
    PRESS = "press"
    RUMOUR = "rumour"
    QUESTION = "question"
    OFFER = "offer"  # of help
    COMPLAINT = "complaint"
    THANKS = "thanks"
    NOISE = "noise"


class EscalationPurpose(StrEnum):
    ALERT = "alert"  # somebody must take it
    CALL_OUT = "call_out"  # people are to come
    APPROVAL = "approval"  # a second person must read a broadcast, or look at one that left without


class AlertState(StrEnum):
    OPEN = "open"  # nobody has taken it
    TAKEN = "taken"
    EXHAUSTED = "exhausted"  # everybody was tried, nobody took it; still open to take
    CLOSED = "closed"


class CallOutState(StrEnum):
    PLANNED = "planned"  # being prepared; nobody has been asked
    OPEN = "open"  # asking
    FILLED = "filled"  # enough have said yes
    EXHAUSTED = "exhausted"  # everybody was asked as often as allowed, and it was not enough
    CLOSED = "closed"  # ended by a person


CALL_OUT_MOVES: Mapping[CallOutState, frozenset[CallOutState]] = {
    CallOutState.PLANNED: frozenset({CallOutState.OPEN, CallOutState.CLOSED}),
    CallOutState.OPEN: frozenset({CallOutState.FILLED, CallOutState.EXHAUSTED, CallOutState.CLOSED}),
    # Somebody who had said yes says no: asking goes on.
    CallOutState.FILLED: frozenset({CallOutState.OPEN, CallOutState.CLOSED}),
    # A late yes fills it; people added by hand open it again.
    CallOutState.EXHAUSTED: frozenset({CallOutState.OPEN, CallOutState.FILLED, CallOutState.CLOSED}),
    CallOutState.CLOSED: frozenset(),
}


class AskState(StrEnum):
    WAITING = "waiting"  # not yet tried, or between tries
    RINGING = "ringing"  # a call or message is out
    YES = "yes"
    NO = "no"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"  # a machine is never a yes
    UNREACHABLE = "unreachable"  # why stands beside it
    SPARED = "spared"  # enough had come before it was their turn


class NotAllowed(Exception):
    """A move that the tables do not know. `say` is for people, its `facts` apart so that it can be translated."""

    def __init__(self, say: str, **facts: object) -> None:
        self.say = Sentence(say, **facts)
        super().__init__(self.say)


S = TypeVar("S", bound=StrEnum)


def check_move(moves: Mapping[S, frozenset[S]], old: S, new: S) -> None:
    """Raise `NotAllowed` unless `old` may become `new`."""
    if new not in moves[old]:
        raise NotAllowed("%(old)s cannot become %(new)s", old=Sentence(old), new=Sentence(new))
