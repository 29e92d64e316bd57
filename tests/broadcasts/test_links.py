"""Links that somebody wrote by hand: named when they lead outside the unit's own sites, and never in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crisis.broadcasts.links import hosts, strangers
from crisis.models import Broadcast
from crisis.settings import Settings
from tests.broadcasts.scene import Scene, a_scene


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Les https://evil.example/x og http://a.no.", ["evil.example", "a.no"]),
        ("Se oslo-universitetssykehus.no/krise", ["oslo-universitetssykehus.no"]),
        ("https://helsenorge.no@evil.example/", ["evil.example"]),
        ("Kl. 03.12, bl.a. f.eks. på Oslo S. Ring 23 00 00 50", []),
        ("Skriv til vakt@ous.no", []),
        ("https://blåbær.no og https://BLÅBÆR.no", ["blåbær.no"]),
    ],
)
def test_hosts_as_networks_see_them(text: str, expected: list[str]) -> None:
    assert hosts(text) == expected


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with a_scene(tmp_path) as found:
        yield found


def told(scene: Scene, *domains: str) -> Settings:
    units = tuple(unit.model_copy(update={"link_domains": domains}) for unit in scene.settings.units)
    return scene.settings.model_copy(update={"units": units})


def test_only_what_is_neither_ours_nor_signed_off_is_strange(scene: Scene) -> None:
    own = "Les https://www.ous.example/nytt"
    edits = {"x": {"nb": f"{own} og https://ous.example.evil.com/x", "en": own}, "sms": {"nb": own}}
    broadcast = Broadcast(message="initial", edits=edits)
    assert strangers(told(scene, "ous.example"), scene.playbook, broadcast, "ous") == {
        ("x", "nb"): ["ous.example.evil.com"]
    }
    # A unit that names no domains is never warned.
    assert strangers(told(scene), scene.playbook, broadcast, "ous") == {}
