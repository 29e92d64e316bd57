"""Real processes: one that dies comes back, one that is told to stop stops, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisis.embedded.programs import Program
from crisis.embedded.supervise import Supervisor, configuration, news

# Writes its own number, and its child's, and then waits.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
try:
    time.sleep(600)
finally:
    child.terminate()
"""
OBEDIENT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))" + PARENT
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + PARENT


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def start(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def start(*programs: Program, **environment: str) -> Supervisor:
        supervisor = Supervisor(tmp_path, programs, said.append)
        supervisor.start({**os.environ, **environment})
        made.append(supervisor)
        return supervisor

    yield start
    for supervisor in made:
        supervisor.stop()


def test_a_killed_process_comes_back_and_its_children_do_not_linger(
    tmp_path: Path, start: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = start(Program("worker", _script(tmp_path, OBEDIENT)))
    parent, child = _pids(tmp_path / "pids", supervisor)
    (tmp_path / "pids").unlink()
    os.kill(parent, signal.SIGKILL)
    again, child_again = _pids(tmp_path / "pids", supervisor)
    assert again != parent
    _until(lambda: not _alive(child), supervisor)
    assert said == [f"worker ended (killed by SIGKILL) and is started again. Its log: {tmp_path}/logs/worker.log"]
    supervisor.stop()
    assert not _alive(again)
    assert not _alive(child_again)
    assert not supervisor.alive()


def test_one_that_does_not_listen_is_killed_with_its_children(
    tmp_path: Path, start: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = start(Program("deaf", _script(tmp_path, STUBBORN), stop_seconds=1))
    pids = _pids(tmp_path / "pids", supervisor)
    supervisor.stop()
    assert not any(map(_alive, pids))
    assert "did not stop in time" in said[0]


def test_nothing_survives_when_the_supervisor_itself_is_killed(
    tmp_path: Path, start: Callable[..., Supervisor]
) -> None:
    supervisor = start(Program("worker", _script(tmp_path, OBEDIENT)))
    pids = _pids(tmp_path / "pids", supervisor)
    os.kill(int((tmp_path / "run/supervisor.pid").read_text()), signal.SIGKILL)
    _until(lambda: not supervisor.alive(), supervisor)
    supervisor.stop()
    assert not any(map(_alive, pids))


def test_hidden_variables_are_gone_and_others_arrive(tmp_path: Path, start: Callable[..., Supervisor]) -> None:
    tell = "import os,sys,time; open(sys.argv[1],'w').write(str(sorted(k for k in os.environ if k.startswith('T_')))); time.sleep(600)"
    command = (sys.executable, "-c", tell, str(tmp_path / "seen 100%"))  # a blank and a percent sign, too
    supervisor = start(Program("worker", command, hidden=frozenset({"T_LIVE"})), T_LIVE="geheim", T_DRILL="x")
    _until(lambda: (tmp_path / "seen 100%").exists() and (tmp_path / "seen 100%").read_text() != "", supervisor)
    assert (tmp_path / "seen 100%").read_text() == "['T_DRILL']"
    assert "geheim" not in supervisor.config.read_text()


def test_a_long_path_costs_only_the_control_socket(tmp_path: Path) -> None:
    text = configuration([], tmp_path / ("x" * 120), tmp_path)
    assert "unix_http_server" not in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 INFO exited: sender-live (exit status 1; not expected)", ("sender-live", "ended (exit status 1) and is started again")),
        ("1 WARN exited: clock (terminated by SIGKILL; not expected)", ("clock", "ended (killed by SIGKILL) and is started again")),
        ("1 INFO exited: clock (exit status 0; expected)", None),
        ("1 WARN killing 'clock' (12) with SIGKILL", ("clock", "did not stop in time and was killed")),
        ("1 INFO spawned: 'clock' with pid 1", None),
    ],
)  # fmt: skip
def test_only_what_a_person_must_know_is_said(line: str, words: tuple[str, str] | None) -> None:
    assert news(line) == words


def _script(folder: Path, source: str) -> tuple[str, ...]:
    (folder / "script.py").write_text(source)
    return (sys.executable, str(folder / "script.py"), str(folder / "pids"))


def _pids(path: Path, supervisor: Supervisor) -> list[int]:
    _until(lambda: path.exists() and len(path.read_text().split()) == 2, supervisor)
    return [int(pid) for pid in path.read_text().split()]


def _until(true: Callable[[], bool], supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, supervisor.last_words("supervisor", 30)
        supervisor.look()
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
