"""What a person should act on, and what to do: judged from what is seen of the machine. In English, for translation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import live_now, suggestions
from crisis.console import standings
from crisis.console.here import UnitHere
from crisis.console.vital import AccountHealth, Pulse
from crisis.models import Heartbeat
from crisis.playbooks.read import Shelf
from crisis.sending import link_test
from crisis.sending.pulse import ENDS_SOON, STUCK_JOURNAL
from crisis.sentence import N_
from crisis.states import Mode, Standing

STUCK_LATELY = timedelta(minutes=3)  # journals are tried once a minute
WAITING_LONG = timedelta(minutes=2)
CHECK_OLD = timedelta(hours=2)
PLAYBOOK_SOON = timedelta(days=60)
Level = Literal["bad", "warn"]


@dataclass(frozen=True, slots=True)
class Concern:
    """Something a person should act on. "bad": messages are not leaving as they should; "warn": they soon may not."""

    level: Level
    say: str
    do: str
    values: dict[str, Any] = field(default_factory=dict)


def of_pulses(pulses: Sequence[Pulse]) -> Iterator[Concern]:
    for pulse in pulses:
        if not pulse.late:
            continue
        match pulse.kind:
            case "sender-live":
                yield Concern(
                    "bad",
                    N_("The sender for live messages is not running."),
                    N_(
                        "Nothing reaches the public until it runs. You may still release: it leaves once the sender is back. Call whoever runs the system now; the command crisis send works without the sender."
                    ),
                )
            case "sender-drill":
                yield Concern(
                    "warn",
                    N_("The sender for exercises is not running."),
                    N_("Exercises stand still; live messages are not touched by this. Tell whoever runs the system."),
                )
            case "listener":
                yield Concern(
                    "bad",
                    N_("The listener is not running: what people write to us does not arrive."),
                    N_("Look at your accounts on the networks themselves, and call whoever runs the system."),
                )
            case _:
                yield Concern(
                    "bad",
                    N_("The clock is not running: reminders, repeats and clean-up stand still."),
                    N_("Check by hand whether messages arrived, and call whoever runs the system."),
                )


def of_waiting(oldest: timedelta | None, pulses: Sequence[Pulse]) -> Iterator[Concern]:
    senders_run = not any(pulse.late for pulse in pulses if pulse.kind.startswith("sender"))
    if oldest and oldest > WAITING_LONG and senders_run:
        yield Concern(
            "warn",
            N_("The oldest message has waited %(minutes)d minutes to leave."),
            N_("A network may be slow, or there is much to send. Open the incident and see which account is behind."),
            {"minutes": oldest.seconds // 60 + oldest.days * 1440},
        )


def of_accounts(accounts: Sequence[AccountHealth], now: datetime) -> Iterator[Concern]:
    for account in accounts:
        values = {"account": account.key, "reason": account.paused_reason or account.health}
        level: Level = "bad" if account.mode is Mode.LIVE else "warn"
        if account.paused_reason is not None:
            yield Concern(
                level,
                "Account %(account)s is paused: %(reason)s",
                N_(
                    "Nothing leaves from it. What is released waits. Mend the cause, then resume it on the page Accounts."
                ),
                values,
            )
        elif account.healthy is False:
            yield Concern(
                level,
                "Account %(account)s can't send: %(reason)s",
                N_("Its keys or rights are refused. Call whoever runs the system; use the other channels meanwhile."),
                values,
            )
        elif account.healthy is None or account.checked_at is None:
            yield Concern(
                "warn",
                N_("Account %(account)s has not been checked yet."),
                N_("It is checked within minutes when the clock runs. If this stays, tell whoever runs the system."),
                values,
            )
        elif now - account.checked_at > CHECK_OLD:
            yield Concern(
                "warn",
                N_("Account %(account)s has not been checked for over two hours."),
                N_("It may still work. Tell whoever runs the system."),
                values,
            )
        if account.used_up:
            yield Concern(
                "warn",
                N_("Account %(account)s has used up what its network lets it use for now."),
                N_(
                    "What people write there may not arrive until the time on the page Accounts. Look on the network itself."
                ),
                values,
            )
        if account.expires_at is not None and account.expires_at <= now:
            yield Concern(
                level,
                N_("The credentials of %(account)s ran out on %(day)s."),
                N_("It can send nothing. Whoever runs the system must renew them; use the other channels meanwhile."),
                values | {"day": account.expires_at.date()},
            )
        elif account.expires_at is not None and account.expires_at <= now + ENDS_SOON:
            yield Concern(
                "warn",
                N_("The credentials of %(account)s run out on %(day)s."),
                N_(
                    "Tell whoever runs the system now: new ones must be made at the network and put in place before then."
                ),
                values | {"day": account.expires_at.date()},
            )


def of_journals(session: Session, now: datetime) -> Iterator[Concern]:
    """What was sent by break-glass without the database, and is not on any board here."""
    stuck = select(Heartbeat).where(Heartbeat.kind == STUCK_JOURNAL, Heartbeat.at > now - STUCK_LATELY)
    for row in session.scalars(stuck.order_by(Heartbeat.process)):
        journal, _, machine = row.process.partition("@")
        yield Concern(
            "warn",
            N_("A journal of crisis send on %(machine)s is not merged: %(reason)s"),
            N_(
                "What was sent from there is not on the boards here. Whoever runs the system looks at the journal %(journal)s, and then runs crisis journal merge."
            ),
            {"machine": machine, "reason": row.note, "journal": journal},
        )


_STANDINGS = {
    Standing.MISSING: N_("%(account)s: %(count)d of our posts are not shown any more."),
    Standing.CHANGED: N_("%(account)s: %(count)d of our posts were changed by hand."),
    Standing.STRANGER: N_("%(account)s: %(count)d posts are not from us."),
    Standing.STILL_THERE: N_("%(account)s: %(count)d posts that were taken down are still shown."),
}


def of_standings(alarms: Sequence[live_now.Alarm]) -> Iterator[Concern]:
    for alarm in alarms:
        yield Concern(
            "bad" if alarm.mode is Mode.LIVE else "warn",
            _STANDINGS[alarm.word],
            N_("Look at the page What the public sees now, under Accounts. Somebody else may hold the password."),
            {"account": alarm.account, "count": alarm.count},
        )


def of_link_tests(session: Session, unit_ids: Sequence[uuid.UUID], now: datetime) -> Iterator[Concern]:
    """What the last silent test found; it looks closer than the checks every five minutes do."""
    for one in link_test.failed(session, unit_ids):
        yield Concern(
            "bad" if one.mode is Mode.LIVE else "warn",
            N_("The test of every way out: %(account)s can't send: %(reason)s"),
            N_("Mend it while it is calm, then press Test now on the page Tests of every way out, under Accounts."),
            {"account": one.account, "reason": one.say},
        )
    if link_test.unfinished(session, unit_ids, now):
        yield Concern(
            "warn",
            N_("A test of every way out has not finished."),
            N_("The listener may have stopped in the middle. Look at the page Tests of every way out, under Accounts."),
        )


def of_redis(redis: bool | None) -> Iterator[Concern]:
    if redis is False:
        yield Concern(
            "warn",
            N_("Redis does not answer."),
            N_("Messages still leave, a second or so later. Tell whoever runs the system."),
        )


def of_playbooks(session: Session, units: Sequence[UnitHere], shelf: Shelf, now: datetime) -> Iterator[Concern]:
    for file, mistakes in shelf.broken.items():
        yield Concern(
            "warn",
            N_("The playbook file %(file)s is broken and can't be used: line %(line)d."),
            N_("The others work. The page Playbooks lists every mistake; mend the file."),
            {"file": file, "line": mistakes[0].line if mistakes else 1},
        )
    for unit in units:
        here = now.astimezone(unit.settings.tz)
        for playbook_id, messages in standings.of_unit(session, unit.id, unit.settings.kind, shelf, here).items():
            values = {"playbook": playbook_id, "unit": unit.name}
            playbook = shelf.playbooks[playbook_id]
            if playbook.valid_until - here.date() < PLAYBOOK_SOON:
                yield Concern(
                    "warn",
                    N_("The playbook %(playbook)s ends on %(day)s."),
                    N_("After that day every message in it needs a second person. Review it and move the date."),
                    values | {"day": playbook.valid_until},
                )
            unsigned = sum(not one.standing.ok for one in messages if one.message and one.message.authority == "single")
            if unsigned and playbook.valid_until >= here.date():
                yield Concern(
                    "warn",
                    N_("%(unit)s: %(count)d messages in %(playbook)s are not signed off."),
                    N_(
                        "Each needs a second person when it is released. An approver can sign them off on the page Playbooks."
                    ),
                    values | {"count": unsigned},
                )
            if any(one.ends_soon for one in messages):
                yield Concern(
                    "warn",
                    N_("%(unit)s: a sign-off in %(playbook)s ends within a month."),
                    N_("An approver can renew it on the page Playbooks."),
                    values,
                )


def of_feeds(feeds: Sequence[suggestions.FeedHealth]) -> Iterator[Concern]:
    for feed in feeds:
        if feed.row is not None and feed.row.say:
            yield Concern(
                "warn",
                N_("The news feed %(feed)s can't be read: %(reason)s"),
                N_("It only makes suggestions for planned posts. Tell whoever runs the web site, or the system."),
                {"feed": feed.url, "reason": feed.row.say},
            )
