"""Alerts: opened by key, counted when they come again, taken by one person, and closed.

Of one key only one is open at a time. Takes a session and never commits; the climb through the escalation stands in
escalation.py.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crisis import audit
from crisis.actor import SYSTEM, Actor
from crisis.broadcasts import notice
from crisis.channels.registry import FACTS
from crisis.db import rows_changed
from crisis.models import Account, Alert, Ask, Escalation, Person, Unit, User, new_id
from crisis.oncall import asking, flood, wordings
from crisis.sentence import Sentence
from crisis.settings import LANGUAGES, Settings
from crisis.states import AlertState, AskState, EscalationPurpose, Mode, NotAllowed, Purpose, Role

KEEP_WORD = timedelta(hours=1)  # "somebody has taken it" is of no use later
TAKEABLE = (AlertState.OPEN, AlertState.EXHAUSTED)
LONGEST_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Opening:
    """What somebody or something reports. `escalation` is a key; empty: the unit's first one for alerts."""

    key: str
    title: str
    text: str = ""
    source: str = "user"
    escalation: str = ""
    details: dict[str, Any] | None = None
    incident_id: uuid.UUID | None = None
    broadcast_id: uuid.UUID | None = None
    purpose: EscalationPurpose = EscalationPurpose.ALERT  # of the escalation that is climbed


def line(written: str, most: int) -> str:
    """One printable line of at most `most` characters."""
    return " ".join("".join(one if one.isprintable() else " " for one in written).split())[:most]


def open_alert(
    session: Session, actor: Actor, unit_id: uuid.UUID, mode: Mode, told: Opening, now: datetime
) -> tuple[Alert, bool]:
    """The open alert of this key and whether it is new. One that is open already is only counted.

    Raises `NotAllowed` when it has no title or names an escalation that is not there.
    """
    title = line(told.title, 200)
    if not title:
        raise NotAllowed("an alert needs a title: what has happened, in one line")
    key = line(told.key, 200) or title
    escalation = _escalation(session, unit_id, told.escalation, told.purpose)
    alert_id = new_id()
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Alert)
    made = session.execute(
        insert.values(
            id=alert_id,
            unit_id=unit_id,
            mode=mode,
            incident_id=told.incident_id,
            broadcast_id=told.broadcast_id,
            key=key,
            title=title,
            text=told.text.strip()[:LONGEST_TEXT],
            source=told.source,
            details=told.details or {},
            state=AlertState.OPEN,
            opened_at=now,
            escalation_id=escalation,
            due_at=now,  # without an escalation the clock finds at once that nobody can be asked, and says so
        )
        .on_conflict_do_nothing()
        .returning(Alert.id)
    ).scalar()
    open_now = select(Alert).where(
        Alert.unit_id == unit_id, Alert.mode == mode, Alert.key == key, Alert.ended_at.is_(None)
    )
    alert = session.scalars(open_now.with_for_update()).one()
    if not made:
        alert.opened_again += 1
        session.flush()
        return alert, False
    audit.record(
        session,
        actor,
        "alert.opened",
        f"alert:{alert.id}",
        unit_id=unit_id,
        details={"title": title, "mode": str(mode), "key": key},
    )
    return alert, True


def _escalation(session: Session, unit_id: uuid.UUID, key: str, purpose: EscalationPurpose) -> uuid.UUID | None:
    wanted = select(Escalation.id).where(Escalation.unit_id == unit_id, Escalation.purpose == purpose)
    if not key:
        return session.scalars(wanted.order_by(Escalation.key)).first()
    found = session.scalars(wanted.where(Escalation.key == key)).first()
    if found is None:
        raise NotAllowed("there is no escalation '%(key)s' for alerts; make it, or name another", key=key)
    return found


