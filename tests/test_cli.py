"""The `crisis` command: what it prints, what it refuses, and that expected trouble is one line and no traceback."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from crisis import cli, migrations, runtime
from crisis.db import Database
from crisis.embedded import run as embedded
from crisis.models import Heartbeat, utcnow
from tests.embedded.conftest import folder, free_ports

__all__ = ["folder"]  # the fixture


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


Crisis = Callable[..., Said]


@pytest.fixture
def crisis(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Crisis:
    """Run the command as its entry point does, in a folder with the demo's settings."""
    (folder / "crisis.toml").write_text((folder / "crisis.example.toml").read_text())

    def crisis(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["crisis", *words])
        status = 0
        try:
            cli.main()
        except SystemExit as done:
            status = done.code if isinstance(done.code, int) else int(done.code is not None)
        return Said(status, *capfd.readouterr())

    return crisis


@pytest.fixture
def demo(crisis: Crisis) -> Crisis:
    """The same, with the demo's database."""
    settings = runtime.load(Path("crisis.toml"))
    embedded.keys.make_secret_key(settings)
    embedded.prepare(settings, lambda _: None)
    return crisis


def test_settings_check_counts_and_names(crisis: Crisis) -> None:
    said = crisis("settings", "check")
    assert said.status == 0
    accounts = Path("crisis.example.toml").read_text().count("[[accounts]]")
    assert f"2 units, {accounts} accounts, no mistakes" in said.out


def test_settings_check_tells_all_mistakes_and_their_lines(crisis: Crisis, folder: Path) -> None:
    path = folder / "crisis.toml"
    path.write_text(
        path.read_text().replace("port = 8080", "port = 0", 1).replace('tls = "starttls"', 'tls = "ssl"', 1)
    )
    said = crisis("settings", "check")
    assert said.status == 1
    assert len(said.err.splitlines()) == 2
    assert all(re.match(r"crisis: crisis\.toml:\d+: ", line) for line in said.err.splitlines())


def test_settings_check_wants_real_secrets_of_real_accounts(crisis: Crisis, folder: Path) -> None:
    path = folder / "crisis.toml"
    before, after = path.read_text().split('handle = "OUS_demo"', 1)
    path.write_text(before + 'handle = "OUS_demo"' + after.replace("http://127.0.0.1:8090", "https://api.x.com", 1))
    said = crisis("settings", "check")
    assert said.status == 1
    assert "account x-ous, consumer_key: environment variable X_OUS_CONSUMER_KEY is not set" in said.err


@pytest.mark.parametrize(
    ("words", "say"),
    [
        (["--settings", "nowhere.toml", "settings", "check"], "copy crisis.example.toml"),
        (["audit", "verify"], "run `crisis db upgrade`"),
        (["pulse"], "run `crisis db upgrade`"),
        (["demo-code"], "run `crisis db upgrade`"),
        (["playbooks", "show", "--unit", "nix"], "there is no unit 'nix'; known are ous, hod"),
    ],
)
def test_expected_trouble_is_one_line(crisis: Crisis, words: list[str], say: str) -> None:
    said = crisis(*words)
    assert said.status == 1
    assert say in said.err
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("crisis: ")


def test_a_missing_secret_key_is_named(crisis: Crisis) -> None:
    crisis("db", "upgrade")
    said = crisis("audit", "verify")
    assert said.status == 1
    assert "secret file var/secret-key" in said.err


def test_db_upgrade_says_what_it_did_and_does_it_once(crisis: Crisis) -> None:
    assert f"at revision {migrations.newest()} (was empty)" in crisis("db", "upgrade").out
    assert crisis("db", "upgrade").out == f"the database is at revision {migrations.newest()}\n"


def test_playbooks_check_takes_the_folder_of_the_settings(crisis: Crisis) -> None:
    said = crisis("playbooks", "check")
    assert said.status == 0
    assert re.search(r"^\d+ playbooks, 0 errors", said.out, re.MULTILINE)
    assert crisis("playbooks", "check", "nowhere").status == 2


