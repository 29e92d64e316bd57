"""The only wiring: settings in, a running set of parts out. Nothing else builds a database, a queue or an account.

A process asks for what it needs: the console for everything but open channels, a sender for the channels of one mode.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis import migrations, queues
from crisis.channels.base import Channel
from crisis.channels.registry import FACTS, KINDS, OPTIONS, Opening
from crisis.db import Database
from crisis.media.leaving import Luggage
from crisis.media.store import Store
from crisis.models import Account, Unit, utcnow
from crisis.playbooks.read import PlaybookFolder
from crisis.seal import Seal
from crisis.sending import fallback
from crisis.sending.address_codes import AddressCodes
from crisis.sending.answer_links import AnswerLinks
from crisis.sending.notes import DatabaseNotes
from crisis.sending.personal import Personal
from crisis.sending.unsubscribe import Unsubscribe
from crisis.settings import AccountSettings, Settings, SettingsError
from crisis.settings import read as read_settings
from crisis.states import Mode


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts a process works with."""

    settings: Settings
    database: Database
    wakeups: queues.Wakeups
    playbooks: PlaybookFolder
    seal: Seal
    unsubscribe: Unsubscribe
    answers: AnswerLinks
    personal: Personal
    media: Store
    luggage: Luggage

    def open_channels(self, mode: Mode) -> dict[uuid.UUID, Channel]:
        """Open every account of `mode`, and no other: a drill sender never reveals a live secret.

        Raises `SettingsError` when a secret cannot be read.
        """
        with self.database.reading() as session:
            rows = session.scalars(select(Account).where(Account.mode == mode, Account.active)).all()
        configured = {account.key: account for account in self.settings.accounts}
        return {row.id: self.open_channel(configured[row.key]) for row in rows if row.key in configured}

    def open_channel(self, account: AccountSettings) -> Channel:
        """Open one account. Nothing is sent and nobody is called until it is used."""
        unit = self.settings.unit(account.unit)
        return KINDS[account.channel].open(
            Opening(
                key=account.key,
                unit=unit.name,
                mode=account.mode,
                languages=account.languages,
                options=account.options,
                public_url=self.settings.console.public_url,
                data_dir=self.settings.data_dir,
                zone=unit.tz,
                notes=DatabaseNotes(self.database, self.seal, account.key),
            )
        )

    def close(self) -> None:
        self.wakeups.close()
        self.database.close()


def load(path: Path) -> Settings:
    """Read the settings file with every channel's own options checked. Raises `SettingsError`, all mistakes at once."""
    return read_settings(path, OPTIONS, _alike, {name for name, facts in FACTS.items() if facts.public})


def _alike(channel: str, other: str) -> bool:
    """Can what is written for one channel leave on the other: same length of text, same kind of destination?"""
    one, two = FACTS[channel], FACTS[other]
    return (one.form, one.medium) == (two.form, two.medium)


def start(settings: Settings) -> Runtime:
    """Build the parts and make the database's units and accounts match the settings.

    Raises `SettingsError` when the settings and the database cannot be right together.
    """
    runtime = build(settings)
    migrations.demand_current(runtime.database)
    with runtime.database.writing() as session:
        match_settings(session, settings)
    return runtime


def build(settings: Settings) -> Runtime:
    """The parts, wired; nothing is read or written yet."""
    database = Database(settings.database_url or f"sqlite:///{settings.data_dir / 'crisis.db'}")
    wakeups = queues.Wakeups(settings.redis_url)

    def send_noted(session: Session) -> None:
        if wanted := queues.noted(session):
            wakeups.send(wanted)

    database.after_commit = send_noted
    secret_key = settings.console.secret_key.reveal()
    media = Store.of(settings)
    answers = AnswerLinks(secret_key, settings.console.public_url)
    return Runtime(
        settings=settings,
        database=database,
        wakeups=wakeups,
        playbooks=PlaybookFolder(settings.playbooks_dir),
        seal=Seal(secret_key),
        unsubscribe=Unsubscribe(secret_key, settings.console.public_url),
        answers=answers,
        personal=Personal(answers, AddressCodes(secret_key)),
        media=media,
        luggage=Luggage(media, settings.console.public_url),
    )


def match_settings(session: Session, settings: Settings) -> None:
    """Make the unit and account rows say what crisis.toml says; accounts that are gone are kept, inactive."""
    units = {unit.key: unit for unit in session.scalars(select(Unit))}
    for told in settings.units:
        unit = units.get(told.key)
        if unit is None:
            unit = units[told.key] = Unit(key=told.key, name=told.name)
            session.add(unit)
        unit.name = told.name
    session.flush()
    accounts = {account.key: account for account in session.scalars(select(Account))}
    for told_account in settings.accounts:
        account = accounts.pop(told_account.key, None)
        if account is None:
            account = Account(
                key=told_account.key,
                unit_id=units[told_account.unit].id,
                channel=told_account.channel,
                mode=Mode(told_account.mode),
            )
            session.add(account)
        if account.mode != told_account.mode or account.channel != told_account.channel:
            # An account that changed sides would carry its history along: a new use needs a new key.
            say = (
                f"account '{account.key}' was a {account.mode} {account.channel} account and now is"
                f" {told_account.mode} {told_account.channel}; give it a new key"
            )
            raise SettingsError([say])
        account.languages = list(told_account.languages)
        account.active = True
    for gone in accounts.values():
        gone.active = False
    session.flush()
    rows = {account.key: account for account in session.scalars(select(Account))}
    named = {told.key: told.fallback for told in settings.accounts}
    for account in rows.values():
        fallback.name_fallback(session, account, rows.get(named.get(account.key) or ""), utcnow())