def take(
    session: Session,
    actor: Actor,
    alert: Alert,
    person: Person | None,
    now: datetime,
    *,
    way: str = "console",
    told_at: datetime | None = None,
) -> bool:
    """Somebody takes it: nobody else is asked, and those who were asked get to know. False: somebody was faster.

    In a flood they take with it what it speaks for: what had been said to them by `told_at`, or all of it (None).
    `person` is who has it from now on; a user without a person of their own has it by name. Raises `NotAllowed` when it
    is closed.
    """
    if alert.ended_at is not None:
        raise NotAllowed("this alert is closed")
    name = person.name if person else actor.name
    mine = rows_changed(
        session,
        update(Alert)
        .where(Alert.id == alert.id, Alert.state.in_(TAKEABLE), Alert.ended_at.is_(None))
        .values(
            state=AlertState.TAKEN,
            taken_by=person.id if person else None,
            taken_name=name[:80],
            taken_at=now,
            due_at=None,
        )
        .execution_options(synchronize_session=False),
    )
    session.refresh(alert)
    if mine != 1:
        return False
    with_it = flood.taken(session, alert, told_at or now, now)
    asking.hush(session, alert.id, "somebody has taken the alert", now)
    _spare(session, alert, person.id if person else None)
    _tell_the_others(session, alert, wordings.taken(alert, name), person.id if person else None, now)
    audit.record(
        session,
        actor,
        "alert.taken",
        f"alert:{alert.id}",
        unit_id=alert.unit_id,
        details={"name": name, "title": alert.title, "way": way, **({"with_it": with_it} if with_it else {})},
    )
    return True


def close(session: Session, actor: Actor, alert: Alert, reason: str, now: datetime) -> bool:
    """It is over. False: it was closed already. Those who were asked and wait get to know."""
    ended = rows_changed(
        session,
        update(Alert)
        .where(Alert.id == alert.id, Alert.ended_at.is_(None))
        .values(state=AlertState.CLOSED, ended_at=now, due_at=None, end_reason=line(reason, 200))
        .execution_options(synchronize_session=False),
    )
    was_taken_by = alert.taken_by
    open_before = alert.state in TAKEABLE
    session.refresh(alert)
    if ended != 1:
        return False
    flood.go_on(session, alert, now)
    asking.hush(session, alert.id, "the alert is closed", now)
    _spare(session, alert, None)
    if open_before:
        _tell_the_others(session, alert, wordings.closed(alert), None, now)
    elif was_taken_by is not None:
        _tell(session, alert, wordings.closed(alert), {was_taken_by}, now)
    details = {"title": alert.title, "reason": alert.end_reason}
    audit.record(session, actor, "alert.closed", f"alert:{alert.id}", unit_id=alert.unit_id, details=details)
    return True


def close_by_key(session: Session, unit_id: uuid.UUID, mode: Mode, key: str, reason: str, now: datetime) -> bool:
    """What reported it says that it is over. False: nothing of that key is open."""
    alert = session.scalars(
        select(Alert).where(
            Alert.unit_id == unit_id, Alert.mode == mode, Alert.key == line(key, 200), Alert.ended_at.is_(None)
        )
    ).first()
    return alert is not None and close(session, SYSTEM, alert, reason, now)


def answered(session: Session, ask: Ask, word: str, way: str, now: datetime) -> AlertState:
    """What an asked person said about an alert: "yes" takes it; "no" lets the next step come when all have said no.

    The ask carries the answer afterwards. Returns what the alert is now. The caller keeps the `Reply`.
    """
    alert = session.get_one(Alert, ask.alert_id)
    person = session.get_one(Person, ask.person_id)
    ask.way, ask.answered_at, ask.unclear = way, now, False
    if word == "yes":
        ask.state = AskState.YES
        session.flush()
        if alert.ended_at is None:
            take(session, Actor(None, person.name), alert, person, now, way=way, told_at=ask.asked_at)
    elif word == "no":
        ask.state = AskState.NO
        session.flush()
        asking.hush_ask(session, ask.id, "the person has said no", now)
        if alert.state is AlertState.OPEN and alert.due_at is not None and not _somebody_may_answer(session, alert):
            # Compare-and-set as in the climb: whoever climbs at this moment has moved `climbed` on.
            session.execute(
                update(Alert)
                .where(Alert.id == alert.id, Alert.climbed == alert.climbed, Alert.state == AlertState.OPEN)
                .values(due_at=now)
                .execution_options(synchronize_session=False)
            )
    session.refresh(alert)
    return alert.state


