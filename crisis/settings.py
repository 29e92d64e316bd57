"""One frozen record of everything a process is told, from crisis.toml and the environment.

Every mistake is reported at once, each with its line and a remedy; a process never starts on half-understood settings.
Secrets are never values here, only references to where they are kept, so printing settings shows none.
"""

from __future__ import annotations

import operator
import os
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from crisis.hosts import is_address, own_machine
from crisis.logs import remember
from crisis.toml_lines import line_of

Language = Literal["nb", "nn", "en"]
LaneName = Literal[
    "danger", "next_of_kin", "press", "rumour", "question", "offer", "complaint", "thanks", "noise"
]  # crisis/states.py, Lane
LANGUAGES: tuple[Language, ...] = ("nb", "nn", "en")


class Frozen(BaseModel):
    """A table of the settings file: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretRef(Frozen):
    """Where a secret is kept: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`. Never the secret itself."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_bare_secret(cls, value: Any) -> Any:
        if isinstance(value, str):
            # The value is not repeated in the message: it is a secret in the wrong place.
            msg = 'a secret stands in the file; keep it elsewhere and write { env = "NAME" } or { file = "PATH" }'
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _one_place(self) -> SecretRef:
        if (self.env is None) == (self.file is None):
            msg = 'name one place: { env = "NAME" } or { file = "PATH" }'
            raise ValueError(msg)
        return self

    def reveal(self) -> str:
        """The secret, read now. Raises `SettingsError` naming the place, never the value."""
        if self.env is not None:
            if secret := os.environ.get(self.env):
                remember(secret)  # so that no log line ever shows it
                return secret
            raise SettingsError([f"environment variable {self.env} is not set; it should hold a secret"])
        assert self.file is not None  # noqa: S101 - _one_place holds it
        try:
            secret = self.file.read_text().strip()
        except OSError as error:
            raise SettingsError([f"secret file {self.file}: {error.strerror}; make it readable by this user"]) from None
        except UnicodeDecodeError:
            raise SettingsError([f"secret file {self.file} is no text; write the secret into it as UTF-8"]) from None
        remember(secret)
        return secret


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        msg = f"'{name}' is no time zone; write one like Europe/Oslo"
        raise ValueError(msg)
    return name


Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class TriageSettings(Frozen):
    """How a unit listens: within how many minutes each lane is to be settled, and its own words."""

    targets: dict[LaneName, Annotated[int, Field(ge=1, le=10_080)]] = {}
    rules_dir: Path | None = None
    rumour_playbook: str = "false-information"
    free_text_second_person: bool = True

    def target(self, lane: str) -> int | None:
        """Minutes within which one of this lane is to be settled; None when nobody waits."""
        own = {str(key): minutes for key, minutes in self.targets.items()}
        return own.get(lane, TARGETS.get(lane))


TARGETS: Mapping[str, int] = {
    "danger": 2,
    "next_of_kin": 10,
    "press": 20,
    "rumour": 20,
    "question": 60,
    "offer": 120,
    "complaint": 240,
}


class FeedSettings(Frozen):
    """A news feed of the unit's own web site. `hosts` are other names a redirect may lead to."""

    url: str = Field(max_length=500)
    hosts: tuple[str, ...] = ()
    every_minutes: int = Field(default=15, ge=1, le=1440)

    @model_validator(mode="after")
    def _from_outside(self) -> FeedSettings:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if not host or parts.username or parts.password or not self.url.isprintable() or " " in self.url:
            msg = "write the whole address of the feed, without name and password"
            raise ValueError(msg)
        if parts.scheme != "https" and not (parts.scheme == "http" and own_machine(host)):
            msg = "a feed is fetched over https; http is for the demo on this machine only"
            raise ValueError(msg)
        for name in (host, *self.hosts):
            if not (name == host and own_machine(host)) and (is_address(name) or own_machine(name) or "." not in name):
                msg = f"'{name}' is no name of a public web site"
                raise ValueError(msg)
        return self


class UnitSettings(Frozen):
    """A part of the organisation with its own accounts, playbooks and officers."""

    key: Key
    name: str = Field(max_length=40, description="{organisation} in every text; counted by `crisis playbooks check`")
    kind: Literal["hospital", "public_body"]
    zone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Oslo"
    language: Language = "nb"
    countdown_live_seconds: int = Field(default=10, ge=0, le=60)
    countdown_drill_seconds: int = Field(default=3, ge=0, le=60)
    link_domains: tuple[str, ...] = ()
    alert_key: SecretRef | None = None
    alert_token: SecretRef | None = None
    link_test_at: str = Field(default="03:30", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    planned_late_minutes: int = Field(default=60, ge=1, le=1440)
    planned_second_person: bool = False
    planned_utm: bool = False
    feeds: tuple[FeedSettings, ...] = ()
    triage: TriageSettings = TriageSettings()
    keep_inbound_days: int = Field(default=180, ge=1, le=3650)
    keep_evidence_days: int = Field(default=365, ge=1, le=3650)
    keep_inbound_days_by_lane: dict[LaneName, Annotated[int, Field(ge=1, le=3650)]] = Field(default_factory=dict)

    def keeps(self, lane: str) -> int:
        """Days after which what a private person said in this lane is erased."""
        by_lane = {str(name): days for name, days in self.keep_inbound_days_by_lane.items()}
        return by_lane.get(lane, self.keep_inbound_days)

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class AccountSettings(Frozen):
    """One configured use of a channel by a unit. `options` is the channel's own table, checked by the channel."""

    key: Key
    unit: Key
    channel: str
    mode: Literal["live", "drill"]
    languages: tuple[Language, ...] = ("nb",)
    pace: float | None = Field(default=None, gt=0, le=10_000)
    shards: int = Field(default=1, ge=1, le=16)
    retry_uncertain_minutes: int | None = Field(default=None, ge=1)
    fallback: Key | None = None
    fallback_after_minutes: int = Field(default=5, ge=1, le=1440)
    options: Any = None


class ConsoleSettings(Frozen):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    public_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^\s]+[^/]$")
    secure_cookies: bool = False
    idle_minutes: int = Field(default=30, ge=1, le=720)
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    secret_key: SecretRef = SecretRef(file=Path("var/secret-key"))
    metrics_token: SecretRef | None = None


class Settings(Frozen):
    """What a process needs to know. `path` is the file it came from."""

    path: Path = Path("crisis.toml")
    data_dir: Path = Path("var")
    playbooks_dir: Path = Path("playbooks")
    database_url: str = ""
    redis_url: str = ""
    emergency_copy_minutes: int = Field(default=5, ge=0, le=1440)
    media_picture_megabytes: int = Field(default=30, ge=1, le=200)
    media_film_megabytes: int = Field(default=1024, ge=1, le=4000)
    console: ConsoleSettings = ConsoleSettings()
    units: tuple[UnitSettings, ...] = ()
    accounts: tuple[AccountSettings, ...] = ()

    def unit(self, key: str) -> UnitSettings:
        return next(unit for unit in self.units if unit.key == key)


class SettingsError(Exception):
    """Every mistake found, one line each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


_ACCOUNT_KEYS = {name for name in AccountSettings.model_fields if name != "options"}


def read(
    path: Path,
    options: Mapping[str, type[BaseModel]],
    alike: Callable[[str, str], bool] = operator.eq,
    walls: Collection[str] = (),
) -> Settings:
    """Read `path`; `options` gives each channel's own table by channel name. Raises `SettingsError`, all at once.

    `alike` says whether what was written for one channel can be said on another; `walls` are the channels that have one
    receiver only.

    DATABASE_URL and REDIS_URL in the environment win over the file, because that is where machines keep them.
    """
    try:
        source = path.read_text()
        raw = tomllib.loads(source)
    except OSError as error:
        raise SettingsError([f"{path}: {error.strerror}; copy crisis.example.toml and edit it"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: {error}; this is not TOML"]) from None

    mistakes: list[str] = []

    def blame(where: tuple[str | int, ...], what: str) -> None:
        line = line_of(source, where)
        mistakes.append(f"{path}:{line}: {'.'.join(map(str, where))}: {what}")

    raw["path"] = path
    accounts = raw.get("accounts", [])
    for index, account in enumerate(accounts if isinstance(accounts, list) else []):
        own = {name: account.pop(name) for name in set(account) - _ACCOUNT_KEYS}
        channel = account.get("channel")
        if channel not in options:
            blame(("accounts", index, "channel"), f"'{channel}' is no channel; known are {', '.join(sorted(options))}")
            continue
        try:
            account["options"] = options[channel].model_validate(own)
        except ValidationError as error:
            for item in error.errors():
                blame(("accounts", index, *item["loc"]), _remedy(item))
    for name, variable in (("database_url", "DATABASE_URL"), ("redis_url", "REDIS_URL")):
        if os.environ.get(variable):
            raw[name] = os.environ[variable]
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        for item in error.errors():
            blame(item["loc"], _remedy(item))
        raise SettingsError(mistakes) from None
    _contradictions(settings, blame, alike, walls)
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _remedy(item: Any) -> str:
    match item["type"]:
        case "extra_forbidden":
            return "there is no such setting; remove it or mend the spelling (docs/settings.md lists them all)"
        case "missing":
            return "is missing; add it (docs/settings.md says what it means)"
        case "value_error":
            return str(item["ctx"]["error"])
        case _:
            return f"{item['msg'].lower()}; got {item['input']!r}"


def _contradictions(settings: Settings, blame: Any, alike: Callable[[str, str], bool], walls: Collection[str]) -> None:
    units = [unit.key for unit in settings.units]
    seen: set[str] = set()
    for index, unit in enumerate(units):
        if unit in units[:index]:
            blame(("units", index, "key"), f"'{unit}' is used twice; every unit needs a key of its own")
        addresses = [feed.url for feed in settings.units[index].feeds]
        for place, address in enumerate(addresses):
            if address in addresses[:place]:
                blame(("units", index, "feeds", place, "url"), "this feed is named twice; remove one of the two")
    for index, account in enumerate(settings.accounts):
        if account.unit not in units:
            blame(("accounts", index, "unit"), f"there is no unit '{account.unit}'; known are {', '.join(units)}")
        if account.key in seen:
            blame(("accounts", index, "key"), f"'{account.key}' is used twice; every account needs a key of its own")
        seen.add(account.key)
        if account.fallback is not None and (what := _odd_fallback(settings, account, alike)):
            blame(("accounts", index, "fallback"), what)
        for other in settings.accounts[:index]:
            if account.channel in walls and (what := _other_side(settings, account, other)):
                blame(("accounts", index, "mode"), what)
        if account.shards > 1 and account.channel in walls:
            what = f"{account.channel} has one receiver, its own wall, and there is nothing to split; remove the line"
            blame(("accounts", index, "shards"), what)


def _other_side(settings: Settings, account: AccountSettings, other: AccountSettings) -> str:
    """Do a live and a drill account of one channel speak on the same wall? Then what to do about it; empty when not."""
    if account.channel != other.channel or account.mode == other.mode:
        return ""
    keys = _secrets(account)
    if keys and keys == _secrets(other):
        return f"it has the very keys of the {other.mode} account '{other.key}'; give it an account and keys of its own"
    if hasattr(account.options, "directory") and _folder(settings, account) == _folder(settings, other):
        return (
            f"the {other.mode} pages of '{other.key}' are written to the same folder; give each a directory of its own"
        )
    return ""


def _secrets(account: AccountSettings) -> dict[str, SecretRef]:
    named = type(account.options).model_fields if isinstance(account.options, BaseModel) else {}
    return {name: ref for name in named if isinstance(ref := getattr(account.options, name), SecretRef)}


def _folder(settings: Settings, account: AccountSettings) -> Path:
    told: Path | None = account.options.directory
    return (told or settings.data_dir / "pages" / account.mode).resolve()


def _odd_fallback(settings: Settings, account: AccountSettings, alike: Callable[[str, str], bool]) -> str:
    """Why the named fallback cannot be one, and what to do; empty when it can."""
    other = next((one for one in settings.accounts if one.key == account.fallback), None)
    if other is None:
        return f"there is no account '{account.fallback}'; name one of this unit, or remove the line"
    if other.key == account.key:
        return "an account cannot stand in for itself; name another one"
    if other.unit != account.unit:
        return f"'{other.key}' is an account of unit '{other.unit}'; name one of unit '{account.unit}'"
    if other.mode != account.mode:
        return f"'{other.key}' is a {other.mode} account; name a {account.mode} one"
    if not alike(account.channel, other.channel):
        return f"'{other.key}' ({other.channel}) cannot say what is written for {account.channel}; name another account"
    if other.fallback is not None:
        return f"'{other.key}' names a fallback itself, and they form no chains; remove one of the two lines"
    if missing := [language for language in account.languages if language not in other.languages]:
        return f"'{other.key}' does not speak {', '.join(missing)}; add that to its languages"
    return ""
