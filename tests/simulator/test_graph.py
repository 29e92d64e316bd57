"""The pretend Facebook, Instagram and Threads: strict as the real ones, and understood by the real adapters over HTTP."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from crisis.channels.base import Busy, Hook, Misconfigured, Outgoing, Rejected, Uncertain
from crisis.channels.meta import containers
from crisis.channels.registry import KINDS
from crisis.settings import SecretRef
from crisis.simulator.network import CannotSay
from crisis.simulator.networks import NETWORKS
from crisis.simulator.server import Simulator
from tests.channels import contract
from tests.channels.contract import MemoryNotes
from tests.channels.graph_scene import attachment

OUT = replace(contract.OUT, first_attempt_at=datetime.now(UTC))
VERSIONS = {"facebook": "v26.0", "instagram": "v26.0", "threads": "v1.0"}
ALL = pytest.mark.parametrize("name", VERSIONS)


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[str]:
    """A web server of our own with a picture and a page."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(tmp_path))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def act(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Opens the real adapter of `ous` at the simulator, lets it do something, and closes it."""
    monkeypatch.setattr(containers, "WAITS", (0.0,))
    notes = MemoryNotes()

    def act(name: str, do: Callable[[Any], Any], **changed: Any) -> Any:
        account = NETWORKS[name].demo[0]
        given: dict[str, Any] = {**account.public, "base_url": f"{simulator.url}/{name}/{VERSIONS[name]}"}
        for key, value in {**account.secrets, **changed}.items():
            monkeypatch.setenv(f"{name}_{key}", value)
            given[key] = SecretRef(env=f"{name}_{key}")
        if name != "facebook":
            given["handle"] = "ous_demo"
        options = KINDS[name].options(**given, read_seconds=2)

        async def run() -> Any:
            channel = KINDS[name].open(contract.opening(options, tmp_path, notes=notes))
            try:
                return await do(channel)
            finally:
                await channel.close()

        return asyncio.run(run())

    return act


@pytest.fixture
def out(tmp_path: Path, pictures: str) -> Outgoing:
    """A message with a picture that the network can fetch."""
    return replace(OUT, media=(replace(attachment(tmp_path), url=f"{pictures}/a.jpg"),))


def seen(simulator: Simulator, name: str) -> list[Any]:
    return list(simulator._ask(simulator.internet.networks[name].seen))


def say(simulator: Simulator, name: str, *words: str) -> str:
    made: str = simulator._wait(simulator.internet.networks[name].say(*words))
    return made


@ALL
def test_a_message_goes_out_is_found_listed_and_taken_back(
    name: str, act: Any, simulator: Simulator, out: Outgoing
) -> None:
    accepted = act(name, lambda channel: channel.send(out))
    assert accepted.url.startswith(simulator.url)
    [post] = seen(simulator, name)
    assert (post.id, post.text, post.ours, post.pictures[0].alt) == (
        accepted.provider_id,
        out.text,
        True,
        out.media[0].alt,
    )
    assert requests.get(simulator.url + post.pictures[0].source, timeout=5).content == out.media[0].path.read_bytes()
    assert act(name, lambda channel: channel.find(out)) == accepted
    [shown] = act(name, lambda channel: channel.shown(datetime.now(UTC) - timedelta(hours=1)))
    assert (shown.provider_id, shown.text, shown.url) == (accepted.provider_id, out.text, accepted.url)
    for _ in range(2):
        act(name, lambda channel: channel.delete(accepted.provider_id))
    assert [one.deleted for one in seen(simulator, name)] == [True]
    assert (
        simulator.state("refused")["refused"][-1:] == []
        or "does not exist" in simulator.state("refused")["refused"][-1]["reason"]
    )


