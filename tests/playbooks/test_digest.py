"""The digest: it changes when anything signed changes, and only then."""

from __future__ import annotations

import json

import pytest

from crisis.playbooks.digest import Change, canonical, changes, content, digest, digest_of
from tests.playbooks.sample import SOURCE, playbook


def test_it_is_stable() -> None:
    signed = content(playbook(), "initial")
    assert json.loads(canonical(signed)) == signed
    assert digest(playbook(), "initial") == digest_of(dict(reversed(signed.items())))
    assert digest_of(json.loads(canonical(signed))) == digest(playbook(), "initial")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('for = "hospital"', 'for = "public_body"'),
        ('phase = "initial"', 'phase = "update"'),
        ('authority = "single"', 'authority = "dual"'),
        ("sendable_minutes = 180", "sendable_minutes = 181"),
        ("next_update_minutes = 60", "next_update_minutes = 30"),
        ('corrected_by = "correction"', 'corrected_by = "update"'),
        ('ended_by = "all_clear"', 'ended_by = "update"'),
        ('"sms", "email"]', '"sms"]'),
        ('audiences = ["staff", "press"]', 'audiences = ["staff"]'),
        ('nb = "Brann ved {place}", nn', 'nb = "Brannen ved {place}", nn'),
        ("er stengt. Ring", "er stengt! Ring"),
        ("er stengd. Ring", "er stengd! Ring"),
        ("is closed. Call", "is closed! Call"),
        ("Gå ut. Se", "Gå inn. Se"),
        ('nb = "Det brenner ved {place}."', 'nb = "Det brant ved {place}."'),
        ('en = "Fire at {place}. {link}"', 'en = "Fire near {place}. {link}"'),
        ("max = 20", "max = 21"),
        ('type = "place"', 'type = "text"'),
        ('nb = "Hvor?"', 'nb = "Hvor ikke?"'),
        ('nb = "Føden"', 'nb = "Barsel"'),
        ('key = "er"', 'key = "emergency"'),
    ],
)
def test_it_changes_with_anything_signed(old: str, new: str) -> None:
    changed = playbook(old, new, 1)
    assert digest(changed, "initial") != digest(playbook(), "initial")
    assert changes(content(playbook(), "initial"), content(changed, "initial"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('owner = "Kommunikasjonsdirektøren"', 'owner = "Direktøren"'),
        ("reviewed = 2026-10-01", "reviewed = 2026-10-02"),
        ('channels = ["page", "x", "sms", "email"]', 'channels = ["email", "x", "sms", "page"]'),
        ('nb = "Alle er trygge.', 'nb = "Alle har det bra.'),
        ('nb = """\nDet', 'nb = """\n\n\nDet'),
        ("[slots.ward]", "# checked\n[slots.ward]"),
    ],
)
def test_it_does_not_change_with_anything_else(old: str, new: str) -> None:
    assert digest(playbook(old, new, 1), "initial") == digest(playbook(), "initial")


def test_other_messages_do_not_matter() -> None:
    before, after = SOURCE.split("[messages.update]")
    assert "er stengt. Ring" in after
    changed = playbook(after, after.replace("er stengt. Ring", "er åpen. Ring", 1))
    assert before in SOURCE
    assert digest(changed, "initial") == digest(playbook(), "initial")
    assert digest(changed, "update") != digest(playbook(), "update")


def test_every_message_has_its_own() -> None:
    book = playbook()
    assert len({digest(book, key) for key in book.messages}) == len(book.messages)


def test_changes_are_readable() -> None:
    old = content(playbook(), "initial")
    new = content(playbook('authority = "single"', 'authority = "dual"', 1), "initial")
    assert changes(old, new) == [Change("authority", "single", "dual")]
    assert changes(old, old) == []
    less = {key: value for key, value in old.items() if key != "ended_by"}
    assert changes(old, less) == [Change("ended_by", "all_clear", None)]
    assert changes(less, old) == [Change("ended_by", None, "all_clear")]
