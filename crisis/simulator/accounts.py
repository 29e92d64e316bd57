"""The keys the pretend providers know: X accounts, Twilio accounts with their numbers, and mailbox logins.

The defaults are made up, public and worthless. A JSON file of the same shape replaces them (see `load`).
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True)
class XAccount:
    """One X account with the four secrets of OAuth 1.0a."""

    name: str
    user_id: str
    handle: str
    display_name: str
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    summoned_only: bool = True
    """Refuse a reply to somebody who did not mention this account, as self-serve X does since 2026."""
    edits: bool = True
    """A paying account, which may change a post for half an hour."""
    self_replies: bool = True
    """Allow threads. X does not say whether its rule counts a self-reply; false plays the worse answer."""


@dataclass(frozen=True)
class SmsAccount:
    """One Twilio account: who may call, from which numbers, and where an incoming text is sent on to."""

    name: str
    sid: str
    auth_token: str
    numbers: tuple[str, ...]
    api_key: str = ""
    api_secret: str = ""
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Messaging service SID to the numbers it pools."""
    alphanumeric: tuple[str, ...] = ()
    whatsapp: tuple[str, ...] = ()
    """Numbers that are WhatsApp senders."""
    templates: dict[str, dict[str, str]] = field(default_factory=dict)
    """Content SID to its language, body and WhatsApp's approval, as a template would have them."""
    inbound_url: str = ""
    """Where incoming texts are posted; empty means the template given at start."""
    inbound_urls: dict[str, str] = field(default_factory=dict)
    """The same, for one number or one service SID; wins over `inbound_url`."""


@dataclass(frozen=True)
class MailLogin:
    """A name and password for SMTP AUTH."""

    name: str
    username: str
    password: str


@dataclass(frozen=True)
class Accounts:
    """Everything the simulator knows at start."""

    x: tuple[XAccount, ...]
    sms: tuple[SmsAccount, ...]
    mail: tuple[MailLogin, ...]
    undelivered: dict[str, int]
    """Phone number to the carrier error its messages end with."""


class BadAccounts(ValueError):
    """The accounts file cannot be used; the text says what to change."""


DEMO: dict[str, Any] = {
    "x": [
        {
            "name": name,
            "user_id": user_id,
            "handle": handle,
            "display_name": display_name,
            "consumer_key": f"{name}-consumer-key",
            "consumer_secret": f"{name}-consumer-secret",
            "access_token": f"{user_id}-{name}-access-token",
            "access_token_secret": f"{name}-access-token-secret",
        }
        for name, user_id, handle, display_name in (
            ("ous", "1001", "OUS_demo", "Oslo University Hospital (demo)"),
            ("hod", "1002", "HOD_demo", "Ministry of Health (demo)"),
            ("ous-drill", "2001", "OUS_drill", "Oslo University Hospital (drill account)"),
            ("hod-drill", "2002", "HOD_drill", "Ministry of Health (drill account)"),
        )
    ],
    "sms": [
        {
            "name": name,
            "sid": "AC" + digit * 32,
            "auth_token": f"{name}-auth-token",
            "api_key": "SK" + digit * 32,
            "api_secret": f"{name}-api-secret",
            "numbers": [f"+1500555{number}", f"+1500555{number + 1}"],
            "services": {"MG" + digit * 32: [f"+1500555{number}", f"+1500555{number + 1}"]},
            "whatsapp": [f"+1500555{number}"],
            "templates": {
                f"HX{digit * 31}{at}": {"language": language, "body": body, "status": "approved"}
                for at, (language, body) in enumerate(
                    (
                        ("nb", "Melding til deg: {{1}} Svar STOPP hvis du ikke vil ha flere."),
                        ("nb", "Melding til deg: {{1}} Svar STOPP om du ikkje vil ha fleire."),
                        ("en", "A message for you: {{1}} Answer STOP to get no more."),
                    )
                )
            },
        }
        for name, digit, number in (
            ("ous", "1", 1100),
            ("hod", "2", 1200),
            ("ous-drill", "3", 2100),
            ("hod-drill", "4", 2200),
        )
    ],
    "mail": [
        {"name": name, "username": f"{name}@mail.example", "password": f"{name}-mail-password"}
        for name in ("ous", "hod", "ous-drill", "hod-drill")
    ],
    "undelivered": {
        "+15005553003": 30003,
        "+15005553004": 30004,
        "+15005553005": 30005,
        "+15005553006": 30006,
        "+15005553007": 30007,
        "+15005553008": 30008,
    },
}


def demo() -> Accounts:
    """The documented demo keys."""
    return parse(DEMO)


def load(path: Path) -> Accounts:
    """Read a JSON file of the shape of `DEMO`; a missing section keeps the demo one. Raises BadAccounts."""
    try:
        given = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadAccounts(f"cannot read the accounts file {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadAccounts(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict) or set(given) - set(DEMO):
        raise BadAccounts(f"{path} must be an object with the keys {', '.join(DEMO)} and no others")
    return parse({**DEMO, **given})


def parse(given: dict[str, Any]) -> Accounts:
    """Turn plain JSON values into records. Raises BadAccounts with the place of the mistake."""
    accounts = Accounts(
        x=tuple(_record(XAccount, row, f"x[{at}]") for at, row in enumerate(given["x"])),
        sms=tuple(_record(SmsAccount, _tuples(row), f"sms[{at}]") for at, row in enumerate(given["sms"])),
        mail=tuple(_record(MailLogin, row, f"mail[{at}]") for at, row in enumerate(given["mail"])),
        undelivered={str(number): int(code) for number, code in given["undelivered"].items()},
    )
    for what, keys in (
        ("access_token", [account.access_token for account in accounts.x]),
        ("user_id", [account.user_id for account in accounts.x]),
        ("sid", [account.sid for account in accounts.sms]),
        ("number", [number for account in accounts.sms for number in account.numbers]),
    ):
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise BadAccounts(f"{what} {', '.join(sorted(twice))} is given to two accounts")
    return accounts


def _record(kind: type[Record], row: Any, where: str) -> Record:
    if not isinstance(row, dict):
        raise BadAccounts(f"{where} must be an object")
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]  # always a dataclass
    if unknown := sorted(set(row) - known):
        raise BadAccounts(f"{where} has unknown keys: {', '.join(unknown)}")
    try:
        return kind(**row)
    except TypeError as error:
        raise BadAccounts(f"{where}: {error}") from error


def _tuples(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    listed = {key: tuple(row[key]) for key in ("numbers", "alphanumeric", "whatsapp") if key in row}
    pools = {"services": {sid: tuple(pool) for sid, pool in row.get("services", {}).items()}}
    return {**row, **listed, **pools}
