"""A trace of each release, for those who run OpenTelemetry: the console's release, each claim, each call to a provider.

The broadcast's id is the trace's id, so nothing has to travel with wake-ups and a lost one loses no trace. Off, and free,
unless OTEL_EXPORTER_OTLP_ENDPOINT is set and the extra `traces` is installed.
"""

from __future__ import annotations

import os
import uuid
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import structlog

try:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
except ImportError:  # the extra is not installed
    INSTALLED = False
else:
    INSTALLED = True

log = structlog.get_logger()

EVERY = 100  # of a large batch one call in so many is told, and each that went wrong
_tracer: Any = None
_root: ContextVar[uuid.UUID | None] = ContextVar("root", default=None)


def set_up(kind: str) -> None:
    """Send traces of this process, when the environment says where to."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - extra
    except ImportError:
        log.warning("traces.not_installed", do="pip install 'crisis[traces]'")
        return
    send_to(BatchSpanProcessor(OTLPSpanExporter()), kind)


def send_to(processor: SpanProcessor | None, kind: str) -> None:
    """Hand every finished span to `processor`; None: to nobody."""
    global _tracer  # noqa: PLW0603 - one per process, like the log
    if processor is None:
        _tracer = None
        return
    provider = TracerProvider(resource=Resource.create({"service.name": f"crisis-{kind}"}), id_generator=_ids())
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("crisis")


def worth_telling(number: int, *, wrong: bool = False) -> bool:
    """Is the call with this number (from 1) in its batch one to tell? The first twenty are, and one in a hundred."""
    return _tracer is not None and (wrong or number <= 20 or number % EVERY == 0)


def released(broadcast_id: uuid.UUID, started_at: datetime, ended_at: datetime, **facts: object) -> None:
    """The beginning of a broadcast's trace."""
    if _tracer is None:
        return
    token = _root.set(broadcast_id)
    try:
        _told(_tracer.start_span("release", context=_context(None), start_time=_ns(started_at)), ended_at, facts)
    finally:
        _root.reset(token)


def step(name: str, broadcast_id: uuid.UUID, started_at: datetime, ended_at: datetime, **facts: object) -> None:
    """Something that was done for a released broadcast, in whatever process."""
    if _tracer is not None:
        _told(_tracer.start_span(name, context=_context(broadcast_id), start_time=_ns(started_at)), ended_at, facts)


def _told(span: Any, ended_at: datetime, facts: dict[str, object]) -> None:
    for name, value in facts.items():
        span.set_attribute(f"crisis.{name}", value if isinstance(value, int | float | bool) else str(value))
    span.end(end_time=_ns(ended_at))


def _context(broadcast_id: uuid.UUID | None) -> Any:
    """Below the release of this broadcast; with None, at the top of a trace."""
    if broadcast_id is None:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    above = trace.SpanContext(
        broadcast_id.int, _span_id(broadcast_id), is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(above))


def _span_id(broadcast_id: uuid.UUID) -> int:
    return broadcast_id.int & 0xFFFF_FFFF_FFFF_FFFF  # the random half; never 0, because two bits of it are fixed


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def _ids() -> Any:
    class Ids(RandomIdGenerator):
        """Ids as usual, but for a release: there they are the broadcast's."""

        def generate_trace_id(self) -> int:
            root = _root.get()
            return root.int if root else super().generate_trace_id()

        def generate_span_id(self) -> int:
            root = _root.get()
            return _span_id(root) if root else super().generate_span_id()

    return Ids()
