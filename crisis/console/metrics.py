"""`/metrics` for Prometheus, read from the database at each scrape: many processes work, and only the database knows all.

Nothing is counted in this process, so it does not matter which console is asked or when it was started. It answers those
who hold the token, and without a token set only this very machine.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from ipaddress import ip_address
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crisis import audit
from crisis.console.guard import public
from crisis.console.here import runtime
from crisis.models import AuditHead, AuditRow, utcnow
from crisis.sending import measures
from crisis.sending.measures import AccountNow, Durations
from crisis.settings import SettingsError
from crisis.states import OPEN
from crisis.triage import counts, views

if TYPE_CHECKING:
    from crisis.runtime import Runtime

pages = Blueprint("metrics", __name__)
log = structlog.get_logger()
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
EDGES = (*(str(edge) for edge in measures.BUCKETS), "+Inf")


@pages.get("/metrics")
@public
def show() -> ResponseReturnValue:
    """Public to the guard, because machines have no sign-in; `_may_read` stands in its place."""
    try:
        if not _may_read():
            return (
                "not for you: docs/operations.md says who may read this\n",
                401,
                {"WWW-Authenticate": "Bearer", **PLAIN},
            )
    except SettingsError as error:
        log.error("metrics.no_token", mistakes=error.mistakes)
        return "the token can't be read\n", 503, PLAIN
    registry = CollectorRegistry()
    registry.register(Measured(runtime()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return encode(registry), 200, {"Content-Type": content_type}


def _may_read() -> bool:
    token = runtime().settings.console.metrics_token
    if token is None:
        # A proxy on this machine looks like this machine, but says for whom it asks.
        return _loopback(request.remote_addr) and not any(name in request.headers for name in FORWARDED)
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.reveal().encode())


def _loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


class Measured(Collector):
    """Everything that is told, for one scrape. When the database is away, that is told too, and what needs none."""

    def __init__(self, parts: Runtime) -> None:
        self._runtime = parts

    def collect(self) -> Iterator[Metric]:
        began = time.perf_counter()
        yield _one("crisis_info", "1, with the version of this console.", 1, version=version("crisis"))
        shelf = self._runtime.playbooks.shelf()
        yield _family(
            "crisis_playbooks", "Playbook files, by whether they can be read.", ["state"],
            {("readable",): len(shelf.playbooks), ("broken",): len(shelf.broken)},
        )  # fmt: skip
        if self._runtime.settings.redis_url:
            yield _one("crisis_redis_up", "1 when Redis answers.", self._runtime.wakeups.alive())
        try:
            with self._runtime.database.reading() as session:
                found = [*_of_accounts(session), *_of_everything(session)]
        except SQLAlchemyError:
            log.exception("metrics.database_away")
            found = []
        yield _one("crisis_database_up", "1 when the database answers.", bool(found))
        yield from found
        yield _one("crisis_scrape_seconds", "How long this scrape took.", time.perf_counter() - began)


def _of_accounts(session: Session) -> Iterator[Metric]:
    now = utcnow()
    known = measures.accounts(session)
    label = {account.id: (account.key, account.mode.value) for account in known}
    by, by_state = ["account", "mode"], ["account", "mode", "state"]
    info = GaugeMetricFamily(
        "crisis_account_info", "1 for each account, with its unit and channel.", labels=[*by, "unit", "channel"]
    )
    for account in known:
        info.add_metric([*label[account.id], account.unit, account.channel], 1)
    yield info
    yield _family(
        "crisis_account_paused",
        "1 while nothing may leave from the account.",
        by,
        {label[a.id]: a.paused for a in known},
    )
    yield _family(
        "crisis_account_healthy", "1 when its keys were good at the last look, 0 when not; absent before the first look.", by,
        {label[a.id]: a.healthy for a in known if a.healthy is not None},
    )  # fmt: skip
    yield _family(
        "crisis_account_checked_age_seconds", "Time since its keys were last looked at.", by,
        {label[a.id]: (now - a.checked_at).total_seconds() for a in known if a.checked_at is not None},
    )  # fmt: skip
    yield _family(
        "crisis_account_expires_in_seconds", "Time until its credentials run out, where the provider tells; below 0 when they have.", by,
        {label[a.id]: (a.expires_at - now).total_seconds() for a in known if a.expires_at is not None},
    )  # fmt: skip

    unfinished = measures.unfinished(session)
    yield _family(
        "crisis_deliveries_unfinished", "Deliveries that something is still to happen with.", by_state,
        {(*label[a.id], state.value): unfinished.get((a.id, state), 0) for a in known for state in sorted(OPEN)},
    )  # fmt: skip
    yield _family(
        "crisis_deliveries_day", "Deliveries of broadcasts made in the last 24 hours.", by_state,
        {(*label[id_], state.value): n for (id_, state), n in measures.of_last_day(session, now).items() if id_ in label},
    )  # fmt: skip
    oldest = measures.oldest_due(session, now)
    yield _family(
        "crisis_oldest_due_seconds", "How long the oldest delivery that may leave has waited; 0 when none waits.", by,
        {label[a.id]: (now - oldest[a.id]).total_seconds() if a.id in oldest else 0 for a in known},
    )  # fmt: skip
    undecided = measures.waiting_for_a_person(session)
    yield _family(
        "crisis_uncertain_waiting", "Uncertain deliveries that wait for a person.", by,
        {label[a.id]: undecided.get(a.id, 0) for a in known},
    )  # fmt: skip

    recent = measures.recent(session, now)
    yield _one("crisis_recent_seconds", "How long a time the recent attempts below cover.", recent.seconds)
    yield _family(
        "crisis_attempts_recent", "Attempts written down lately: the newest 10,000 of five minutes at most.", [*by, "kind", "outcome"],
        {(*label[id_], kind, outcome.value): n for (id_, kind, outcome), n in recent.outcomes.items() if id_ in label},
    )  # fmt: skip
    yield _histogram(
        "crisis_release_to_call_seconds",
        "From the moment it might leave to its first call, lately.",
        known,
        recent.to_call,
    )
    yield _histogram(
        "crisis_release_to_accepted_seconds",
        "From the moment it might leave to the provider's yes, lately.",
        known,
        recent.to_accepted,
    )


def _of_everything(session: Session) -> Iterator[Metric]:
    now = utcnow()
    yield _family(
        "crisis_broadcasts", "Broadcasts that wait for somebody or are on their way.", ["mode", "state"],
        {(mode.value, state.value): count for (mode, state), count in measures.broadcasts(session).items()},
    )  # fmt: skip
    yield _family(
        "crisis_listening_total", "What came to an account and was not kept: refused webhooks, machines' mail, repeats.", ["account", "what"],
        {(one.account, one.what): one.count for one in counts.all_of(session)},
    )  # fmt: skip
    yield _family(
        "crisis_inbound_open", "Inbound that wait for somebody, by lane; 1,000 stands for that many or more.", ["unit", "mode", "lane"],
        views.open_everywhere(session),
    )  # fmt: skip
    unread = views.unread(session)
    yield _one(
        "crisis_inbound_unread",
        "Inbound that are stored and not read yet; 1,000 stands for that many or more.",
        unread.count,
    )
    yield _one(
        "crisis_inbound_unread_seconds", "How long the oldest of them has waited.",
        max(0.0, (now - unread.since).total_seconds()) if unread.since else 0,
    )  # fmt: skip
    processes = measures.processes(session, now)
    yield _family(
        "crisis_processes_alive", "Processes of a kind that gave a sign of life in the last ten seconds.", ["kind"],
        {(process.kind,): process.alive for process in processes},
    )  # fmt: skip
    yield _family(
        "crisis_heartbeat_age_seconds", "Time since the freshest sign of life of a kind of process.", ["kind"],
        {(process.kind,): (now - process.at).total_seconds() for process in processes if process.at is not None},
    )  # fmt: skip
    head = session.get(AuditHead, 1)
    last = session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).one_or_none()
    whole = (head is None) == (last is None)
    if head is not None and last is not None:
        whole = (last.number, last.hash) == (head.number, head.hash) and audit.digest(last) == last.hash
    yield _one("crisis_audit_rows", "Rows in the record of who did what.", head.number if head else 0)
    yield _one("crisis_audit_end_whole", "1 when the last row of the record is the one its head names.", whole)


def _one(name: str, what: str, value: float, **labels: str) -> Metric:
    return _family(name, what, list(labels), {tuple(labels.values()): value})


def _family(name: str, what: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric(key, float(value))
    return family


def _histogram(name: str, what: str, known: Iterable[AccountNow], found: Mapping[UUID, Durations]) -> Metric:
    family = GaugeHistogramMetricFamily(name, what, labels=["account", "mode"])
    for account in known:
        if durations := found.get(account.id):
            upto = (sum(durations.counts[: index + 1]) for index in range(len(EDGES)))
            family.add_metric([account.key, account.mode.value], list(zip(EDGES, upto, strict=True)), durations.total)
    return family