@ALL
@pytest.mark.parametrize("kind", ["hang_after", "500_after", "reset_after", "cut_off"])
def test_a_lost_answer_is_found_out_and_nothing_said_twice(
    name: str, kind: str, act: Any, simulator: Simulator, out: Outgoing
) -> None:
    if name == "facebook":
        out = replace(out, media=())
    act(name, lambda channel: channel.send(replace(out, delivery_id="first", text="Noe annet.")))
    at = next(
        edge
        for edge in ("feed", "media_publish", "threads_publish")
        if name[0] == {"feed": "f", "media_publish": "i"}.get(edge, "t")
    )
    steps = 1 if at == "feed" else 2

    async def both(channel: Any) -> Any:
        # The fault strikes the step that everybody sees: the last that changes something.
        if steps == 2:
            container = await channel._wish(out, None) if name == "threads" else await channel._wish(out)
            channel._containers.notes.write(f"container:{out.delivery_id}", container)
        simulator.fault(name, kind, times=1)
        with pytest.raises(Uncertain):
            await channel.send(out)
        return await channel.find(out)

    found = act(name, both)
    assert found is not None
    assert [one.id for one in seen(simulator, name) if one.text == out.text] == [found.provider_id]
    if steps == 2:
        assert act(name, lambda channel: channel.send(out)) == found
        assert len([one for one in seen(simulator, name) if one.text == out.text]) == 1


@ALL
def test_faults_speak_the_networks_own_words(name: str, act: Any, simulator: Simulator, out: Outgoing) -> None:
    for kind, means in (("429", Busy), ("401", Misconfigured), ("403", Misconfigured)):
        simulator.fault(name, kind, times=1)
        with pytest.raises(means):
            act(name, lambda channel: channel.send(replace(out, media=() if name != "instagram" else out.media)))
    assert seen(simulator, name) == []


@ALL
def test_check_knows_the_account_and_a_wrong_token(name: str, act: Any) -> None:
    health = act(name, lambda channel: channel.check())
    assert health.ok, health.say
    assert not act(name, lambda channel: channel.check(), access_token="guessed").ok


@ALL
def test_passers_by_are_heard_by_polling_and_can_be_answered_and_hidden(
    name: str, act: Any, simulator: Simulator, out: Outgoing
) -> None:
    post = act(name, lambda channel: channel.send(out))
    cursor = act(name, lambda channel: channel.poll(None)).cursor
    said = say(simulator, name, "", "kari", "Er det trygt å komme?", post.provider_id)
    if name != "instagram":
        say(simulator, name, "ous", "ola", "Hvor er inngangen?")
    polled = act(name, lambda channel: channel.poll(cursor))
    assert [one.text for one in polled.inbounds][:1] == ["Er det trygt å komme?"]
    assert len(polled.inbounds) == (1 if name == "instagram" else 2)
    assert (polled.inbounds[0].provider_id, polled.inbounds[0].root) == (said, post.provider_id)
    answer = replace(
        OUT, phase="answer", reply_to=said, text="Ja.", delivery_id="answer", first_attempt_at=datetime.now(UTC)
    )
    accepted = act(name, lambda channel: channel.send(answer))
    assert act(name, lambda channel: channel.find(answer)).provider_id == accepted.provider_id
    second = say(simulator, name, "", "ola", "Og vi, da?", post.provider_id)
    same_words = replace(answer, reply_to=second, delivery_id="other")
    assert act(name, lambda channel: channel.find(same_words)) is None  # said to kari, and not to ola
    act(name, lambda channel: channel.hide(said))
    found = {one.id: one for one in seen(simulator, name)}
    assert found[said].hidden
    assert found[accepted.provider_id].reply_to == said
    assert all(one.text != "Ja." for one in act(name, lambda channel: channel.poll(cursor)).inbounds)


