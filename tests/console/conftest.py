"""A real console on a fresh database: two units, accounts, one playbook, and users who can sign in."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined

from crisis import passwords
from crisis.actor import SYSTEM
from crisis.console import create_app, rights
from crisis.db import Database
from crisis.models import Account, Unit, User
from crisis.runtime import Runtime, start
from crisis.settings import ConsoleSettings, SecretRef, Settings, UnitSettings
from crisis.states import Mode, Role
from tests.tables import make_tables

PLAYBOOK = Path(__file__).parents[2] / "playbooks" / "mass-casualty.toml"
PASSWORD = "four random words here"


@contextmanager
def a_runtime(folder: Path) -> Iterator[Runtime]:
    (folder / "secret").write_text("a secret key for tests only")
    (folder / "playbooks").mkdir()
    shutil.copy(PLAYBOOK, folder / "playbooks")
    settings = Settings(
        data_dir=folder / "var",
        playbooks_dir=folder / "playbooks",
        console=ConsoleSettings(secret_key=SecretRef(file=folder / "secret")),
        units=(
            UnitSettings(key="ous", name="Oslo sykehus", kind="hospital", language="nb"),
            UnitSettings(key="dep", name="Departementet", kind="public_body", language="nn"),
        ),
    )
    made = Database(f"sqlite:///{settings.data_dir / 'crisis.db'}")
    make_tables(made)
    made.close()
    parts = start(settings)
    with parts.database.writing() as session:
        for unit in session.query(Unit):
            for mode in Mode:
                session.add(
                    Account(key=f"sms-{unit.key}-{mode}", unit_id=unit.id, channel="sms", mode=mode, languages=["nb"])
                )
    yield parts
    parts.close()


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with a_runtime(tmp_path) as parts:
        yield parts


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    made = create_app(runtime)
    made.testing = False  # error pages are part of what is tested
    made.jinja_env.undefined = StrictUndefined
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def units(runtime: Runtime) -> dict[str, uuid.UUID]:
    with runtime.database.reading() as session:
        return {unit.key: unit.id for unit in session.query(Unit)}


@pytest.fixture
def make_user(runtime: Runtime, units: dict[str, uuid.UUID]) -> Callable[..., User]:
    """A user past enrolment, with roles in the unit "ous" unless told otherwise."""

    def make(login: str, *roles: Role, unit: str = "ous") -> User:
        with runtime.database.writing() as session:
            user, _ = rights.create_user(session, SYSTEM, login.title(), login, units[unit], roles)
            user.password_hash, user.password_until = passwords.hashed(PASSWORD), None
            user.totp_secret = runtime.seal.close(pyotp.random_base32())
        return user

    return make


def token_in(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found, "no form token in the page"
    return found[1]


def send(client: FlaskClient, page: str, path: str, **form: object) -> object:
    """Open `page`, then post to `path` with the token found there."""
    token = token_in(client.get(page).text)
    return client.post(path, data={"csrf_token": token, **form})


@pytest.fixture
def sign_in(app: Flask, runtime: Runtime) -> Callable[..., FlaskClient]:
    """A browser in which this user has signed in, through the pages."""

    def do(user: User) -> FlaskClient:
        client = app.test_client()
        send(client, "/sign-in", "/sign-in", login=user.login, password=PASSWORD)
        with runtime.database.reading() as session:
            secret = runtime.seal.open(session.get_one(User, user.id).totp_secret or "")
        response = send(client, "/sign-in/code", "/sign-in/code", code=pyotp.TOTP(secret).at(datetime.now(UTC)))
        assert response.status_code == 302, response.text
        return client

    return do