def _somebody_may_answer(session: Session, alert: Alert) -> bool:
    open_still = (AskState.WAITING, AskState.RINGING)
    asked = select(Ask.id).where(Ask.alert_id == alert.id, Ask.wave == alert.climbed, Ask.state.in_(open_still))
    return session.scalars(asked.limit(1)).first() is not None


def _spare(session: Session, alert: Alert, but: uuid.UUID | None) -> None:
    session.execute(
        update(Ask)
        .where(
            Ask.alert_id == alert.id,
            Ask.state.in_([AskState.WAITING, AskState.RINGING]),
            Ask.person_id.is_distinct_from(but),
        )
        .values(state=AskState.SPARED)
        .execution_options(synchronize_session="fetch")
    )


def _tell_the_others(
    session: Session, alert: Alert, wording: asking.Wording, but: uuid.UUID | None, now: datetime
) -> None:
    _tell(session, alert, wording, asking.heard_of_it(session, alert.id, but), now)


def _tell(session: Session, alert: Alert, wording: asking.Wording, persons: set[uuid.UUID], now: datetime) -> None:
    """By text, not by a ringing phone: nobody needs to be woken for good news."""
    accounts = {
        channel: account
        for channel, account in asking.speaking_accounts(session, alert.unit_id, alert.mode).items()
        if channel != "voice"
    }
    ways = [
        asking.Way(account, address, language, person_id, None, now)
        for person_id, own in asking.ways_of(session, persons, accounts).items()
        for account, address, language in own[:1]
    ]
    asking.say(
        session,
        wording,
        ways,
        unit_id=alert.unit_id,
        mode=alert.mode,
        purpose=Purpose.NOTICE,
        kind="alert_news",
        incident_id=alert.incident_id,
        now=now,
        expires_at=now + KEEP_WORD,
    )


def confirm(session: Session, ask: Ask, account: Account, address: str, now: datetime) -> None:
    """Whoever took it in writing reads that they have it, or that somebody was faster, where they wrote."""
    alert = session.get_one(Alert, ask.alert_id)
    person = session.get_one(Person, ask.person_id)
    mine = alert.taken_by == person.id
    if FACTS[account.channel].medium == "wall" or (not mine and alert.state is not AlertState.TAKEN):
        return
    with_it = select(func.count()).select_from(Alert).where(Alert.bundled_with == alert.id, Alert.taken_by == person.id)
    wording = (
        wordings.you_have(alert, session.scalar(with_it) or 0) if mine else wordings.taken(alert, alert.taken_name)
    )
    language = next((one for one in LANGUAGES if one == person.language), LANGUAGES[0])
    asking.say(
        session,
        wording,
        [asking.Way(account, address, language, person.id, None, now)],
        unit_id=alert.unit_id,
        mode=alert.mode,
        purpose=Purpose.NOTICE,
        kind="alert_news",
        incident_id=alert.incident_id,
        now=now,
        expires_at=now + KEEP_WORD,
    )


def exhausted(session: Session, alert: Alert, settings: Settings, now: datetime) -> None:
    """Everybody was tried: administrators get to know, and the first page says it until somebody takes it."""
    more = flood.size(session, alert.id)
    flood.exhausted(session, alert.id)
    administrators = notice.users_with(session, alert.unit_id, Role.ADMINISTRATOR, but=None)
    notice.send(
        session,
        wordings.nobody_took(alert, settings, more),
        administrators,
        unit_id=alert.unit_id,
        mode=alert.mode,
        incident_id=alert.incident_id,
        now=now,
    )
    details = {"title": alert.title}
    audit.record(session, SYSTEM, "alert.exhausted", f"alert:{alert.id}", unit_id=alert.unit_id, details=details)


def person_of(session: Session, user_id: uuid.UUID | None) -> Person | None:
    """The person a user is, when they are tied to one."""
    user = session.get(User, user_id) if user_id else None
    return session.get(Person, user.person_id) if user and user.person_id else None


def unit_named(session: Session, key: str) -> Unit:
    """Raises `NotAllowed`."""
    unit = session.scalars(select(Unit).where(Unit.key == key)).first()
    if unit is None:
        raise NotAllowed(Sentence("there is no unit '%(key)s'", key=key))
    return unit