@ALL
def test_webhooks_are_signed_and_read_by_the_adapter(name: str, act: Any, simulator: Simulator, out: Outgoing) -> None:
    got: list[Hook] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(Hook("POST", self.path, dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    network: Any = simulator.internet.networks[name]
    network.hooks = f"http://127.0.0.1:{server.server_port}/hooks/{{channel}}-{{account}}/inbound"
    try:
        post = act(name, lambda channel: channel.send(out))
        said = say(simulator, name, "", "kari", "Hjelp, æøå!", post.provider_id)
    finally:
        network.hooks = ""
        server.shutdown()
        server.server_close()
    assert [one.url for one in got] == [f"/hooks/{name}-ous/inbound"]

    async def read(channel: Any) -> Any:
        return channel.read_hook(got[0])

    [one] = act(name, read).inbounds
    assert (one.provider_id, one.text, one.root) == (said, "Hjelp, æøå!", post.provider_id)
    assert simulator.state("webhooks")["webhooks"][-1]["answer"] == 200


def test_a_page_refuses_its_last_words_again_and_can_be_edited(act: Any, simulator: Simulator) -> None:
    out = replace(OUT, first_attempt_at=None)
    first = act("facebook", lambda channel: channel.send(out))
    with pytest.raises(Rejected, match="Duplicate"):
        act("facebook", lambda channel: channel.send(out))
    act("facebook", lambda channel: channel.edit(first.provider_id, replace(out, text="Rettet.")))
    assert [(one.text, one.edited) for one in seen(simulator, "facebook")] == [("Rettet.", True)]


@pytest.mark.parametrize("url", ["http://example.org/a.jpg", "{pictures}/none.jpg", "{pictures}/page.html"])
def test_pictures_are_fetched_from_this_machine_only_and_must_be_pictures(
    url: str, act: Any, out: Outgoing, pictures: str, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text("<h1>no picture</h1>")
    media = (replace(out.media[0], url=url.replace("{pictures}", pictures)),)
    with pytest.raises(Rejected, match="picture or film"):
        act("instagram", lambda channel: channel.send(replace(out, media=media)))


@ALL
def test_a_token_in_an_address_is_refused_and_written_down(name: str, simulator: Simulator) -> None:
    account = NETWORKS[name].demo[0]
    token = account.secrets["access_token"]
    address = f"{simulator.url}/{name}/{VERSIONS[name]}/me?access_token={token}"
    told = requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert told.status_code == 400
    assert "address" in told.json()["error"]["message"]
    assert "address" in simulator.state("refused")["refused"][-1]["reason"]


@pytest.mark.parametrize(
    ("path", "form", "say_"),
    [
        ("facebook/v26.0/1001/feed", {"message": "a", "colour": "red"}, "colour"),
        ("facebook/v26.0/1001/feed", {"message": " "}, "needs a message"),
        ("facebook/v26.0/1001/feed", {"message": "a", "attached_media": '[{"media_fbid": "7"}]'}, "does not exist"),
        ("facebook/v26.0/1001/feed", {"message": "a", "appsecret_proof": "0" * 64}, "appsecret_proof"),
        ("facebook/v26.0/1002/feed", {"message": "a"}, "does not exist"),
        ("instagram/v26.0/17841000001001/media", {"caption": "a", "media_type": "TEXT"}, "no post without"),
        ("instagram/v26.0/17841000001001/media", {"caption": "a" * 2201, "image_url": "x"}, "2200"),
        ("instagram/v26.0/17841000001001/media_publish", {"creation_id": "7"}, "does not exist"),
        ("threads/v1.0/631000001001/threads", {"media_type": "TEXT", "text": "🇳🇴" * 63}, "500"),
        (
            "threads/v1.0/631000001001/threads",
            {"media_type": "TEXT", "text": "a", "reply_to_id": "7"},
            "does not exist",
        ),
    ],
)
def test_what_the_networks_do_not_take(path: str, form: dict[str, str], say_: str, simulator: Simulator) -> None:
    token = NETWORKS[path.partition("/")[0]].demo[0].secrets["access_token"]
    told = requests.post(f"{simulator.url}/{path}", data=form, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert told.status_code == 400
    assert say_ in told.json()["error"]["message"]


def test_a_container_is_published_once(simulator: Simulator, act: Any) -> None:
    async def twice(channel: Any) -> None:
        await channel.send(OUT)
        container = channel._containers.notes.read(f"container:{OUT.delivery_id}")
        await channel._graph.post(channel._containers.publish_path, creation_id=container)

    with pytest.raises(Rejected, match="already"):
        act("threads", twice)
    assert len(seen(simulator, "threads")) == 1


def test_who_may_not_speak(simulator: Simulator) -> None:
    for name, words in (
        ("facebook", ("nobody", "kari", "Hei")),
        ("facebook", ("ous", "kari", " ")),
        ("threads", ("ous", "kari", "Hei", "7")),
        ("threads", ("ous", "kari", "a" * 501)),
        ("instagram", ("ous", "kari", "Hei")),
    ):
        with pytest.raises(CannotSay):
            say(simulator, name, *words)
