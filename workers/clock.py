"""The clock: once a second it finds what everybody else forgot, and wakes whoever should be working.

Several clocks may run; everything it does is safe to do twice.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.broadcasts import notice, notice_words, planned_release
from crisis.media import cleaning
from crisis.models import Account, Unit, utcnow
from crisis.oncall import approving, escalation, filling, practice, rota_watch, wordings
from crisis.runtime import Runtime
from crisis.sending import fallback, pulse, removals, sweep
from crisis.states import Mode, Role
from crisis.triage import arrivals, privacy
from workers import last_resort
from workers.process import Flag, configured

log = structlog.get_logger()

TICK_SECONDS = 1.0
TIDY_SECONDS = 60.0
CLEAN_SECONDS = 3600.0
CLIMB_SECONDS = 0.1
OVERDUE = timedelta(seconds=2)  # work nobody has taken for so long: the wake-up was lost


def tick(runtime: Runtime, process: str) -> None:
    """One round. Each step commits by itself, and trouble in one neither undoes nor holds up another."""
    with _noted("beat"), runtime.database.writing() as session:
        pulse.beat(session, process, "clock", utcnow())
    sweeps = (
        sweep.lost_claims,
        sweep.too_old,
        sweep.left_behind,
        removals.pointless,
        sweep.finished,
        arrivals.come_back,
    )
    for sweeping in sweeps:
        with _noted(sweeping.__name__), runtime.database.writing() as session:
            if count := sweeping(session, utcnow()):
                log.info("swept", what=sweeping.__name__, count=count)
    for telling in (tell_of_stopped_accounts, tell_of_ending_credentials, tell_of_switched):
        with _noted(telling.__name__), runtime.database.writing() as session:
            telling(session, runtime)
    for going_on in (ask_second_persons, practise, climb, let_planned_go, ask_on, wake_forgotten):
        with _noted(going_on.__name__):
            going_on(runtime)


@contextlib.contextmanager
def _noted(step: str) -> Iterator[None]:
    """Trouble is written down and the next step has its turn: a call-out goes on when a notice can't be written."""
    try:
        yield
    except Exception:  # the database is away or busy: the next tick does what this one could not
        log.exception("tick.failed", step=step)


def wake_forgotten(runtime: Runtime) -> None:
    """Senders whose wake-up was lost are woken again."""
    with runtime.database.reading() as session:
        forgotten = {mode: sweep.idle_with_work(session, mode, utcnow(), overdue=OVERDUE) for mode in Mode}
    runtime.wakeups.send({mode: accounts for mode, accounts in forgotten.items() if accounts})


def ask_second_persons(runtime: Runtime) -> None:
    """What waits for an approval, or left without one, opens an alert in units that have an escalation for it."""
    with runtime.database.writing() as session:
        approving.ask(session, runtime.settings, utcnow())


def practise(runtime: Runtime) -> None:
    """Monthly practice call-outs that are due are let go, each in a transaction of its own, and those over are counted."""
    with runtime.database.reading() as session:
        due = practice.due(session, runtime.settings, utcnow())
    for unit_id, day in due:
        with _noted("practise"), runtime.database.writing() as session:
            shelf = runtime.playbooks.shelf()
            row = practice.begin(session, unit_id, day, runtime.settings, shelf, runtime.answers, utcnow())
            log.info("practice.begun", day=str(day), why_not=row.why_not)
    with runtime.database.writing() as session:
        practice.end_finished(session, utcnow())


def climb(runtime: Runtime) -> None:
    """Whoever is due to be asked about an alert is asked, a few in each transaction and for a part of the tick only."""
    ends = time.monotonic() + CLIMB_SECONDS
    while time.monotonic() < ends:
        with runtime.database.writing() as session:
            if escalation.climb(session, runtime.settings, utcnow()) < escalation.AT_ONCE:
                return


def tidy(runtime: Runtime) -> None:
    """What need not happen every second: what private people said is erased when its unit's rule says so."""
    with runtime.database.writing() as session:
        if count := privacy.erase_old(session, runtime.settings, utcnow()):
            log.info("inbound.erased", count=count)
    with runtime.database.writing() as session:
        tell_of_rotas(session, runtime)


def clean(runtime: Runtime) -> None:
    """Files of pictures and films that no row names."""
    with runtime.database.reading() as session:
        if count := cleaning.clean(session, runtime.media, utcnow()):
            log.info("media.cleaned", files=count)


