"""The town square shows every network there is, light however much was said, and lets anybody speak."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest

from crisis.simulator.network import Picture, Seen
from crisis.simulator.networks import NETWORKS
from crisis.simulator.server import Simulator
from crisis.simulator.square import walls

POST = Seen("1", "ous", "Oslo sykehus", "Ring 113", "2026-11-22T03:12:00.000Z")


def said(number: int, **more: object) -> Seen:
    return replace(POST, id=str(number), **more)  # type: ignore[arg-type]


def test_threads_stand_under_their_post_and_the_newest_comes_first() -> None:
    seen = [
        said(1),
        said(2, reply_to="1", ours=False),
        said(3),
        said(4, reply_to="2", ours=False),
        said(5, account="stranger", ours=False),
    ]
    ous, people = walls.walls(seen)
    assert [thread.post.id for thread in ous.threads] == ["3", "1"]
    assert [(one.id, level) for one, level in ous.threads[1].answers] == [("2", 1), ("4", 2)]
    assert (people.account, people.count) == (walls.PEOPLE, 1)


def test_what_is_too_much_is_counted_and_found_on_the_next_page() -> None:
    seen = [said(number) for number in range(100)]
    (wall,) = walls.walls(seen)
    assert (len(wall.threads), wall.older) == (walls.SHOWN, 100 - walls.SHOWN)
    (last,) = walls.walls(seen, most=30, skip=90)
    assert (len(last.threads), last.older) == (10, 0)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.start() as made:
        yield made


def page(simulator: Simulator, path: str = "/") -> str:
    with urllib.request.urlopen(simulator.url + path) as answer:
        return str(answer.read().decode())


def test_every_network_is_there_with_a_box_to_speak(simulator: Simulator) -> None:
    html = page(simulator)
    for name, kind in NETWORKS.items():
        assert f'id="net-{name}"' in html
        assert kind.label in html
        assert (f"/control/networks/{name}/say" in html) == getattr(kind, "listens", True)
        assert f".net-{name} " in page(simulator, "/square/static/networks.css")  # a look of its own


def test_marks_pictures_and_hostile_words_are_shown_harmless(simulator: Simulator) -> None:
    network = simulator.internet.networks["facebook"]
    seen = [
        said(1, edited=True, text="<script>alert(1)</script>", pictures=[Picture("picture", "/p/1", "a door")]),
        said(2, deleted=True, reply_to="1", ours=False),
        said(3, hidden=True, reply_to="1", ours=False),
    ]
    network.seen = lambda: seen  # type: ignore[method-assign]
    html = page(simulator)
    assert "<script>alert" not in html
    for mark in ("edited</em>", "deleted</em>", "hidden</em>", 'src="/p/1" alt="a door"'):
        assert mark in html
    network.seen = lambda: [said(number) for number in range(500)]  # type: ignore[method-assign]
    assert len(page(simulator)) < 200_000
    assert "494 older" in page(simulator)
    assert "440 older" in page(simulator, "/square/networks/facebook?page=1")


def test_a_passer_by_is_heard_on_the_square(simulator: Simulator) -> None:
    words = {"account": "ous_demo", "author": "kari", "text": "Is the entrance open?"}
    asked = urllib.request.Request(
        simulator.url + "/control/networks/mastodon/say",
        json.dumps(words).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 201
    assert "Is the entrance open?" in page(simulator, "/square/networks/mastodon")
