"""Slot values: what passes, what is refused and why, and that nothing that passes is wider than the check allowed."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.channels.text.counting import holds_link, plain, septets, sms_size, x_size, x_weighted
from crisis.playbooks.playbook import Slot
from crisis.playbooks.slots import BadSlot, check_all, check_value, widest
from tests.playbooks.sample import playbook

LABEL = {"nb": "a", "nn": "b", "en": "c"}


def _slot(kind: str, **more: Any) -> Slot:
    return Slot.model_validate({"type": kind, "label": LABEL, **more})


TEXT = _slot("text", max=20)
PHONE = _slot("phone")
URL = _slot("url", max=40, domains=["helse.no"])
CHOICE = _slot(
    "choice",
    choices=[
        {"key": "a", "text": {"nb": "ja", "nn": "jau", "en": "yes"}},
        {"key": "b", "text": {"nb": "kanskje", "nn": "kanskje", "en": "ŋ"}},
    ],
)


@pytest.mark.parametrize(
    ("slot", "raw", "value"),
    [
        (TEXT, "  Oslo   S ", "Oslo S"),
        (TEXT, "Kárášjohka", "Kárášjohka"),
        (TEXT, "A\u030as", "Ås"),
        (TEXT, "å" * 20, "å" * 20),
        (_slot("time"), "14:30", "14:30"),
        (_slot("time"), "9.05", "09:05"),
        (_slot("time"), "0000", "00:00"),
        (_slot("number"), "007", "7"),
        (_slot("number"), "12 000", "12000"),
        (PHONE, "23000050", "23 00 00 50"),
        (PHONE, "+4723000050", "23 00 00 50"),
        (PHONE, "0047 815 48 000", "815 48 000"),
        (PHONE, "113", "113"),
        (PHONE, "116117", "116117"),
        (_slot("phone", max=16), "+46 8 123 456 78", "+46 8 123 456 78"),
        (CHOICE, "b", "kanskje"),
        (URL, "https://www.helse.no/x?y=1", "https://www.helse.no/x?y=1"),
        (URL, "https://HELSE.no/", "https://HELSE.no/"),
    ],
)
def test_passes(slot: Slot, raw: str, value: str) -> None:
    assert check_value(slot, raw, "nb") == value


@pytest.mark.parametrize(
    ("slot", "raw", "key"),
    [
        (TEXT, "", "empty"),
        (TEXT, " \xa0 ", "empty"),
        (TEXT, "å" * 21, "too_long"),
        (TEXT, "火" * 11, "too_long"),  # X counts them double
        (TEXT, "[" * 11, "too_long"),  # SMS counts them double
        (TEXT, "to\nlinjer", "characters"),
        (TEXT, "tab\ther", "characters"),
        (TEXT, "\u202eomvendt", "characters"),
        (TEXT, "null\x00", "characters"),
        (TEXT, "bred\u200bløs", "characters"),
        (TEXT, "{link}", "characters"),
        (TEXT, "a}b", "characters"),
        (TEXT, "se ond.no", "link_in_text"),
        (TEXT, "http://ond", "link_in_text"),
        (_slot("time"), "24:00", "time"),
        (_slot("time"), "12:60", "time"),
        (_slot("time"), "١٢:٣٠", "time"),
        (_slot("number"), "-1", "number"),
        (_slot("number"), "1.5", "number"),
        (_slot("number"), "1234567", "too_long"),
        (PHONE, "12", "phone"),
        (PHONE, "ring meg", "phone"),
        (PHONE, "+46 8 123 456 78", "too_long"),
        (PHONE, "23000050 ext. 5", "phone"),
        (CHOICE, "c", "choice"),
        (CHOICE, "ja", "choice"),
        (URL, "http://helse.no/", "url"),
        (URL, "javascript:alert(1)", "url"),
        (URL, "https://ond.no/", "domain"),
        (URL, "https://ondhelse.no/", "domain"),
        (URL, "https://helse.no.ond.no/", "domain"),
        (URL, "https://helse.no@ond.no/", "url"),
        (URL, "https://helse.no:8443/", "url"),
        (URL, "https://helse.no\\@ond.no/", "url"),
        (URL, "https://[::1", "url"),
        (URL, "https://helse.no/" + "x" * 40, "too_long"),
    ],
)
def test_refused(slot: Slot, raw: str, key: str) -> None:
    with pytest.raises(BadSlot) as caught:
        check_value(slot, raw, "nb")
    assert caught.value.key == key
    assert caught.value.say


def test_unit_domains_count_when_the_slot_names_none() -> None:
    slot = _slot("url")
    assert check_value(slot, "https://a.helse.no/", "nb", ["helse.no"])
    with pytest.raises(BadSlot):
        check_value(slot, "https://a.helse.no/", "nb")


def test_check_all_names_each_slot() -> None:
    values = {"place": "Oslo S", "phone": "1", "colour": "red"}
    clean, errors = check_all(playbook(), "initial", values, "nb")
    assert clean == {"place": "Oslo S"}
    assert {name: bad.key for name, bad in errors.items()} == {"phone": "phone", "ward": "empty", "colour": "unknown"}


def test_choice_comes_in_the_language() -> None:
    values = {"place": "Oslo S", "phone": "23000050", "ward": "er"}
    assert check_all(playbook(), "initial", values, "en")[0]["ward"] == "The ER"
    assert check_all(playbook(), "initial", values, "nn")[0]["ward"] == "Akutten"


def test_widest_choice_depends_on_who_counts() -> None:
    assert widest(CHOICE, "nb", x_size) == "kanskje"
    assert widest(CHOICE, "en", x_size) == "yes"
    assert widest(CHOICE, "en", sms_size) == "ŋ"  # short, and makes the whole SMS dear


@pytest.mark.parametrize(
    "slot", [TEXT, _slot("place", max=7), _slot("time"), _slot("number"), PHONE, URL, _slot("url")]
)
def test_widest_is_as_long_as_allowed(slot: Slot) -> None:
    assert len(widest(slot, "nb", plain(99))) == slot.longest


@given(st.text(max_size=30))
def test_no_value_takes_more_room_than_the_check_allowed(raw: str) -> None:
    with contextlib.suppress(BadSlot):
        value = check_value(TEXT, raw, "nb")
        assert max(len(value), x_weighted(value), septets(value)) <= 20
        assert x_weighted(value) <= x_weighted(widest(TEXT, "nb", x_size))
        assert "{" not in value
        assert not holds_link(value)
        assert value.isprintable()
