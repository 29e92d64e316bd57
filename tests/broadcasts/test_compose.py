"""The words of a broadcast, and what stands in their way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.broadcasts.compose import Composed, Problem, compose, loosely, promised
from crisis.broadcasts.freeze import digest_of
from crisis.models import Broadcast, Incident
from crisis.states import Mode
from tests.broadcasts.scene import SLOTS, Scene

CHANNELS = ("x", "sms", "email", "page")
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(TIMES, st.integers(1, 1440))
def test_promise_is_kept_within_five_minutes_and_never_early(now: datetime, minutes: int) -> None:
    at = promised(now, minutes)
    assert at is not None
    exact = now + timedelta(minutes=minutes)
    assert exact <= at < exact + timedelta(minutes=5)
    assert at.minute % 5 == 0
    assert at.second == at.microsecond == 0


def test_no_promise() -> None:
    assert promised(datetime.now(UTC), 0) is None


def test_loosely_fills_what_is_known_once() -> None:
    assert loosely("{a} and {b}", {"a": "{b}"}) == "{b} and …"


def _composed(scene: Scene, mode: Mode = Mode.LIVE, slots: dict[str, str] | None = None, **more: object) -> Composed:
    incident = scene.incident(mode)
    row = Broadcast(
        message="initial", mode=mode, incident_id=incident, edits={}, slots=SLOTS if slots is None else slots
    )
    for name, value in more.items():
        setattr(row, name, value)
    return compose(scene.settings, scene.playbook, row, "ous", CHANNELS, scene.now)


def test_every_channel_in_every_language(scene: Scene) -> None:
    composed = _composed(scene)
    assert composed.ready
    assert set(composed.texts) == {(channel, language) for channel in CHANNELS for language in ("nb", "nn", "en")}
    assert all("{" not in words.text for words in composed.texts.values())
    assert not any("ØVELSE" in words.text for words in composed.texts.values())


def test_a_drill_says_so_first_and_last(scene: Scene) -> None:
    for (_, language), words in _composed(scene, Mode.DRILL).texts.items():
        word = {"nb": "ØVELSE", "nn": "ØVING", "en": "EXERCISE"}[language]
        assert words.text.startswith(word)
        assert words.text.endswith(word)
        assert word not in words.plain


def test_wrong_slots_stop_everything(scene: Scene) -> None:
    composed = _composed(scene, slots={**SLOTS, "kin_phone": "12", "surplus": "x"})
    assert set(composed.slot_errors) == {"kin_phone", "surplus"}
    assert not composed.ready


def test_a_text_too_long_names_its_channel_and_language(scene: Scene) -> None:
    composed = _composed(scene, edits={"x": {"nb": "å" * 300}})
    assert [(one.channel, one.language, one.facts["over"]) for one in composed.problems] == [("x", "nb", 20)]
    assert str(composed.problems[0]) == "X, nb: 20 weighted characters too many"


def test_hidden_characters_are_found(scene: Scene) -> None:
    composed = _composed(scene, edits={"page": {"en": "safe\u202eefas"}})
    assert str(composed.problems[0]) == "Incident page, en: invisible control characters in the text"


def test_an_edit_keeps_the_promise_it_spells_out(scene: Scene) -> None:
    at = scene.now + timedelta(minutes=20)
    assert _composed(scene, edits={"x": {"nb": "Nytt kl. 4"}}, next_update_at=at).next_update_at == at
    late = _composed(scene, edits={"x": {"nb": "Nytt kl. 4"}}, next_update_at=scene.now - timedelta(minutes=1))
    assert "promises an update at a time that has passed" in str(late.problems[0])


def test_problem_without_a_place() -> None:
    assert str(Problem("100%% wrong")) == "100% wrong"


@pytest.mark.parametrize("change", ["mode", "incident_id", "follows_id", "audiences"])
def test_digest_covers_who_and_where(scene: Scene, change: str) -> None:
    incident = scene.incident()
    row = Broadcast(mode=Mode.LIVE, incident_id=incident, audiences=["staff"], follows_id=None)
    before = digest_of(row, ["x"], [("x", "nb", "t", "u")])
    assert before == digest_of(row, ("x",), iter([("x", "nb", "t", "u")]))
    assert before != digest_of(row, ["y"], [("x", "nb", "t", "u")])
    assert before != digest_of(row, ["x"], [("x", "nb", "t", "v")])
    setattr(row, change, {"mode": Mode.DRILL, "audiences": ["press"]}.get(change, Incident))
    assert before != digest_of(row, ["x"], [("x", "nb", "t", "u")])
