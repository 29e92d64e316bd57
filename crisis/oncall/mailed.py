"""Alarms that services send by mail: the subject says which, and whether it is over. Never commits.

`[disk-7] Disk full` opens the alert `disk-7` of that service, `[disk-7] RESOLVED` closes it; without a key in brackets the
subject itself is the key. Whether a mail is proven was decided by the channel.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis.actor import Actor
from crisis.channels.base import Reported
from crisis.db import rows_changed
from crisis.models import Account, SeenCall
from crisis.oncall import alerts
from crisis.oncall.reports import OVER
from crisis.states import NotAllowed

log = structlog.get_logger()
OLDEST = timedelta(hours=1)  # what lay in a queue for longer is no alarm any more
_PASSED_ON = re.compile(r"^\s*((re|sv|fw|fwd|vs)\s*:\s*)+", re.IGNORECASE)
_KEYED = re.compile(r"^\s*\[([^\[\]]{1,120})\]\s*(.*)$", re.DOTALL)
_WORD = re.compile(r"^\W*(\w+)\W*")
ENDED = OVER | {"løst", "loyst", "løyst", "avsluttet", "avslutta"}


def obey(session: Session, account: Account, reports: Sequence[Reported], now: datetime) -> int:
    """Open, count or close an alert for each report, in the account's mode. Returns how many were obeyed; each once."""
    count = 0
    for one in reports:
        if one.at < now - OLDEST or not _first_time(session, account, one, now):
            continue
        key, title, over = read(one.subject)
        known = f"mail:{one.service}:{key}"
        if over:
            alerts.close_by_key(session, account.unit_id, account.mode, known, "resolved", now)
        else:
            _open(session, account, one, known, title, now)
        count += 1
    return count


def _open(session: Session, account: Account, one: Reported, key: str, title: str, now: datetime) -> None:
    for escalation in (one.escalation, ""):  # one that is gone keeps no alarm from anybody
        told = alerts.Opening(key, title or one.service, one.text, "mail", escalation, {"service": one.service})
        try:
            alerts.open_alert(session, Actor(None, one.service), account.unit_id, account.mode, told, now)
        except NotAllowed as refused:
            log.error("alarm.escalation_missing", service=one.service, say=str(refused))
            continue
        return


def read(subject: str) -> tuple[str, str, bool]:
    """The key, the title, and whether it is over."""
    plain = _PASSED_ON.sub("", subject).strip()
    keyed = _KEYED.match(plain)
    key, title = (keyed[1].strip(), keyed[2].strip()) if keyed else ("", plain)
    word = _WORD.match(title)
    over = word is not None and word[1].casefold() in ENDED
    if over and word is not None:
        title = title[word.end() :].strip()
    return key or title or plain, title or key, over


def _first_time(session: Session, account: Account, one: Reported, now: datetime) -> bool:
    digest = hashlib.sha256(f"mail:{account.id}:{one.provider_id}".encode()).hexdigest()
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(SeenCall)
    return rows_changed(session, insert.values(digest=digest, at=now).on_conflict_do_nothing()) == 1
