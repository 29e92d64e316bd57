"""The log of every process: one JSON line per event on standard error, the libraries' words among them, no secret in any.

Secrets are taken out twice: by value, for those this process has read, and by look, for whatever resembles one.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"
SHORTEST = 6  # a shorter "secret" would blacken ordinary words

_secrets: set[str] = set()

_NAMES = re.compile(
    r"(?i)(^|_)(authorization|cookie|password|passwd|secret|token|api_?key|auth|credentials?|signature)s?$"
)
_VARIABLES = re.compile(
    r"(?i)(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|(API|ACCESS|CONSUMER|PRIVATE|SHARED)_KEY)(_|$)"
)
_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Authorization: Bearer ..., Basic ..., OAuth oauth_consumer_key="..."
    (re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)[^\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b(set-cookie|cookie)([\"']?\s*[:=]\s*)[^\r\n]+"), rf"\1\2{HIDDEN}"),
    # name=value and "name": "value"
    (
        re.compile(
            r"(?i)\b([\w-]*(?:password|passwd|secret|token|api_?key|signature))([\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;&)}\]]+)"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@]*):[^@/\s]+@"), rf"\1:{HIDDEN}@"),
    # A long run of mixed letters and digits is a key; ids of ours and of providers are lower-case hexadecimal.
    (re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{40,}(?![\w-])"), HIDDEN),
    # What SQLAlchemy adds to an error: whole rows, with names and numbers of people.
    (re.compile(r"\[parameters: [^\n]*"), f"[parameters: {HIDDEN}]"),
)


def set_up(kind: str) -> None:
    """Log as the process `kind`; to be called once, first of all. Libraries speak from WARNING up."""
    remember(*_from_environment())
    own: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _of(kind),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [structlog.processors.format_exc_info, hide, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*own, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*own, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _of(kind: str) -> Processor:
    """Adds which process it is. Not a context variable: threads begin without any."""
    facts = {"process": kind, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    return lambda _logger, _method, event: {**facts, **event}


def remember(*secrets: str) -> None:
    """These values were read by this process and are to stand in no line."""
    for secret in secrets:
        _secrets.update(part for part in (secret, unquote(secret)) if len(part) >= SHORTEST)


def _from_environment() -> Iterable[str]:
    """The values of variables whose names say that they are secret, and the passwords in those that hold an address."""
    for name, value in os.environ.items():
        if _VARIABLES.search(name):
            yield value
        elif "://" in value and "@" in value:
            try:
                yield urlsplit(value).password or ""
            except ValueError:
                continue


def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: take secrets out of everything in the event, however deep. Put it last but the renderer."""
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case uuid.UUID():
            return str(value)
        case _ if _NAMES.search(name):
            return HIDDEN
        case dict():
            return {key: _hidden(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hidden("", item) for item in value]
        case bytes():
            return f"{len(value)} bytes"  # a body; nobody reads it here
        case _:
            return clean(str(value))


def clean(text: str) -> str:
    """`text` without anything that is, or looks like, a secret."""
    for secret in sorted(_secrets, key=len, reverse=True):  # a longer one may contain a shorter one
        text = text.replace(secret, HIDDEN)
    for look, instead in _LOOKS:
        text = look.sub(instead, text)
    return text
