"""The personal address: reading answers nothing, a press does, and a stranger's guess finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from crisis.console import create_app
from crisis.models import Ask
from crisis.states import AskState
from tests.broadcasts.scene import a_scene
from tests.oncall.callouts import Night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_scene(tmp_path) as scene:
        scene.sign_off("call_out")
        made = Night(scene)
        made.staff("nurse", count=2)
        made.plan(("nurse", 1), surplus=200)
        made.release()
        made.send()
        yield made


@pytest.fixture
def client(night: Night) -> FlaskClient:
    return create_app(night.scene.runtime).test_client()


def address(night: Night, number: int = 0) -> str:
    with night.scene.runtime.database.reading() as session:
        ask_id = session.scalars(select(Ask.id).where(Ask.person_id == night.tried()[number])).one()
    return f"/a/{night.scene.runtime.answers.token(ask_id)}"


def test_reading_answers_nothing_and_names_nobody(night: Night, client: FlaskClient) -> None:
    page = client.get(address(night))
    assert page.status_code == 200
    assert "Oslo S" in page.text
    assert "{answer_link}" not in page.text
    assert "Person" not in page.text
    assert set(night.states()) == {AskState.RINGING}


def test_a_press_answers_and_the_latest_counts(night: Night, client: FlaskClient) -> None:
    mine = address(night)
    assert client.post(mine, data={"answer": "later", "minutes": "25"}).status_code == 200
    assert night.ask(night.tried()[0]).state is AskState.YES
    assert client.post(mine, data={"answer": "no"}).status_code == 200
    assert night.ask(night.tried()[0]).state is AskState.NO
    assert night.ask(night.tried()[1]).state in (AskState.SPARED, AskState.RINGING)


@pytest.mark.parametrize(
    "form", [{}, {"answer": "perhaps"}, {"answer": "later"}, {"answer": "later", "minutes": "99999"}]
)
def test_nonsense_is_told_and_changes_nothing(night: Night, client: FlaskClient, form: dict[str, str]) -> None:
    assert client.post(address(night), data=form).status_code == 422
    assert set(night.states()) == {AskState.RINGING}


def test_a_guessed_address_finds_nothing(client: FlaskClient) -> None:
    assert client.get("/a/AAAAAAAAAAAAAAAAAAAAAA").status_code == 404
    assert client.post("/a/AAAAAAAAAAAAAAAAAAAAAA", data={"answer": "yes"}).status_code == 404
