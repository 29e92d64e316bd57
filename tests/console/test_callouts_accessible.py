"""The pages of a call-out in a real browser, on a phone and at a desk: no accessibility fault, no sideways scrolling."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crisis.console import identity
from crisis.models import Ask
from crisis.oncall import answering
from crisis.oncall.answering import Said
from crisis.states import Mode
from tests.console.scene import Night, a_night
from tests.console.test_callouts import planned, released, staff

sync_api = pytest.importorskip("playwright.sync_api")
from tests.browser import officer  # noqa: E402 - after the importorskip above
from tests.console.looks import faults, served  # noqa: E402


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with officer.browser() as made:
        yield made


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with a_night(tmp_path) as made:
        made.scene.sign_off("call_out")
        staff(made, "nurse", 6)
        yield made


@pytest.fixture
def address(night: Night) -> Iterator[str]:
    with served(night.app) as made:
        yield made


def test_call_out_pages_are_accessible(night: Night, address: str, browser: Any) -> None:
    kari = night.browser("kari")
    prepared = planned(night, kari, ("nurse", 9), mode=Mode.DRILL)
    running = released(night, kari, ("nurse", 3))
    with night.scene.runtime.database.writing() as session:
        for word in ("yes", "no", "unclear"):
            ask_id = session.scalars(
                select(Ask.id).where(Ask.call_out_id == running, Ask.tries > 0, Ask.way == "", ~Ask.unclear)
            ).first()
            assert ask_id is not None
            answering.answer(session, ask_id, Said(word, "sms", word, None, "maybe 20 min"), datetime.now(UTC))
            session.flush()
        token = identity.start(session, night.scene.users["kari"], "127.0.0.1", datetime.now(UTC), complete=True)
    context = browser.new_context()
    context.add_cookies([{"name": identity.cookie_name(night.app.config), "value": token, "url": address}])
    paths = (
        "/call-outs",
        f"/call-outs/{prepared}",
        f"/call-outs/{prepared}/edit",
        f"/call-outs/{running}/board",
        f"/call-outs/{running}/people",
        f"/call-outs/{running}/asks/{ask_id}",
        f"/call-outs/{running}/report",
    )
    assert faults(context, address, paths, unfold=True) == []
    context.close()
