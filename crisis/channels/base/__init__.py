"""The contract between sending and a provider: what goes in, what comes out, and what an account can do.

Everything here is a small frozen value or an ability of an adapter. No ORM row, no Flask request and no queue crosses
this line, so an adapter can be read, tested and replaced alone. `facts`, `sending`, `hearing`, `account` and
`abilities` hold its parts; everybody imports them from here.
"""

from crisis.channels.base.abilities import (
    AbuseKind,
    Channel,
    Checks,
    Deletes,
    Edits,
    Hides,
    LooksUp,
    Notes,
    Polls,
    Probes,
    ReadsHooks,
    ReportsAbuse,
    Shows,
    Speaks,
)
from crisis.channels.base.account import Budget, Health, Shown
from crisis.channels.base.facts import Facts, Form, MediaFacts, Medium, Mode, Size
from crisis.channels.base.hearing import (
    BadSignature,
    Hook,
    HookEvents,
    Inbound,
    Polled,
    Press,
    Receipt,
    Reported,
    Speech,
)
from crisis.channels.base.sending import (
    Accepted,
    Attachment,
    Busy,
    Misconfigured,
    Outgoing,
    Rejected,
    SendError,
    Uncertain,
    Unreachable,
)
from crisis.channels.base.storable import storable

__all__ = [
    "AbuseKind",
    "Accepted",
    "Attachment",
    "BadSignature",
    "Budget",
    "Busy",
    "Channel",
    "Checks",
    "Deletes",
    "Edits",
    "Facts",
    "Form",
    "Health",
    "Hides",
    "Hook",
    "HookEvents",
    "Inbound",
    "LooksUp",
    "MediaFacts",
    "Medium",
    "Misconfigured",
    "Mode",
    "Notes",
    "Outgoing",
    "Polled",
    "Polls",
    "Press",
    "Probes",
    "ReadsHooks",
    "Receipt",
    "Rejected",
    "Reported",
    "ReportsAbuse",
    "SendError",
    "Shown",
    "Shows",
    "Size",
    "Speaks",
    "Speech",
    "Uncertain",
    "Unreachable",
    "storable",
]
