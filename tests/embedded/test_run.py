"""`crisis run` as a person meets it: from a folder with an example to a console that answers, and down again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from crisis import runtime
from crisis.embedded import keys
from tests.embedded.conftest import free_ports

READY = "Ctrl-C stops everything"


class Running:
    """`crisis run` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.console, simulator, mail = free_ports(3)
        ports = ["--port", str(self.console), "--simulator-port", str(simulator), "--mail-port", str(mail)]
        self.out = folder / "out.txt"
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "crisis.cli", "run", *ports],
                cwd=folder,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.wait_for(READY)

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 100
        while words not in self.out.read_text():
            assert time.monotonic() < deadline, self.out.read_text()
            assert self.process.poll() is None, self.out.read_text()
            time.sleep(0.1)

    def pids(self) -> dict[str, int]:
        """The processes below, by what their command line says."""
        supervisor = int((self.folder / "var/run/supervisor.pid").read_text())
        found = {"supervisor": supervisor}
        for pid in _children(supervisor):
            found[Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()] = pid
        return found

    def pid(self, words: str) -> int:
        return next(pid for command, pid in self.pids().items() if words in command)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    made = Running(folder)
    yield made
    if made.process.poll() is None:
        made.stop()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_everything_starts_survives_a_death_and_stops(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = running.out.read_text()
    assert f"http://127.0.0.1:{running.console}/" in shown
    assert "vakt-ous" in shown
    assert "demo-demo-demo" in shown
    assert (running.folder / "crisis.toml").read_text() == (running.folder / "crisis.example.toml").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{running.console}/readyz", timeout=5) as answer:
        assert answer.read() == b"ok\n"

    settings = runtime.load(running.folder / "crisis.toml")
    live = keys.variables(account for account in settings.accounts if account.mode == "live")
    drill = keys.variables(account for account in settings.accounts if account.mode == "drill")
    assert _environment(running.pid("--mode live")) >= live
    assert not _environment(running.pid("--mode live")) & drill
    assert _environment(running.pid("--mode drill")) >= drill
    assert not _environment(running.pid("--mode drill")) & live

    # A second one in the same folder is refused before it touches anything.
    second = subprocess.run(
        [sys.executable, "-m", "crisis.cli", "run"], cwd=running.folder, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert f"process {running.process.pid}" in second.stderr
    assert "Traceback" not in second.stderr

    before = running.pid("workers.clock")
    os.kill(before, signal.SIGKILL)
    running.wait_for("clock ended (killed by SIGKILL) and is started again")
    deadline = time.monotonic() + 20
    while not any("workers.clock" in command and pid != before for command, pid in running.pids().items()):
        assert time.monotonic() < deadline
        time.sleep(0.1)

    everybody = [*running.pids().values(), *_children(running.pid("granian"))]
    for _ in range(20):  # an impatient person, and make passing it on as well
        running.process.send_signal(signal.SIGTERM)
    assert running.stop(signal.SIGINT) == 0
    assert not [pid for pid in everybody if Path(f"/proc/{pid}").exists()]
    assert "Stopped." in running.out.read_text()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells the supervisor that we died")
def test_nothing_outlives_a_killed_command(running: Running) -> None:
    everybody = [*running.pids().values(), *_children(running.pid("granian"))]
    running.stop(signal.SIGKILL)
    deadline = time.monotonic() + 40
    while left := [pid for pid in everybody if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _environment(pid: int) -> set[str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return {pair.partition(b"=")[0].decode() for pair in pairs if pair}
