"""Which ports, are they free, and moving them without touching the user's file."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from crisis import runtime
from crisis.embedded import ports
from crisis.embedded.ports import Ports
from crisis.settings import Settings, SettingsError
from tests.embedded.conftest import free_ports


def test_the_simulator_listens_where_accounts_look_for_it(settings: Settings) -> None:
    assert ports.ports(settings) == Ports(console=8080, simulator=8090, mail=8025, mailbox=8143)


def test_a_taken_port_is_named_with_what_to_change(folder: Path) -> None:
    console, simulator, mail, mailbox = free_ports(4)
    _moved(folder, Ports(console, simulator, mail, mailbox))
    with socket.socket() as other, socket.socket() as another:
        for busy, port in ((other, console), (another, mail)):
            busy.bind(("127.0.0.1", port))
            busy.listen()
        with pytest.raises(SettingsError) as caught:
            ports.check_free(runtime.load(folder / "crisis.toml"))
    first, second = caught.value.mistakes
    assert f"port {console} on 127.0.0.1, for the console" in first
    assert "console.port" in first
    assert f"make run PORT={console + 1}" in first
    assert f"port {mail}" in second
    assert "--mail-port" in second


def test_moving_changes_every_address_and_nothing_else(folder: Path) -> None:
    text = _moved(folder, Ports(9001, 9002, 9003, 9004))
    moved = runtime.load(folder / "crisis.toml")
    assert ports.ports(moved) == Ports(9001, 9002, 9003, 9004)
    assert moved.console.public_url == "http://127.0.0.1:9001"
    assert {a.options.public_url.split("/")[2] for a in moved.accounts if a.channel == "page"} == {"127.0.0.1:9002"}
    back = ports.moved(text, {9001: 8080, 9002: 8090, 9003: 8025, 9004: 8143})
    assert back == (folder / "crisis.example.toml").read_text()


def test_ports_may_be_swapped() -> None:
    assert ports.moved('a = "http://localhost:1/x"\nport = 2 # two\n', {1: 2, 2: 1}) == (
        'a = "http://localhost:2/x"\nport = 1 # two\n'
    )


def test_other_machines_keep_their_ports() -> None:
    line = 'base_url = "https://api.example:8090"'
    assert ports.moved(line, {8090: 9}) == line


def test_two_places_for_one_simulator_is_a_mistake(folder: Path) -> None:
    source = (folder / "crisis.example.toml").read_text()
    (folder / "crisis.toml").write_text(
        source.replace('base_url = "http://127.0.0.1:8090"', 'base_url = "http://127.0.0.1:8091"', 1)
    )
    with pytest.raises(SettingsError, match="8090, 8091"):
        ports.ports(runtime.load(folder / "crisis.toml"))


def test_a_port_that_is_not_written_cannot_be_moved(folder: Path) -> None:
    source = (folder / "crisis.example.toml").read_text()
    (folder / "crisis.toml").write_text(source.replace("port = 8080\n", "", 1))
    with pytest.raises(SettingsError, match="write port = 8080 under"):
        ports.with_ports(runtime.load(folder / "crisis.toml"), Ports(9001, 8090, 8025, 8143))


def _moved(folder: Path, wanted: Ports) -> str:
    text = ports.with_ports(runtime.load(folder / "crisis.example.toml"), wanted)
    assert text is not None
    (folder / "crisis.toml").write_text(text)
    return text
