"""The pages used as people use them: forms filled in, results looked at, the record read afterwards."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from crisis.models import Account, AuditRow, Person, SignOff, User, utcnow
from crisis.playbooks.signoff import latest
from crisis.runtime import Runtime
from crisis.states import Role
from tests.console.conftest import send, token_in


@pytest.fixture
def admin(sign_in: Any, make_user: Callable[..., User]) -> FlaskClient:
    return sign_in(make_user("kari", *Role))


def acts(runtime: Runtime) -> list[str]:
    with runtime.database.reading() as session:
        return list(session.scalars(select(AuditRow.act).order_by(AuditRow.number)))


def test_a_person_is_made_mended_and_removed(admin: FlaskClient, runtime: Runtime) -> None:
    send(admin, "/people/groups", "/people/groups", key="staff", name="De ansatte")
    wrong = send(
        admin,
        "/people/new",
        "/people/new",
        name="Ola",
        reference="17",
        language="nb",
        medium="phone",
        address="12",
        consent="yes",
    )
    assert wrong.status_code == 422
    assert 'value="12"' in wrong.text, "what was typed is still there"
    made = send(
        admin, "/people/new", "/people/new", name="Ola", reference="17", language="nn", groups="staff",
        medium=["mailbox", "phone"], address=["ola@ous.no", "22 33 44 55"], consent=["no", "yes"],
    )  # fmt: skip
    assert made.status_code == 302
    page = admin.get(made.location).text
    assert "+47 22 33 44 55" in page
    with runtime.database.reading() as session:
        person = session.query(Person).one()
        assert [(one.address, one.consent) for one in person.destinations] == [
            ("ola@ous.no", False),
            ("+4722334455", True),
        ]
    assert "Ola" in admin.get("/people/?q=2233").text
    assert send(admin, made.location, f"{made.location}/remove").status_code == 302
    assert acts(runtime)[-3:] == ["group.created", "person.created", "person.removed"]


def test_an_import_does_nothing_before_the_yes(
    admin: FlaskClient, runtime: Runtime, sign_in: Any, make_user: Any
) -> None:
    csv = "reference;name;phone;groups\n1;Åse;90000000;staff\n2;Ola;12;staff\n".encode()
    token = token_in(admin.get("/people/import").text)
    look = admin.post("/people/import", data={"csrf_token": token, "file": (io.BytesIO(csv), "people.csv")})
    page = admin.get(look.location).text
    assert "phone" in page
    assert ">12<" in page, "the bad line is named"
    assert "staff" in page, "new groups are shown before they are made"
    with runtime.database.reading() as session:
        assert session.query(Person).count() == 0
    other = sign_in(make_user("per", Role.ADMINISTRATOR))
    assert other.get(look.location).location == "/people/import", "a token in other hands opens nothing"
    assert send(admin, look.location, look.location).location == "/people/"
    with runtime.database.reading() as session:
        assert [person.name for person in session.query(Person)] == ["Åse"]
    assert admin.get(look.location).location == "/people/import", "used up"
    export = admin.get("/people/export.csv")
    assert "Åse" in export.data.decode("utf-8-sig")
    assert acts(runtime)[-1] == "people.exported"


def test_users_are_made_given_roles_and_disabled(admin: FlaskClient, runtime: Runtime) -> None:
    page = send(admin, "/users/new", "/users/new", name="Per", login="per@ous.no", roles=["officer"])
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    with runtime.database.reading() as session:
        per = session.scalars(select(User.id).where(User.login == "per@ous.no")).one()
    path = f"/users/{per}"
    assert "officer" not in send(admin, "/users/new", "/users/new", name="Per", login="PER@ous.no").headers.get(
        "Location", ""
    )
    assert send(admin, path, f"{path}/roles", roles=["viewer", "approver"]).status_code == 302
    assert send(admin, path, f"{path}/reset").status_code == 200
    assert send(admin, path, f"{path}/disable").status_code == 302
    assert acts(runtime)[-4:] == ["user.created", "user.roles_changed", "user.sign_in_reset", "user.disabled"]


def test_the_last_administrator_can_not_be_locked_out(admin: FlaskClient, runtime: Runtime) -> None:
    with runtime.database.reading() as session:
        kari = session.scalars(select(User.id).where(User.login == "kari")).one()
    path = f"/users/{kari}"
    assert send(admin, path, f"{path}/disable").status_code == 409
    assert send(admin, path, f"{path}/roles", roles=["officer"]).status_code == 409
    assert admin.get("/users/").status_code == 200


def test_nobody_takes_over_a_user_of_another_unit(admin: FlaskClient, make_user: Any, runtime: Runtime) -> None:
    other = make_user("leif", Role.ADMINISTRATOR, unit="dep")
    assert send(admin, "/users/new", "/users/add", login="leif").location == f"/users/{other.id}"
    assert send(admin, f"/users/{other.id}", f"/users/{other.id}/reset").status_code == 409
    assert send(admin, f"/users/{other.id}", f"/users/{other.id}/disable").status_code == 409
    assert send(admin, f"/users/{other.id}", f"/users/{other.id}/roles").location == "/users/"


def test_an_account_is_paused_with_a_reason_and_resumed(admin: FlaskClient, runtime: Runtime) -> None:
    with runtime.database.reading() as session:
        account = session.scalars(select(Account.id).where(Account.key == "sms-ous-live")).one()
        foreign = session.scalars(select(Account.id).where(Account.key == "sms-dep-live")).one()
    assert send(admin, f"/accounts/{account}/pause", f"/accounts/{account}/pause", reason=" ").status_code == 422
    send(admin, f"/accounts/{account}/pause", f"/accounts/{account}/pause", reason="Wrong sender name")
    assert "Wrong sender name" in admin.get("/accounts/").text
    assert "Wrong sender name" in admin.get("/").text
    send(admin, "/accounts/", f"/accounts/{account}/resume")
    assert acts(runtime)[-2:] == ["account.paused", "account.resumed"]
    assert admin.get(f"/accounts/{foreign}/pause").status_code == 404


def test_a_message_is_read_signed_changed_and_taken_back(admin: FlaskClient, runtime: Runtime, units: Any) -> None:
    path = "/playbooks/mass-casualty/initial/sign-off"
    page = admin.get(path).text
    digest = page.split('name="digest" value="')[1].split('"')[0]
    day = (utcnow() + timedelta(days=100)).date().isoformat()
    assert send(admin, path, path, digest="0" * 64, until=day).status_code == 422, "not what was read"
    assert send(admin, path, path, digest=digest, until="2099-01-01").status_code == 422, "a year at most"
    assert send(admin, path, path, digest=digest, until="2020-01-01").status_code == 422
    assert send(admin, path, path, digest=digest, until=day).status_code == 302
    with runtime.database.reading() as session:
        assert latest(session, units["ous"], "mass-casualty", "initial").digest == digest

    file = runtime.settings.playbooks_dir / "mass-casualty.toml"
    file.write_text(file.read_text().replace("Mange er skadd", "Svært mange er skadd", 1))
    page = admin.get(path).text
    assert "<del" in page
    assert "Svært mange er skadd" in page, "what changed is shown"
    revoked = send(admin, path, "/playbooks/mass-casualty/initial/revoke")
    assert revoked.status_code == 302
    with runtime.database.reading() as session:
        assert session.query(SignOff).one().revoked_at is not None
    assert acts(runtime)[-2:] == ["playbook.signed", "playbook.revoked"]


def test_a_broken_playbook_is_named_by_line_and_hides_no_other(admin: FlaskClient, runtime: Runtime) -> None:
    shutil.copy(runtime.settings.playbooks_dir / "mass-casualty.toml", runtime.settings.playbooks_dir / "other.toml")
    page = admin.get("/playbooks/").text
    assert "other.toml" in page
    assert "/playbooks/mass-casualty" in page
    assert admin.get("/playbooks/other").status_code == 404
    assert admin.get("/playbooks/paper").status_code == 200


def test_the_record_is_filtered_and_its_chain_checked(admin: FlaskClient, runtime: Runtime) -> None:
    send(admin, "/people/groups", "/people/groups", key="staff", name="De ansatte")
    assert "group.created" in admin.get("/record/?what=group&who=kari").text
    assert "group.created" not in admin.get("/record/?what=account").text
    assert "group.created" not in admin.get("/record/?to=2020-01-01").text
    assert 'class="banner good"' in admin.get("/record/chain").text
    with runtime.database.writing() as session:
        session.query(AuditRow).filter_by(act="group.created").one().who = "somebody else"
    assert 'class="banner bad"' in admin.get("/record/chain").text


def test_languages_follow_the_user(admin: FlaskClient) -> None:
    assert '<html lang="nb">' in admin.get("/").text
    for language, word in (("nn", "Opne hendingar"), ("en", "Open incidents"), ("nb", "Åpne hendelser")):
        assert send(admin, "/me/", "/language", language=language, back="/me/").location == "/me/"
        assert word in admin.get("/").text


def test_a_fragment_that_did_not_change_costs_nothing(admin: FlaskClient) -> None:
    first = admin.get("/accounts/health", headers={"X-Fragment": "1"})
    again = admin.get("/accounts/health", headers={"X-Fragment": "1", "If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_probes_and_errors_in_plain_words(client: FlaskClient) -> None:
    assert client.get("/healthz").data == client.get("/readyz").data == b"ok\n"
    missing = client.get("/nothing-here", headers={"Accept-Language": "en"})
    assert missing.status_code == 404
    assert "There is nothing here" in missing.text


def test_an_upload_that_is_too_large(admin: FlaskClient) -> None:
    response = admin.post("/people/import", data={"file": (io.BytesIO(b"x" * 13_000_000), "people.csv")})
    assert response.status_code == 413
