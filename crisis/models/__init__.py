"""Tables and constraints, one file per story; no behaviour lives here."""

from crisis.models.abuse import AbuseReport, Hiding
from crisis.models.account import Account, AccountNote, ShardRow
from crisis.models.base import Base, new_id, utcnow
from crisis.models.delivery import Attempt, Delivery, ReceiptRow, Tally
from crisis.models.feed import Feed, Suggestion
from crisis.models.incident import Approval, Broadcast, BroadcastText, Incident
from crisis.models.media import BroadcastMedia, FrozenMedia, MediaItem
from crisis.models.oncall import (
    Absence,
    Alert,
    Ask,
    CallOut,
    Escalation,
    EscalationStep,
    Need,
    Reply,
    Rota,
    RotaChange,
    RotaSwap,
    RotaTurn,
    RotaWarning,
    SeenCall,
)
from crisis.models.people import AddressCode, Destination, Group, OptOut, Person, membership
from crisis.models.planned import PlannedPost
from crisis.models.playbook import SignOff
from crisis.models.readiness import LinkTest, Practice, PracticePlan, TestedWay
from crisis.models.record import AuditHead, AuditRow, Heartbeat
from crisis.models.removal import Removal
from crisis.models.showing import ShownPost
from crisis.models.triage import (
    Answer,
    HandOver,
    InboundBand,
    InboundCount,
    InboundRow,
    ListeningCount,
    Rumour,
    SavedView,
    Spike,
)
from crisis.models.unit import Grant, SignIn, SignInFailure, Unit, User

__all__ = [
    "Absence",
    "AbuseReport",
    "Account",
    "AccountNote",
    "AddressCode",
    "Alert",
    "Answer",
    "Approval",
    "Ask",
    "Attempt",
    "AuditHead",
    "AuditRow",
    "Base",
    "Broadcast",
    "BroadcastMedia",
    "BroadcastText",
    "CallOut",
    "Delivery",
    "Destination",
    "Escalation",
    "EscalationStep",
    "Feed",
    "FrozenMedia",
    "Grant",
    "Group",
    "HandOver",
    "Heartbeat",
    "Hiding",
    "InboundBand",
    "InboundCount",
    "InboundRow",
    "Incident",
    "LinkTest",
    "ListeningCount",
    "MediaItem",
    "Need",
    "OptOut",
    "Person",
    "PlannedPost",
    "Practice",
    "PracticePlan",
    "ReceiptRow",
    "Removal",
    "Reply",
    "Rota",
    "RotaChange",
    "RotaSwap",
    "RotaTurn",
    "RotaWarning",
    "Rumour",
    "SavedView",
    "SeenCall",
    "ShardRow",
    "ShownPost",
    "SignIn",
    "SignInFailure",
    "SignOff",
    "Spike",
    "Suggestion",
    "Tally",
    "TestedWay",
    "Unit",
    "User",
    "membership",
    "new_id",
    "utcnow",
]