def test_the_paper_edition_goes_to_a_file(crisis: Crisis, folder: Path) -> None:
    said = crisis("playbooks", "show", "--out", "paper.html", "--unit", "hod")
    assert said.status == 0
    assert "Helse- og omsorgsdepartementet" in said.out
    assert "<html" in (folder / "paper.html").read_text()


def test_audit_verify_finds_a_changed_row(demo: Crisis) -> None:
    assert demo("audit", "verify").status == 0
    with sqlite3.connect("var/crisis.db") as connection:
        connection.execute("UPDATE audit SET who = 'somebody else' WHERE number = 2")
    connection.close()
    said = demo("audit", "verify")
    assert said.status == 1
    assert "row 2" in said.err


def test_a_user_is_added_once_and_let_in_again(demo: Crisis) -> None:
    said = demo("user", "add", "Kari@ous.example", "Kari Moen", "--role", "ous:officer", "--role", "ous:viewer")
    assert said.status == 0
    assert re.search(r"kari@ous\.example: \w{4}-\w{4}-\w{4}-\w{4}", said.out, re.IGNORECASE)
    assert "already" in demo("user", "add", "kari@ous.example", "K", "--role", "ous:viewer").err
    assert "One-time password" in demo("user", "reset-totp", "kari@ous.example").out
    assert "no user 'nobody'" in demo("user", "reset-totp", "nobody").err
    assert "no role 'boss'" in demo("user", "add", "b", "B", "--role", "ous:boss").err
    assert "no unit 'x'" in demo("user", "add", "b", "B", "--role", "x:viewer").err
    assert demo("audit", "verify").status == 0


def test_demo_code_is_for_demo_users_only(demo: Crisis) -> None:
    demo("user", "add", "kari", "Kari", "--role", "ous:viewer")
    assert re.match(r"vakt-ous +\d{6} ", demo("demo-code", "vakt-ous").out)
    assert len(demo("demo-code").out.splitlines()) == 6
    assert "no demo user" in demo("demo-code", "kari").err


def test_pulse_tells_the_living_from_the_silent(demo: Crisis) -> None:
    assert demo("pulse").status == 1
    database = Database("sqlite:///var/crisis.db")
    with database.writing() as session:
        session.add(Heartbeat(process=f"clock@{socket.gethostname()}:{os.getpid()}", kind="clock", at=utcnow()))
        session.add(Heartbeat(process="listener@elsewhere:1", kind="listener", at=utcnow()))
    database.close()
    assert demo("pulse").status == 0
    assert demo("pulse", "clock").status == 0
    assert "no listener has been heard" in demo("pulse", "listener").err  # alive, but not here


def test_run_refuses_a_taken_port_before_it_makes_anything(crisis: Crisis, folder: Path) -> None:
    (port,) = free_ports(1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        said = crisis("run", "--port", str(port), "--simulator-port", "1", "--mail-port", "2")
    assert said.status == 1
    assert f"port {port} on 127.0.0.1, for the console" in said.err
    assert not (folder / "var/crisis.db").exists()


def test_run_refuses_a_given_redis_that_is_away(crisis: Crisis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:geheim@127.0.0.1:1/0")
    ports = map(str, free_ports(3))
    said = crisis("run", "--port", next(ports), "--simulator-port", next(ports), "--mail-port", next(ports))
    assert said.status == 1
    assert "127.0.0.1:1 does not answer" in said.err
    assert "geheim" not in said.err


@pytest.mark.parametrize("command", [["run"], ["console"]])
def test_demo_users_are_refused_beside_anything_real(demo: Crisis, folder: Path, command: list[str]) -> None:
    path, ports = folder / "crisis.toml", free_ports(3)
    before, after = path.read_text().split('handle = "OUS_demo"', 1)
    path.write_text(before + 'handle = "OUS_demo"' + after.replace("http://127.0.0.1:8090", "https://api.x.com", 1))
    moves = ["--port", "--simulator-port", "--mail-port"]
    options = [word for pair in zip(moves, map(str, ports), strict=True) for word in pair] if command == ["run"] else []
    said = demo(*command, *options)
    assert said.status == 1
    assert "whose password everybody knows" in said.err
    assert "docs/go-live.md" in said.err
