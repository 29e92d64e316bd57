"""Apprise: which addresses are taken, what its yes and no mean, and that its address is never told."""

from __future__ import annotations

import logging
from base64 import b64encode
from pathlib import Path

import pytest

from crisis.channels.apprise import FACTS, Apprise, Options, mistake
from crisis.channels.base import (
    Accepted,
    Busy,
    Checks,
    Deletes,
    Edits,
    LooksUp,
    Misconfigured,
    Rejected,
    SendError,
    Uncertain,
)
from crisis.settings import SecretRef, SettingsError
from tests.channels import contract
from tests.channels.contract import OUT
from tests.channels.stub import Reply, closed_port, serving

pytestmark = pytest.mark.asyncio

SECRET = "hemmelig-nokkel-1"


def opened(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apprise:
    monkeypatch.setenv("APPRISE_TEST_URL", url)
    options = Options(url=SecretRef(env="APPRISE_TEST_URL"), connect_seconds=0.5, read_seconds=0.4)
    return Apprise(contract.opening(options, tmp_path))


def ntfy(base: str) -> str:
    return base.replace("http://", f"ntfy://kari:{SECRET}@") + "/oslo-sykehus"


async def test_one_service_gets_the_words_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Reply(200, {"id": "x"})) as stub:
        channel = opened(ntfy(stub.url), tmp_path, monkeypatch)
        assert await channel.send(OUT) == Accepted("")
        await channel.close()
    assert len(stub.requests) == 1
    assert stub.requests[0].json["message"] == OUT.text
    assert stub.requests[0].json["topic"] == "oslo-sykehus"


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (Reply(401, {}), Misconfigured),
        (Reply(403, {}), Misconfigured),
        (Reply(429, {}), Busy),
        (Reply(400, {}), Rejected),
        (Reply(404, {}), Rejected),
        (Reply(500, {}), Uncertain),
        (Reply(503, "<html>"), Uncertain),
        (Reply(manner="reset"), Uncertain),
        (Reply(manner="silent"), Uncertain),
        (None, Uncertain),  # Apprise does not tell a connection that never was from one that broke
    ],
    ids=["401", "403", "429", "400", "404", "500", "503", "reset", "silent", "no connection"],
)
async def test_a_no(
    reply: Reply | None, means: type[SendError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reply is None:
        error = await contract.refused(opened(ntfy(closed_port()), tmp_path, monkeypatch), OUT)
    else:
        async with serving(reply) as stub:
            error = await contract.refused(opened(ntfy(stub.url), tmp_path, monkeypatch), OUT)
            assert len(stub.requests) == 1, "a send never repeats by itself"
    assert type(error) is means
    assert error.say


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "exec://rm",
        "syslog://",
        "dbus://",
        "windows://",
        "macosx://",
        "json://127.0.0.1/x",
        "form://127.0.0.1/x",
        "apprise://127.0.0.1/x",
        "mailto://a:b@example.org",
        "x://a/b/c/d",
        "https://hooks.example.org/x",
        "",
        f"ntfy://kari:{SECRET}@h/t?retry=3",
        f"ntfy://kari:{SECRET}@h/t?OVERFLOW=split",
        f"ntfy://kari:{SECRET}@h/t?verify=no",
        f"ntfy://kari:{SECRET}@h/t?template=/etc/passwd",
        f"ntfy://kari:{SECRET}@h/t, file:///tmp/x",
    ],
)
async def test_what_may_not_be_used_never_opens(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        opened(url, tmp_path, monkeypatch)
    assert SECRET not in str(caught.value)
    assert "://" not in mistake(url)


async def test_it_offers_no_more_than_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = opened(ntfy("http://h"), tmp_path, monkeypatch)
    assert isinstance(channel, Checks)
    for ability in (LooksUp, Deletes, Edits):
        assert not isinstance(channel, ability)
    health = await channel.check()
    assert health.ok
    assert "not tried" in health.say
    assert FACTS.public
    assert not FACTS.repeat_safe
    await channel.close()


@pytest.mark.parametrize("reply", [Reply(200, {}), Reply(401, {}), Reply(500, "x"), Reply(manner="reset")])
async def test_no_secret_shows(
    reply: Reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(reply) as stub:
        channel = opened(ntfy(stub.url), tmp_path, monkeypatch)
        basic = b64encode(f"kari:{SECRET}".encode()).decode()
        await contract.no_secret_shows([SECRET, basic], caplog, lambda: channel.send(OUT))
        assert basic in stub.requests[0].headers["Authorization"]
        assert not logging.getLogger("apprise").propagate, "its lines hold addresses"
        await channel.close()
