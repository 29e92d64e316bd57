"""Signing in as a person does it: through the pages, with a real database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from crisis.actor import SYSTEM
from crisis.console import identity, rights
from crisis.models import SignIn, User
from crisis.runtime import Runtime
from crisis.states import NotAllowed, Role
from tests.console.conftest import PASSWORD, send, token_in


def code_of(runtime: Runtime, user: User, at: datetime | None = None) -> str:
    with runtime.database.reading() as session:
        secret = runtime.seal.open(session.get_one(User, user.id).totp_secret or "")
    return pyotp.TOTP(secret).at(at or datetime.now(UTC))


def test_password_then_code_then_in(client: FlaskClient, runtime: Runtime, make_user: Callable[..., User]) -> None:
    user = make_user("kari", Role.OFFICER)
    assert client.get("/").location == "/sign-in"
    assert send(client, "/sign-in", "/sign-in", login="KARI ", password=PASSWORD).location == "/sign-in/code"
    assert client.get("/").location == "/sign-in/code", "half a sign-in opens nothing"
    half = client.get_cookie("crisis-sign-in").value
    response = send(client, "/sign-in/code", "/sign-in/code", code=code_of(runtime, user))
    assert response.location == "/"
    assert client.get_cookie("crisis-sign-in").value != half, "a planted token is worth nothing"
    assert client.get("/").status_code == 200


def test_a_code_is_good_once(app: Flask, runtime: Runtime, make_user: Callable[..., User]) -> None:
    user = make_user("kari", Role.OFFICER)
    code = code_of(runtime, user)
    results = []
    for client in (app.test_client(), app.test_client()):
        send(client, "/sign-in", "/sign-in", login="kari", password=PASSWORD)
        results.append(send(client, "/sign-in/code", "/sign-in/code", code=code).status_code)
    assert results == [302, 401]


def test_unknown_login_and_wrong_password_read_the_same(client: FlaskClient, make_user: Callable[..., User]) -> None:
    make_user("kari", Role.OFFICER)
    known = send(client, "/sign-in", "/sign-in", login="kari", password="wrong")
    unknown = send(client, "/sign-in", "/sign-in", login="ola", password="wrong")

    def plain(response: Any) -> str:
        return response.text.replace("kari", "").replace("ola", "").replace(token_in(response.text), "")

    assert known.status_code == unknown.status_code == 401
    assert plain(known) == plain(unknown)


def test_guessing_is_slowed_and_the_wait_is_said(client: FlaskClient, make_user: Callable[..., User]) -> None:
    make_user("kari", Role.OFFICER)
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        for _ in range(6):
            client_response = send(client, "/sign-in", "/sign-in", login="kari", password="wrong")
        assert client_response.status_code == 429
        assert "2 sek" in client_response.text or "2 seconds" in client_response.text
        # The right password must wait too, and works when the time is over.
        assert send(client, "/sign-in", "/sign-in", login="kari", password=PASSWORD).status_code == 429
        clock.shift(timedelta(seconds=3))
        assert send(client, "/sign-in", "/sign-in", login="kari", password=PASSWORD).status_code == 302


def test_idle_signs_out_and_typed_text_is_not_lost(sign_in: Any, runtime: Runtime, make_user: Any) -> None:
    user = make_user("kari", Role.OFFICER)
    client = sign_in(user)
    token = token_in(client.get("/me/").text)
    later = datetime.now(UTC) + timedelta(minutes=31)
    with time_machine.travel(later):
        assert client.get("/").location == "/sign-in"
        lost = client.post("/unit", data={"csrf_token": token, "unit": "ous"})
        assert lost.status_code == 401
        assert 'target="_blank"' in lost.text
        send(client, "/sign-in", "/sign-in", login="kari", password=PASSWORD)
        send(client, "/sign-in/code", "/sign-in/code", code=code_of(runtime, user, later))
        again = client.post("/unit", data={"csrf_token": token, "unit": "ous"})
        assert again.status_code == 302, "the form typed before still works for the same person"


def test_an_idle_page_does_not_keep_anybody_signed_in(sign_in: Any, make_user: Any) -> None:
    client = sign_in(make_user("kari", Role.OFFICER))
    start = datetime.now(UTC)
    for minute in range(5, 30, 5):
        with time_machine.travel(start + timedelta(minutes=minute)):
            assert client.get("/now", headers={"X-Fragment": "1"}).status_code in (200, 304)
    with time_machine.travel(start + timedelta(minutes=31)):
        assert client.get("/now", headers={"X-Fragment": "1"}).status_code == 401


def test_a_watched_page_does(sign_in: Any, make_user: Any) -> None:
    client = sign_in(make_user("kari", Role.OFFICER))
    start = datetime.now(UTC)
    for minute in range(20, 100, 20):
        with time_machine.travel(start + timedelta(minutes=minute)):
            assert client.get("/now", headers={"X-Fragment": "1", "X-Active": "1"}).status_code in (200, 304)


def test_sign_out_everywhere(sign_in: Any, runtime: Runtime, make_user: Any) -> None:
    user = make_user("kari", Role.OFFICER)
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=5)):
        other = sign_in(user)
    client = sign_in(user)
    assert send(client, "/me/", "/sign-out", everywhere="yes").status_code == 302
    assert other.get("/").location == "/sign-in"
    with runtime.database.reading() as session:
        assert session.query(SignIn).count() == 0


def test_first_sign_in_enrols(client: FlaskClient, runtime: Runtime, units: Any) -> None:
    with runtime.database.writing() as session:
        user, once = rights.create_user(session, SYSTEM, "Ny Bruker", "ny", units["ous"], [Role.OFFICER])
    send(client, "/sign-in", "/sign-in", login="ny", password=once)
    page = client.get("/sign-in/code", follow_redirects=True).text
    assert "<svg" in page
    assert "style=" not in page
    key = page.split('class="code">')[1].split("<")[0].replace(" ", "")
    short = send(client, "/sign-in/enrol", "/sign-in/enrol", password="short", again="short", code="1")
    assert short.status_code == 422
    code = pyotp.TOTP(key).at(datetime.now(UTC))
    done = send(client, "/sign-in/enrol", "/sign-in/enrol", password=PASSWORD, again=PASSWORD, code=code)
    assert done.status_code == 302
    assert client.get("/").status_code == 200
    with runtime.database.reading() as session:
        row = session.get_one(User, user.id)
        assert row.totp_secret
        assert key not in row.totp_secret, "the secret is sealed"
        assert not identity.password_right(row, once)


def test_of_two_browsers_that_know_the_one_time_password_one_gets_in(runtime: Runtime, units: Any) -> None:
    with runtime.database.writing() as session:
        user, _ = rights.create_user(session, SYSTEM, "Ny Bruker", "ny", units["ous"], [Role.OFFICER])

    def enrol(secret: str) -> None:
        now = datetime.now(UTC)
        with runtime.database.writing() as session:
            row, code = session.get_one(User, user.id), pyotp.TOTP(secret).at(now)
            identity.enrol(session, row, runtime.seal, secret=secret, code=code, password_hash="-", now=now)

    first = identity.new_secret()
    enrol(first)
    with pytest.raises(NotAllowed):
        enrol(identity.new_secret())
    with runtime.database.reading() as session:
        assert runtime.seal.open(session.get_one(User, user.id).totp_secret or "") == first


def test_guessing_the_password_of_an_open_browser_is_slowed_down(
    make_user: Callable[..., User], sign_in: Callable[..., FlaskClient]
) -> None:
    client = sign_in(make_user("kari", Role.OFFICER))
    for _ in range(5):
        page = send(client, "/me/", "/me/password", old="guess", password="n" * 12, again="n" * 12)
        assert page.status_code == 422
    again = send(client, "/me/", "/me/password", old=PASSWORD, password="n" * 12, again="n" * 12)
    assert again.status_code == 422, "even the right one has to wait"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        done = send(client, "/me/", "/me/password", old=PASSWORD, password="n" * 12, again="n" * 12)
    assert done.status_code == 302


def test_a_one_time_password_runs_out(client: FlaskClient, runtime: Runtime, units: Any) -> None:
    with runtime.database.writing() as session:
        _, once = rights.create_user(session, SYSTEM, "Ny Bruker", "ny", units["ous"], [Role.OFFICER])
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=71)):
        assert send(client, "/sign-in", "/sign-in", login="ny", password=once).status_code == 302
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=73)):
        late = send(client, "/sign-in", "/sign-in", login="ny", password=once)
        assert late.status_code == 401
        assert "Engangspassordet er gått ut" in late.text
        wrong = send(client, "/sign-in", "/sign-in", login="ny", password="guess")
        assert "gått ut" not in wrong.text  # only who has it hears what became of it


def test_hashing_costs_what_the_library_says(product_hasher: PasswordHasher) -> None:
    assert product_hasher.memory_cost >= 64 * 1024  # KiB; RFC 9106, second recommended option
    assert product_hasher.time_cost >= 3


def test_weaker_hashes_are_renewed(client: FlaskClient, runtime: Runtime, make_user: Any) -> None:
    user = make_user("kari", Role.OFFICER)
    with runtime.database.writing() as session:
        session.get_one(User, user.id).password_hash = weak = PasswordHasher(
            time_cost=2, memory_cost=8, parallelism=1
        ).hash(PASSWORD)
    send(client, "/sign-in", "/sign-in", login="kari", password=PASSWORD)
    with runtime.database.reading() as session:
        assert session.get_one(User, user.id).password_hash != weak


def test_a_disabled_user_is_out_at_once(sign_in: Any, runtime: Runtime, make_user: Any) -> None:
    user = make_user("kari", Role.OFFICER)
    client = sign_in(user)
    with runtime.database.writing() as session:
        session.get_one(User, user.id).disabled_at = datetime.now(UTC)
    assert client.get("/").location == "/sign-in"


def test_nobody_is_sent_to_another_site(client: FlaskClient) -> None:
    token = token_in(client.get("/sign-in").text)
    for bad in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert client.post("/language", data={"csrf_token": token, "language": "en", "back": bad}).location == "/"
