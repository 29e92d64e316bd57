"""The pretend YouTube, spoken to by the real adapter over HTTP: a film that survives cuts, comments, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from crisis.channels.base import Busy, Misconfigured, SendError, Uncertain
from crisis.channels.youtube.adapter import Options, YouTube
from crisis.settings import SecretRef
from crisis.simulator.server import Simulator
from crisis.simulator.youtube.tube import DEMO
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.pictures import film

pytestmark = pytest.mark.asyncio
OUS = DEMO[0]


@pytest.fixture
def channel(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> YouTube:
    monkeypatch.setenv("A_REFRESH", OUS.keys["refresh_token"])
    monkeypatch.setenv("A_SECRET", OUS.keys["client_secret"])
    options = Options(
        channel_id=OUS.id,
        client_id=OUS.client_id,
        client_secret=SecretRef(env="A_SECRET"),
        refresh_token=SecretRef(env="A_REFRESH"),
        rights_cleared=True,
        base_url=f"{simulator.url}/youtube",
        token_url=f"{simulator.url}/youtube/token",
        connect_seconds=2,
        read_seconds=1,
    )
    return YouTube(contract.opening(options, tmp_path, mode="live"))


def seen(simulator: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulator.state("networks")["networks"]["youtube"]
    return found


def say(simulator: Simulator, text: str, reply_to: str = "") -> str:
    told = {"account": "ous", "author": "Kari", "text": text, "reply_to": reply_to}
    answer = requests.post(f"{simulator.url}/control/networks/youtube/say", json=told, timeout=5)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_film_what_is_said_under_it_and_its_end(channel: YouTube, simulator: Simulator, tmp_path: Path) -> None:
    began = await channel.poll(None)
    since = contract.now()
    made = await channel.send(replace(OUT, media=[film(tmp_path, data=b"film" * 1000)]))
    assert (seen(simulator)[0]["text"], seen(simulator)[0]["url"]) == (OUT.text, made.url)
    assert [one.text for one in await channel.shown(since.replace(microsecond=0))] == [OUT.text]
    comment = say(simulator, "Er mor der?")
    heard = await channel.poll(began.cursor)
    assert [(one.provider_id, one.root, one.author_name) for one in heard.inbounds] == [
        (comment, made.provider_id, "Kari")
    ]
    out = replace(OUT, text="Ring 22 00 00 00.", reply_to=comment, phase="answer", first_attempt_at=since)
    answer = await channel.send(out)
    found = await channel.find(out)
    assert found is not None
    assert found.provider_id == answer.provider_id
    await channel.hide(comment)
    assert [one["hidden"] for one in seen(simulator)] == [False, True, False]
    await channel.edit(made.provider_id, replace(OUT, text="Rettet"))
    await channel.delete(answer.provider_id)
    await channel.delete(made.provider_id)
    await channel.delete(made.provider_id)
    assert [one["deleted"] for one in seen(simulator)] == [True, False, True]
    assert (await channel.check()).ok
    assert [one["code"] for one in simulator.state("refused")["refused"]] == [404], "only the second delete"
    await channel.close()


@pytest.mark.parametrize("fault", ["hang_after", "cut_off", "500_after"])
async def test_a_film_whose_answer_was_lost_is_found_and_not_sent_again(
    channel: YouTube, simulator: Simulator, tmp_path: Path, fault: str
) -> None:
    out = replace(OUT, media=[film(tmp_path)], first_attempt_at=contract.now())
    simulator.fault("youtube", "slow", times=1, seconds=0)  # the first call begins the upload
    simulator.fault("youtube", fault, times=1)
    with pytest.raises(Uncertain):
        await channel.send(out)
    found = await channel.find(out)
    assert found == await channel.send(out)
    assert len(seen(simulator)) == 1
    await channel.close()


@pytest.mark.parametrize(
    ("fault", "means"), [("401", Misconfigured), ("403", Misconfigured), ("429", Busy), ("500_before", Uncertain)]
)
async def test_faults(
    channel: YouTube, simulator: Simulator, tmp_path: Path, fault: str, means: type[SendError]
) -> None:
    simulator.fault("youtube", fault, times=1)
    with pytest.raises(means):
        await channel.send(replace(OUT, media=[film(tmp_path)]))
    assert not seen(simulator)
    await channel.close()


async def test_a_day_holds_a_hundred_films(channel: YouTube, simulator: Simulator, tmp_path: Path) -> None:
    for number in range(100):
        out = replace(OUT, text=f"Film {number}", delivery_id=str(number), media=[film(tmp_path)])
        await channel.send(out)
    with pytest.raises(Busy) as caught:
        await channel.send(replace(OUT, media=[film(tmp_path)]))
    assert caught.value.code == "quota"
    assert caught.value.retry_after
    await channel.close()