def tell_of_rotas(session: Session, runtime: Runtime) -> None:
    """Administrators and officers get to know of trouble ahead in a rota: once fourteen days and once a day before."""
    now = utcnow()
    units = list(session.scalars(select(Unit.id)))
    for one in rota_watch.untold(session, rota_watch.troubles(session, units, now), now):
        people = {
            user.id: user
            for role in (Role.ADMINISTRATOR, Role.OFFICER)
            for user in notice.users_with(session, one.unit_id, role, but=None)
        }
        told = wordings.rota_trouble(one, runtime.settings)
        notice.send(
            session, told, list(people.values()), unit_id=one.unit_id, mode=Mode.LIVE, incident_id=None, now=now
        )


def let_planned_go(runtime: Runtime) -> None:
    """Posts for calm times whose moment has come, each in a transaction of its own: one in trouble stops no other."""
    with runtime.database.reading() as session:
        due = planned_release.due(session, utcnow())
    for post_id in due:
        try:
            with runtime.database.writing() as session:
                count = planned_release.let_go(session, post_id, utcnow())
            log.info("planned.looked_at", post=str(post_id), deliveries=count)
        except Exception:  # the next tick tries again, until the post is too late
            log.exception("planned.failed", post=str(post_id))


def ask_on(runtime: Runtime) -> None:
    """Each call-out one step further, in a transaction of its own: trouble with one does not hold up another."""
    with runtime.database.reading() as session:
        going_on = filling.going_on(session)
    for call_out_id in going_on:
        try:
            with runtime.database.writing() as session:
                filling.step(session, call_out_id, runtime.settings, utcnow())
        except Exception:  # the others go on; this one is tried again in a second
            log.exception("call_out.failed", call_out=str(call_out_id))


def tell_of_stopped_accounts(session: Session, runtime: Runtime) -> None:
    """Administrators get to know once about an account that stopped by itself, over the accounts that still work."""
    stopped = session.scalars(
        select(Account)
        .where(Account.active, Account.paused_reason.is_not(None), Account.pause_told_at.is_(None))
        .with_for_update(skip_locked=True)
    ).all()
    for account in stopped:
        now = utcnow()
        account.pause_told_at = now
        notice.send(
            session,
            notice_words.account_stopped(account, runtime.settings),
            notice.users_with(session, account.unit_id, Role.ADMINISTRATOR, but=None),
            unit_id=account.unit_id,
            mode=account.mode,
            incident_id=None,
            now=now,
        )


def tell_of_ending_credentials(session: Session, runtime: Runtime) -> None:
    """Administrators get to know once about each end of an account's credentials, fourteen days ahead."""
    known = {unit.key for unit in runtime.settings.units}
    for account in pulse.ending(session, now := utcnow()):
        account.expiry_told = account.expires_at
        if account.unit.key not in known:
            continue  # this clock was started with other settings
        notice.send(
            session,
            notice_words.credentials_end(account, runtime.settings),
            notice.users_with(session, account.unit_id, Role.ADMINISTRATOR, but=None),
            unit_id=account.unit_id,
            mode=account.mode,
            incident_id=None,
            now=now,
        )


def tell_of_switched(session: Session, runtime: Runtime) -> None:
    """Administrators get to know that messages leave from another account, and when they no longer do."""
    for one in fallback.watch(session, runtime.settings, utcnow()):
        log.info("account.switched", account=one.account.key, fallback=one.fallback.key, to=one.to)
        notice.send(
            session,
            notice_words.account_switched(one, runtime.settings),
            notice.users_with(session, one.account.unit_id, Role.ADMINISTRATOR, but=None),
            unit_id=one.account.unit_id,
            mode=one.account.mode,
            incident_id=None,
            now=utcnow(),
        )


def main() -> None:
    stopping = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with configured("clock") as runtime, last_resort.beside(runtime):
        process = pulse.process_name("clock")
        tidied, cleaned = -TIDY_SECONDS, -CLEAN_SECONDS
        while not stopping.is_set():
            tick(runtime, process)
            if time.monotonic() - tidied >= TIDY_SECONDS:
                tidied = time.monotonic()
                with _noted("tidy"):
                    tidy(runtime)
                if time.monotonic() - cleaned >= CLEAN_SECONDS:
                    cleaned = time.monotonic()
                    with _noted("clean"):
                        clean(runtime)
            stopping.wait(TICK_SECONDS)


if __name__ == "__main__":
    main()
