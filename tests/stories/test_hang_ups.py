"""A phone put down at every moment of a call: each has one result that can be seen, and the call-out goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisis.states import AskState, CallOutState
from tests.stories.proof import prove
from tests.stories.staff import FAST_LINE, Ward
from tests.stories.town import eventually, town

pytestmark = pytest.mark.slow
NOBODY, YES = AskState.NO_ANSWER, AskState.YES
Became = tuple[AskState, bool, list[str]]

# What the phone does, and what becomes of whoever has it.
MOMENTS: dict[str, tuple[dict[str, Any], Became]] = {
    "before the first word": ({"does": "hang_up"}, (NOBODY, False, [])),
    "in the message": ({"puts_down": "words"}, (NOBODY, False, [])),
    "before any key": ({"puts_down": "question"}, (NOBODY, False, [])),
    "after the key": ({"keys": ["1"], "puts_down": "key"}, (YES, False, ["yes"])),
    "in the confirmation": ({"keys": ["1"], "puts_down": "confirmation"}, (YES, False, ["yes"])),
    "after a no": ({"keys": ["2"], "puts_down": "key"}, (AskState.NO, False, ["no"])),
    "before the minutes": ({"keys": ["3"], "puts_down": "question"}, (NOBODY, True, ["begun"])),
    "in the minutes": ({"keys": ["3", "4"], "puts_down": "typing"}, (NOBODY, True, ["begun"])),
    "after the minutes": ({"keys": ["3", "45#"], "puts_down": "key"}, (YES, False, ["begun", "later"])),
    "after a wrong key": ({"keys": ["7"], "puts_down": "question"}, (NOBODY, False, [])),
    "after hearing it again": ({"keys": ["9"], "puts_down": "words"}, (NOBODY, False, [])),
}
WITH_PIN: dict[str, tuple[dict[str, Any], Became]] = {
    "before the PIN": ({"puts_down": "question"}, (NOBODY, False, [])),
    "in the PIN": ({"keys": ["25"], "puts_down": "typing"}, (NOBODY, False, [])),
    "after the right PIN": ({"keys": ["2580#"], "puts_down": "question"}, (NOBODY, False, [])),
    "after a wrong PIN": ({"keys": ["1111#"], "puts_down": "question"}, (NOBODY, False, ["wrong_pin"])),
    "after PIN and key": ({"keys": ["2580#", "1"], "puts_down": "key"}, (YES, False, ["yes"])),
}


@pytest.mark.parametrize(("moments", "needs_pin"), [(MOMENTS, False), (WITH_PIN, True)], ids=["call", "PIN"])
def test_a_phone_put_down_at_any_moment_has_one_result(
    tmp_path: Path, database_url: str, moments: dict[str, tuple[dict[str, Any], Became]], needs_pin: bool
) -> None:
    with town(tmp_path, database_url=database_url, edit=FAST_LINE) as here:
        ward = Ward(here)
        phones = dict(zip(moments, ward.nurses(len(moments)), strict=True))
        ward.crowd(shares={"ignore": 1})
        for moment, (habit, _) in moments.items():
            ward.habit(phones[moment], **{"does": "answer", **habit})
            ward.pin(phones[moment], "2580")
        here.start("console", "sender-live", "clock")
        ward.start(len(phones), tries=1, surplus=100, needs_pin=needs_pin)
        eventually(lambda: ward.state() is CallOutState.EXHAUSTED, within=90)
        assert {moment: ward.became(phones[moment]) for moment in moments} == {
            moment: became for moment, (_, became) in moments.items()
        }
        assert ward.calls() == dict.fromkeys(phones.values(), 1), "nobody is rung twice for it"
        prove(here, ward.broadcast_id)
