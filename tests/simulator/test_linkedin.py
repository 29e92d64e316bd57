"""The pretend LinkedIn, spoken to by the real adapter over HTTP, and refusing what the documentation does not allow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from crisis.channels.base import Misconfigured, Rejected, SendError, Uncertain
from crisis.channels.linkedin.adapter import LinkedIn, Options
from crisis.settings import SecretRef
from crisis.simulator.linkedin.page import DEMO
from crisis.simulator.server import Simulator
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.pictures import picture

pytestmark = pytest.mark.asyncio
OUS = DEMO[0]


@pytest.fixture
def channel(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LinkedIn:
    monkeypatch.setenv("A_REFRESH", OUS.keys["refresh_token"])
    monkeypatch.setenv("A_SECRET", OUS.keys["client_secret"])
    options = Options(
        organization=OUS.number,
        client_id=OUS.client_id,
        client_secret=SecretRef(env="A_SECRET"),
        refresh_token=SecretRef(env="A_REFRESH"),
        base_url=f"{simulator.url}/linkedin",
        auth_url=f"{simulator.url}/linkedin",
        connect_seconds=2,
        read_seconds=1,
    )
    return LinkedIn(contract.opening(options, tmp_path))


def seen(simulator: Simulator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulator.state("networks")["networks"]["linkedin"]
    return found


def content(simulator: Simulator, path: str) -> bytes:
    return requests.get(simulator.url + path, timeout=5).content


def asked(url: str, body: Any, headers: dict[str, str]) -> requests.Response:
    return requests.post(url, json=body, headers=headers, timeout=5)


def say(simulator: Simulator, text: str, reply_to: str = "") -> str:
    told = {"account": "ous", "author": "Kari", "text": text, "reply_to": reply_to}
    answer = requests.post(f"{simulator.url}/control/networks/linkedin/say", json=told, timeout=5)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_post_its_picture_its_change_and_its_end(
    channel: LinkedIn, simulator: Simulator, tmp_path: Path
) -> None:
    text = "Ring 113 (nå) | #nødvarsel {x} [y] <z> *w* _v_ ~u~ @t \\ slutt"
    made = await channel.send(replace(OUT, text=text, media=[picture(tmp_path, alt="Kart over Oslo S")]))
    post = seen(simulator)[0]
    assert (post["text"], post["url"]) == (text, made.url)
    assert post["pictures"][0]["alt"] == "Kart over Oslo S"
    assert content(simulator, post["pictures"][0]["source"]) == b"\xff\xd8\xff picture"
    await channel.edit(made.provider_id, replace(OUT, text="Rettet: ring 116117."))
    assert [one.text for one in await channel.shown(contract.now() - timedelta(minutes=1))] == ["Rettet: ring 116117."]
    assert seen(simulator)[0]["edited"]
    await channel.delete(made.provider_id)
    await channel.delete(made.provider_id)
    assert seen(simulator)[0]["deleted"]
    assert not simulator.state("refused")["refused"]
    await channel.close()


async def test_people_comment_and_are_answered(channel: LinkedIn, simulator: Simulator) -> None:
    began = await channel.poll(None)
    made = await channel.send(OUT)
    comment = say(simulator, "Er mor der?")
    heard = await channel.poll(began.cursor)
    assert [(one.provider_id, one.text, one.root) for one in heard.inbounds] == [
        (comment, "Er mor der?", made.provider_id)
    ]
    nested = say(simulator, "Ja, hvor er hun?", comment)
    out = replace(OUT, text="Ring 22 00 00 00.", reply_to=nested, phase="answer", first_attempt_at=contract.now())
    answer = await channel.send(out)
    assert seen(simulator)[-1]["reply_to"] == comment
    found = await channel.find(out)
    assert found is not None
    assert found.provider_id == answer.provider_id
    await channel.edit(answer.provider_id, replace(out, text="Ring 22 11 11 11."))
    assert seen(simulator)[-1]["text"] == "Ring 22 11 11 11."
    await channel.delete(answer.provider_id)
    assert seen(simulator)[-1]["deleted"]
    assert not simulator.state("refused")["refused"]
    await channel.close()


async def test_what_was_lost_is_found_and_a_repeat_is_known(channel: LinkedIn, simulator: Simulator) -> None:
    out = replace(OUT, first_attempt_at=contract.now())
    assert await channel.find(out) is None
    simulator.fault("linkedin", "hang_after", times=1)
    with pytest.raises(Uncertain):
        await channel.send(out)
    found = await channel.find(out)
    assert found is not None
    assert await channel.send(out) == found
    assert len(seen(simulator)) == 1
    with pytest.raises(Rejected):
        await channel.send(OUT)
    await channel.close()


@pytest.mark.parametrize(
    ("fault", "means"), [("401", Misconfigured), ("403", Misconfigured), ("500_before", Uncertain), ("html", Uncertain)]
)
async def test_faults(channel: LinkedIn, simulator: Simulator, fault: str, means: type[SendError]) -> None:
    simulator.fault("linkedin", fault, times=1)
    with pytest.raises(means):
        await channel.send(OUT)
    assert not seen(simulator)
    await channel.close()


async def test_check(channel: LinkedIn) -> None:
    health = await channel.check()
    assert health.ok, health.say
    assert health.expires_at
    await channel.close()


GOOD = {
    "author": OUS.urn,
    "commentary": "Hei",
    "visibility": "PUBLIC",
    "distribution": {"feedDistribution": "MAIN_FEED"},
    "lifecycleState": "PUBLISHED",
}
HEADERS = {
    "Authorization": f"Bearer {OUS.keys['access_token']}",
    "LinkedIn-Version": "202607",
    "X-Restli-Protocol-Version": "2.0.0",
}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 201),
        ({"colour": "red"}, {}, 422),
        ({"commentary": None}, {}, 422),
        ({"author": "urn:li:organization:1"}, {}, 403),
        ({"content": {"media": {"id": "urn:li:image:1"}}}, {}, 422),
        ({}, {"LinkedIn-Version": "202001"}, 426),
        ({}, {"LinkedIn-Version": ""}, 400),
        ({}, {"X-Restli-Protocol-Version": "1.0.0"}, 400),
        ({}, {"Authorization": "Bearer wrong"}, 401),
    ],
)
async def test_refusals(simulator: Simulator, change: dict[str, Any], headers: dict[str, str], status: int) -> None:
    url = f"{simulator.url}/linkedin/rest/posts"
    answer = asked(url, GOOD | change, HEADERS | headers)
    assert answer.status_code == status, answer.text
    assert len(simulator.state("refused")["refused"]) == (status != 201)


async def test_unescaped_text_is_cut_without_a_word_and_the_ledger_tells(simulator: Simulator) -> None:
    url = f"{simulator.url}/linkedin/rest/posts"
    answer = asked(url, GOOD | {"commentary": "Ring 113 (nå) straks"}, HEADERS)
    assert answer.status_code == 201
    assert seen(simulator)[0]["text"] == "Ring 113 "
    assert "cut" in simulator.state("refused")["refused"][0]["reason"]
