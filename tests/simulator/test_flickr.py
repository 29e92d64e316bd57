"""The pretend Flickr, spoken to by the real adapter over HTTP: signatures, a lost upload, comments, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from crisis.channels.base import Busy, Misconfigured, SendError, Uncertain
from crisis.channels.flickr.adapter import Flickr, Options
from crisis.settings import SecretRef
from crisis.simulator.flickr.stream import DEMO
from crisis.simulator.server import Simulator
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.pictures import picture

OUS = DEMO[0]


@pytest.fixture
def channel(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flickr:
    for name, value in OUS.keys.items():
        monkeypatch.setenv(f"A_{name.upper()}", value)
    refs: dict[str, Any] = {name: SecretRef(env=f"A_{name.upper()}") for name in OUS.keys}
    url = f"{simulator.url}/flickr"
    options = Options(user_id=OUS.nsid, base_url=url, upload_url=url, connect_seconds=2, read_seconds=1, **refs)
    return Flickr(contract.opening(options, tmp_path, mode="live"))


def seen(simulator: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulator.state("networks")["networks"]["flickr"]
    return found


def say(simulator: Simulator, text: str) -> str:
    told = {"account": "ous", "author": "Kari", "text": text}
    answer = requests.post(f"{simulator.url}/control/networks/flickr/say", json=told, timeout=5)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.asyncio
async def test_a_picture_what_is_said_under_it_and_its_end(
    channel: Flickr, simulator: Simulator, tmp_path: Path
) -> None:
    since = contract.now().replace(microsecond=0)
    began = await channel.poll(None)
    text = "Ring 113 & vent <nå>. Se https://example.org/a?b=1&c=2"
    made = await channel.send(replace(OUT, text=text, media=[picture(tmp_path, alt="Kart over Oslo S")]))
    assert seen(simulator)[0]["text"] == f"{text}\n\nBildet viser: Kart over Oslo S"
    assert seen(simulator)[0]["url"] == made.url
    assert [one.text for one in await channel.shown(since)] == [text]
    comment = say(simulator, "Er mor der?")
    heard = await channel.poll(began.cursor)
    assert [(one.provider_id, one.text, one.root) for one in heard.inbounds] == [
        (comment, "Er mor der?", made.provider_id)
    ]
    out = replace(OUT, text="Ring 22 & spør.", reply_to=comment, phase="answer", first_attempt_at=contract.now())
    answer = await channel.send(out)
    found = await channel.find(out)
    assert found is not None
    assert found.provider_id == answer.provider_id
    await channel.edit(made.provider_id, replace(OUT, text="Rettet"))
    assert seen(simulator)[0]["text"] == "Rettet"
    await channel.delete(answer.provider_id)
    await channel.delete(made.provider_id)
    assert [one["deleted"] for one in seen(simulator)] == [True, False, True]
    assert (await channel.check()).ok
    assert not simulator.state("refused")["refused"]
    await channel.delete(made.provider_id)
    await channel.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ["hang_after", "reset_after", "cut_off", "500_after"])
async def test_a_picture_whose_answer_was_lost_is_found(
    channel: Flickr, simulator: Simulator, tmp_path: Path, fault: str
) -> None:
    out = replace(OUT, media=[picture(tmp_path)], first_attempt_at=contract.now())
    assert await channel.find(out) is None
    simulator.fault("flickr", fault, times=1)
    with pytest.raises(Uncertain):
        await channel.send(out)
    assert await channel.find(out) is not None
    assert len(seen(simulator)) == 1
    await channel.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "means"), [("401", Misconfigured), ("403", Misconfigured), ("429", Busy), ("500_before", Uncertain)]
)
async def test_faults(
    channel: Flickr, simulator: Simulator, tmp_path: Path, fault: str, means: type[SendError]
) -> None:
    simulator.fault("flickr", fault, times=1)
    with pytest.raises(means):
        await channel.send(replace(OUT, media=[picture(tmp_path)]))
    assert not seen(simulator)
    await channel.close()


@pytest.mark.parametrize("wrong", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
def test_each_wrong_key_is_found_out(simulator: Simulator, wrong: str) -> None:
    keys = OUS.keys | {wrong: "wrong"}
    auth = OAuth1(keys["consumer_key"], keys["consumer_secret"], keys["access_token"], keys["access_token_secret"])
    asked = {"method": "flickr.auth.oauth.checkToken", "format": "json", "nojsoncallback": "1"}
    told = requests.get(f"{simulator.url}/flickr/services/rest/", params=asked, auth=auth, timeout=5).json()
    assert told["stat"] == "fail"
    assert len(simulator.state("refused")["refused"]) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": "flickr.photos.colour"}, 112),
        ({"format": "xml"}, 111),
        ({"colour": "red"}, 1),
        ({"method": "flickr.photos.comments.getList"}, 1),
        ({"method": "flickr.photos.comments.getList", "photo_id": "1"}, 1),
    ],
)
def test_refusals(simulator: Simulator, change: dict[str, str], code: int) -> None:
    auth = OAuth1(OUS.consumer_key, OUS.consumer_secret, OUS.access_token, OUS.access_token_secret)
    asked = {"method": "flickr.auth.oauth.checkToken", "format": "json", "nojsoncallback": "1"} | change
    told = requests.get(f"{simulator.url}/flickr/services/rest/", params=asked, auth=auth, timeout=5).json()
    assert (told["stat"], told["code"]) == ("fail", code)
