"""The processes of an installation on one machine: how each is started, and which secrets each must not see."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crisis.embedded.keys import variables
from crisis.embedded.ports import Ports
from crisis.embedded.redis import Own
from crisis.settings import Settings

CONSOLE_WORKERS = 2
CONSOLE_THREADS = 15  # for each worker; no more than a pool gives connections, so that no page waits for one
SENDER_STOP_SECONDS = 30  # a sender may finish what is in the air


@dataclass(frozen=True, slots=True)
class Program:
    """One process. `hidden` are the environment variables it must not see; `base` ones start first and stop last."""

    name: str
    command: tuple[str, ...]
    hidden: frozenset[str] = frozenset()
    base: bool = False
    stop_seconds: int = 10


def programs(settings: Settings, ports: Ports, redis: Own | None) -> Iterator[Program]:
    """Everything one machine runs, in the order it is started."""
    python = sys.executable
    live = variables(account for account in settings.accounts if account.mode == "live")
    drill = variables(account for account in settings.accounts if account.mode == "drill")
    every = live | drill | {"DATABASE_URL", "REDIS_URL"}
    if redis is not None:
        yield Program("redis", redis.command, hidden=every, base=True)
    if ports.simulator is not None or ports.mail is not None:
        yield Program("simulator", simulator_command(settings, ports), hidden=every, base=True)
    yield Program("console", console_command(settings))
    # A secret that a live and a drill account share is live: the drill sender must do without it.
    yield Program(
        "sender-live",
        (python, "-m", "workers.sender", "--mode", "live"),
        drill - live,
        stop_seconds=SENDER_STOP_SECONDS,
    )
    yield Program(
        "sender-drill", (python, "-m", "workers.sender", "--mode", "drill"), live, stop_seconds=SENDER_STOP_SECONDS
    )
    yield Program("listener", (python, "-m", "workers.listener"))
    yield Program("clock", (python, "-m", "workers.clock"), live | drill)


def console_command(settings: Settings, *, workers: int = CONSOLE_WORKERS) -> tuple[str, ...]:
    """The web server with the console in it."""
    return (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
        *("--host", settings.console.host, "--port", str(settings.console.port)),
        *("--workers", str(workers), "--blocking-threads", str(CONSOLE_THREADS)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "5"),
        "crisis.console.wsgi:app",
    )


def simulator_command(settings: Settings, ports: Ports) -> tuple[str, ...]:
    """The pretend internet, where this installation's accounts look for it."""
    return (
        *(sys.executable, "-m", "crisis.simulator", "--host", "127.0.0.1"),
        *(
            "--port",
            str(ports.simulator or 0),
            "--smtp-port",
            str(ports.mail or 0),
            "--imap-port",
            str(ports.mailbox or 0),
        ),
        *("--public-dir", str(public_pages(settings))),
        # The demo's SMS accounts are called after the simulator's own.
        *(
            "--sms-inbound",
            f"http://{_loopback(settings.console.host)}:{settings.console.port}/hooks/{{channel}}-{{account}}/inbound",
        ),
    )


def public_pages(settings: Settings) -> Path:
    """The folder with every unit's public pages."""
    return settings.data_dir / "pages"


def console_address(settings: Settings) -> str:
    """Where the console answers on this machine."""
    return f"http://{_loopback(settings.console.host)}:{settings.console.port}"


def _loopback(host: str) -> str:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not bound
    return f"[{shown}]" if ":" in shown else shown
