"""Secrets of an installation on one machine: its own key, the demo accounts' worthless ones, and who may see which.

A real secret is never written down here. Processes get them in their environment, and each only those it needs.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from crisis.embedded.ports import endpoint
from crisis.hosts import own_machine
from crisis.settings import AccountSettings, SecretRef, Settings
from crisis.simulator.accounts import Accounts, demo
from crisis.simulator.networks import NETWORKS


def make_secret_key(settings: Settings) -> bool:
    """Make the installation's secret key file unless it is there, readable by its owner only. True when it was made."""
    path = settings.console.secret_key.file
    if path is None or path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
    return True


def references(options: object) -> Iterator[tuple[str, SecretRef]]:
    """The secrets a table of the settings names, each with the key it stands under."""
    if isinstance(options, BaseModel):
        for name in type(options).model_fields:
            value = getattr(options, name)
            if isinstance(value, SecretRef):
                yield name, value


def variables(accounts: Iterable[AccountSettings]) -> frozenset[str]:
    """The environment variables that hold these accounts' secrets."""
    return frozenset(ref.env for account in accounts for _, ref in references(account.options) if ref.env)


def demo_secrets(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The simulator's own keys for accounts that talk to it and whose variables are not set already."""
    known, found = demo(), {}
    for account in settings.accounts:
        host, _ = endpoint(account)
        if host and not own_machine(host):
            continue
        values = _values(account, known)
        for option, ref in references(account.options):
            if ref.env and not environment.get(ref.env) and option in values:
                found[ref.env] = _placed(values[option], settings)
    return found


def _placed(secret: str, settings: Settings) -> str:
    """An address that is a secret as a whole names the simulator's port: where most accounts look for it."""
    if "{port}" not in secret:
        return secret
    found = Counter(
        port
        for host, port in map(endpoint, (one for one in settings.accounts if hasattr(one.options, "base_url")))
        if port is not None and own_machine(host)
    )
    return secret.replace("{port}", str(found.most_common(1)[0][0])) if found else secret


def _values(account: AccountSettings, known: Accounts) -> Mapping[str, str]:
    """What the simulator expects of the account with this public name."""
    options = account.options
    if network := NETWORKS.get(account.channel):
        for one in network.demo:
            if all(getattr(options, name, None) == value for name, value in one.public.items()):
                return one.secrets
        return {}
    for x in known.x:
        if x.handle == getattr(options, "handle", None):
            names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
            return {name: getattr(x, name) for name in names}
    for sms in known.sms:
        if sms.sid == getattr(options, "account_sid", None):
            return {"auth_token": sms.auth_token, "api_key_secret": sms.api_secret}
    for mail in known.mail:
        if mail.username == getattr(options, "username", None):
            return {"password": mail.password}
    return {}


def all_references(settings: Settings) -> Iterator[tuple[str, SecretRef]]:
    """Every secret the settings name, with where."""
    for name, ref in references(settings.console):
        yield f"console.{name}", ref
    for account in settings.accounts:
        for name, ref in references(account.options):
            yield f"account {account.key}, {name}", ref
