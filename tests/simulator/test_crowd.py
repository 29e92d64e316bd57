"""A crowd is the same for the same seed, speaks on every network, and holds the few that must be found."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crisis.simulator.crowd.script import LANGUAGES, MOST_KIN, SHARES, TRAPPED, BadCrowd, crowd, words
from crisis.simulator.network import Seen
from crisis.simulator.server import Simulator
from crisis.triage.understanding import understand

CHANNELS = ["x", "facebook", "mastodon", "sms", "email"]


def test_the_same_seed_gives_the_same_crowd_and_another_seed_another() -> None:
    told = {"size": 400, "channels": CHANNELS, "place": "Oslo S"}
    assert crowd(seed=1, **told) == crowd(seed=1, **told)  # type: ignore[arg-type]
    assert crowd(seed=1, **told) != crowd(seed=2, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [40, 5_000])
def test_three_are_trapped_however_large_it_is(size: int) -> None:
    made = crowd(seed=3, size=size, channels=CHANNELS, place="Oslo S")
    kinds = Counter(one.kind for one in made)
    assert len(made) == size
    assert kinds["trapped"] == TRAPPED
    assert set(kinds) == {"trapped", *SHARES}
    assert kinds["kin"] == (MOST_KIN if size == 5_000 else 4)
    assert len({one.channel for one in made if one.kind == "trapped"}) == TRAPPED
    assert len({one.text for one in made if one.kind == "rumour"}) > min(2, kinds["rumour"] - 1)


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_three_are_read_before_all_families_who_search(seed: int) -> None:
    made = crowd(seed=seed, size=400, channels=CHANNELS, place="Oslo S")
    urgent = [(understand(one.text).urgency, one.kind) for one in made]
    least = min(urgency for urgency, kind in urgent if kind == "trapped")
    assert [kind for urgency, kind in urgent if urgency >= least and kind not in ("trapped", "repost")] == []


def test_every_kind_has_words_in_every_language() -> None:
    book = words()
    for kind in {"trapped", *SHARES} - {"repost"}:
        for language in LANGUAGES:
            for template in book[kind][language]:
                slots = {name: some[0] for name, some in book["lists"][language].items()}
                assert template.format(place="Oslo S", number=1, **slots)


def test_a_crowd_of_nobody_and_one_with_nothing_to_answer_are_refused() -> None:
    with pytest.raises(BadCrowd, match="12 to"):
        crowd(seed=1, size=3, channels=CHANNELS, place="Oslo S")
    with pytest.raises(BadCrowd, match="nothing to answer"):
        crowd(seed=1, size=40, channels=[], place="Oslo S")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.start() as made:
        yield made


def ask(simulator: Simulator, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{simulator.url}/control/crowd", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def until_ended(simulator: Simulator) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while not (play := ask(simulator)).get("ended"):
        assert time.monotonic() < deadline, play
        time.sleep(0.05)
    return play


def test_it_answers_the_newest_post_on_every_network(simulator: Simulator) -> None:
    at = datetime.now(UTC).isoformat()
    said: dict[str, list[tuple[str, str]]] = {}
    for name, network in simulator.internet.networks.items():
        wall = network.demo[0].wall or network.demo[0].public.get("handle", "ous")
        network.seen = lambda wall=wall: [Seen("1", wall, "us", "old", at), Seen("2", wall, "us", "new", at)]  # type: ignore[misc]

        async def say(account: str, author: str, text: str, reply_to: str = "", *, name: str = name) -> str:
            said.setdefault(name, []).append((reply_to, text))
            return f"{account} {author}"

        network.say = say  # type: ignore[method-assign]
    begun = ask(simulator, {"account": "ous", "size": 200, "seed": 5})
    assert begun["kinds"]["trapped"] == TRAPPED
    play = until_ended(simulator)
    assert (sum(play["said"].values()), play["not_said"]) == (200, {})
    assert set(play["said"]) == {*simulator.internet.networks, "x", "sms", "whatsapp"}
    assert {reply_to for some in said.values() for reply_to, _ in some} == {"2"}
    assert play["said"]["x"] == len(simulator.state("posts")["posts"])


@pytest.mark.parametrize(
    "body", [{"account": "nobody"}, {"account": "ous", "size": "many"}, {"account": "ous", "size": 1}]
)
def test_a_crowd_that_cannot_be_is_refused_with_a_reason(simulator: Simulator, body: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(simulator, body)
    assert refused.value.code == 400
    assert json.load(refused.value)["error"]
