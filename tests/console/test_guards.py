"""Every route has a guard, and the guard holds: for nobody, for the wrong role, for another unit."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from crisis.console.guard import guard_of
from crisis.models import Grant, User
from crisis.runtime import Runtime
from crisis.states import Role

ANY_ID = uuid.UUID(int=7)


def path_of(app: Flask, rule: Rule) -> str:
    values = {name: _sample(converter) for name, converter in rule._converters.items()}
    method = min(rule.methods or {"GET"})
    return app.url_map.bind("localhost").build(rule.endpoint, values, method=method)


def _sample(converter: Any) -> Any:
    match type(converter).__name__:
        case "UUIDConverter":
            return ANY_ID
        case "IntegerConverter":
            return 7
        case "AnyConverter":
            return min(converter.items)
        case _:
            return "some"


def routes(app: Flask) -> list[tuple[str, str, Any]]:
    return [
        (method, path_of(app, rule), guard_of(app, rule.endpoint))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_every_route_has_a_guard(app: Flask) -> None:
    assert [rule.endpoint for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None] == []


def test_a_view_without_a_guard_is_refused(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    response = app.test_client().get("/forgotten")
    assert response.status_code == 403
    assert "secret" not in response.text


def test_nobody_gets_in_anywhere(app: Flask) -> None:
    client = app.test_client()
    for method, path, guard in routes(app):
        if guard.kind == "public":
            continue
        response = client.open(path, method=method)
        if method == "GET":
            assert (response.status_code, response.location) == (302, "/sign-in"), path
        else:
            assert response.status_code == 401, path
        assert client.open(path, method=method, headers={"X-Fragment": "1"}).status_code == 401, path


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_its_own_pages_and_no_other(app: Flask, sign_in: Any, make_user: Any, role: Role) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = sign_in_without_token(app, make_user(str(role), role))
    for method, path, guard in routes(app):
        if guard.kind != "may" or "sign-out" in path:
            continue
        status = client.open(path, method=method).status_code
        if role in guard.roles:
            assert status not in (401, 403, 500), (method, path, status)
        else:
            assert status == 403, (method, path, status)


def test_another_units_role_opens_nothing_here(app: Flask, make_user: Any, units: Any) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = sign_in_without_token(app, make_user("borte", Role.ADMINISTRATOR, unit="dep"))
    assert client.post("/unit", data={"unit": "ous"}).status_code == 404
    with client.session_transaction() as session:
        session["unit"] = "ous"  # even if the cookie said so
    assert "Oslo sykehus" not in client.get("/people/").text


def test_a_link_into_another_unit_opens_there_with_the_role_held_there(
    app: Flask, runtime: Runtime, make_user: Any, units: Any
) -> None:
    """Triage here, administrator there: their pages open there alone, and never what takes its unit from where one works."""
    app.config["WTF_CSRF_ENABLED"] = False
    theirs, ours = make_user("ola", Role.OFFICER, unit="dep"), make_user("per", Role.OFFICER)
    user = make_user("kari", Role.TRIAGER)
    with runtime.database.writing() as session:
        session.add(Grant(user_id=user.id, unit_id=units["dep"], role=Role.ADMINISTRATOR))
        session.add(Grant(user_id=user.id, unit_id=units["dep"], role=Role.APPROVER))
    client = sign_in_without_token(app, user)
    client.post("/unit", data={"unit": "ous"})
    assert "Departementet" in client.get(f"/users/{theirs.id}").text
    assert client.get(f"/users/{ours.id}").status_code == 404  # the role there counts for nothing here
    assert client.post(f"/users/{ours.id}/disable").status_code == 404
    assert client.get("/users/").status_code == 403  # no row is named: the unit one works in decides
    assert client.post("/playbooks/mass-casualty/initial/sign-off").status_code == 403
    assert client.get("/people/import/aaaa").status_code == 403


def test_an_unknown_address_is_told_in_the_readers_language(app: Flask, make_user: Any, runtime: Runtime) -> None:
    user = make_user("kari", Role.OFFICER)
    for language, words in (("en", "There is nothing here"), ("nn", "Her er det ingenting")):
        with runtime.database.writing() as session:
            session.get_one(User, user.id).language = language
        answer = sign_in_without_token(app, user).get("/nowhere")
        assert answer.status_code == 404
        assert words in answer.text


def test_forms_need_their_token(sign_in: Any, make_user: Any) -> None:
    client = sign_in(make_user("kari", Role.ADMINISTRATOR))
    response = client.post("/people/groups", data={"key": "staff", "name": "De ansatte"})
    assert response.status_code == 400
    assert client.post("/people/groups", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_security_headers_and_cookies(app: Flask) -> None:
    response = app.test_client().get("/sign-in")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    for cookie in response.headers.getlist("Set-Cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_pages_have_nothing_inline(sign_in: Any, make_user: Any) -> None:
    client = sign_in(make_user("kari", *Role))
    for path in ("/", "/people/", "/people/new", "/playbooks/", "/playbooks/mass-casualty", "/record/", "/users/new"):
        text = client.get(path).text
        assert not [inline for inline in (" style=", "<style", " onclick") if inline in text], path
        assert all("src=" in part.split(">")[0] for part in text.split("<script")[1:]), path


def sign_in_without_token(app: Flask, user: Any) -> Any:
    """A browser that holds a complete sign-in, made in the database: the pages of signing in are tested elsewhere."""
    from crisis.console import identity
    from crisis.models import utcnow

    client = app.test_client()
    with app.extensions["crisis"].database.writing() as session:
        token = identity.start(session, user.id, "127.0.0.1", utcnow(), complete=True)
    client.set_cookie("crisis-sign-in", token)
    return client
