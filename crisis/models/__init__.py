"""Tables and constraints, one file per story; no behaviour lives here."""

from crisis.models.account import Account, AccountNote
from crisis.models.base import Base, new_id, utcnow
from crisis.models.delivery import Attempt, Delivery, InboundRow, ReceiptRow, Tally
from crisis.models.incident import Approval, Broadcast, BroadcastText, Incident
from crisis.models.people import Destination, Group, OptOut, Person, membership
from crisis.models.playbook import SignOff
from crisis.models.record import AuditHead, AuditRow, Heartbeat
from crisis.models.unit import Grant, SignIn, SignInFailure, Unit, User

__all__ = [
    "Account",
    "AccountNote",
    "Approval",
    "Attempt",
    "AuditHead",
    "AuditRow",
    "Base",
    "Broadcast",
    "BroadcastText",
    "Delivery",
    "Destination",
    "Grant",
    "Group",
    "Heartbeat",
    "InboundRow",
    "Incident",
    "OptOut",
    "Person",
    "ReceiptRow",
    "SignIn",
    "SignInFailure",
    "SignOff",
    "Tally",
    "Unit",
    "User",
    "membership",
    "new_id",
    "utcnow",
]
