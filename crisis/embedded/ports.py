"""The ports of an installation on one machine: which they are, whether they are free, and moving them for one run.

The simulator has no settings of its own: where it listens is where the accounts of crisis.toml look for it.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from crisis.hosts import own_machine
from crisis.settings import AccountSettings, SecretRef, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the console and the simulator listen; a simulator port is None when no account needs it."""

    console: int
    simulator: int | None
    mail: int | None
    mailbox: int | None = None  # where answers to our mail are read


def endpoint(account: AccountSettings) -> tuple[str, int | None]:
    """The host and port an account talks to; ("", None) for one that talks to nobody."""
    options = account.options
    if url := getattr(options, "base_url", None):
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if host := getattr(options, "host", None):
        return host, getattr(options, "port", None)
    if account.channel == "apprise":
        return _secret_endpoint(options.url)
    return "", None


def _secret_endpoint(url: SecretRef) -> tuple[str, int | None]:
    """Of an address that is a secret as a whole; ("", None) where it is not kept or not understood."""
    try:
        parts = urlsplit(url.reveal())
        found = parts.hostname or "", parts.port
    except (SettingsError, ValueError):
        found = "", None
    return found


def ports(settings: Settings) -> Ports:
    """Read the ports from the settings. Raises `SettingsError` when accounts look for the simulator in two places."""
    found: dict[str, set[int]] = {"http": set(), "mail": set(), "mailboxes": set()}
    for account in settings.accounts:
        host, port = endpoint(account)
        if port is not None and own_machine(host):
            found["mail" if hasattr(account.options, "host") else "http"].add(port)
        reads = getattr(account.options, "imap_host", None)
        if reads and own_machine(reads) and account.options.imap_port:
            found["mailboxes"].add(account.options.imap_port)
    for what, several in found.items():
        if len(several) > 1:
            listed = ", ".join(map(str, sorted(several)))
            raise SettingsError(
                [f"{settings.path}: accounts look for the simulator's {what} on ports {listed}; use one port for all"]
            )
    http, mail, mailbox = (next(iter(found[what]), None) for what in ("http", "mail", "mailboxes"))
    return Ports(settings.console.port, http, mail, mailbox)


def taken(host: str, port: int) -> str | None:
    """Why `port` can't be used, or None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None


def check_free(settings: Settings) -> None:
    """Raises `SettingsError` naming every port that is taken, with what to change."""
    used = ports(settings)
    host = settings.console.host
    wanted = [
        (host, used.console, "the console", "console.port", "--port"),
        ("127.0.0.1", used.simulator, "the simulator", "the accounts' base_url", "--simulator-port"),
        ("127.0.0.1", used.mail, "the simulator's mail", "the e-mail accounts' port", "--mail-port"),
        ("127.0.0.1", used.mailbox, "the simulator's mailboxes", "the e-mail accounts' imap_port", "--mailbox-port"),
    ]
    mistakes = [
        f"port {port} on {at}, for {whose}: {reason}. Stop what uses it, change {setting} in {settings.path},"
        f" or choose another with `crisis run {flag} {_another(port)}`"
        + (f" (`make run PORT={_another(port)}`)" if flag == "--port" else "")
        for at, port, whose, setting, flag in wanted
        if port is not None and (reason := taken(at, port))
    ]
    if mistakes:
        raise SettingsError(mistakes)


def _another(port: int) -> int:
    return port + 1 if port < 65535 else port - 1


def moved(source: str, moves: dict[int, int]) -> str:
    """The settings file with ports of this machine changed: in addresses such as http://127.0.0.1:8080, and in `port`.

    Text is changed, not values, so that comments and order stay and the copy reads like the original.
    """

    def change(found: re.Match[str]) -> str:
        return found[1] + str(moves.get(int(found[2]), int(found[2])))

    source = re.sub(r"((?:127\.0\.0\.1|localhost|\[::1\]):)(\d+)\b", change, source)
    return re.sub(r"(?m)^(\s*(?:imap_)?port\s*=\s*)(\d+)\b", change, source)


def with_ports(settings: Settings, wanted: Ports) -> str | None:
    """The text of a settings file in which the ports are `wanted`, or None when they already are."""
    now = ports(settings)
    pairs = [(now.console, wanted.console), (now.simulator, wanted.simulator), (now.mail, wanted.mail)]
    pairs.append((now.mailbox, wanted.mailbox))
    moves = {old: new for old, new in pairs if old is not None and new is not None and old != new}
    if not moves:
        return None
    source = Path(settings.path).read_text()
    if now.console in moves and not re.search(
        r"(?m)^\s*port\s*=", source.partition("[console]")[2].partition("\n[")[0]
    ):
        raise SettingsError([f"{settings.path}: write port = {now.console} under [console], so that it can be changed"])
    return moved(source, moves)
