"""Keeps the processes of one machine alive with supervisord, and stops them all when told to.

The screen stays quiet: each process writes to a file of its own, and only a process that ended unasked is mentioned.
Secrets are handed down in the environment and stand in no file.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from crisis.embedded.programs import Program

LOG_BYTES, LOG_FILES = 5_000_000, 5
LONGEST_SOCKET = 100  # characters; the kernel takes some 107
STOP_SECONDS = 60
_SPAWNED = re.compile(r"INFO spawned: '(?P<name>[\w-]+)' with pid (?P<pid>\d+)")
_GONE = re.compile(r"(?:INFO|WARN) (?:exited|stopped): (?P<name>[\w-]+) \(")
_ENDED = re.compile(r"(?:INFO|WARN) exited: (?P<name>[\w-]+) \((?P<how>.*); not expected\)")
_ERROR = re.compile(r"[\w.]*(?:Error|Exception)\b.*: |\S+ cannot start")
_KILLED = re.compile(r"WARN killing '(?P<name>[\w-]+)'")
_GAVE_UP = re.compile(r"INFO gave up: (?P<name>[\w-]+) ")


class Supervisor:
    """supervisord as a child of ours. It ends with us, whatever becomes of us."""

    def __init__(self, folder: Path, programs: Iterable[Program], say: Callable[[str], None] = print) -> None:
        self.programs = list(programs)
        self.logs = folder / "logs"
        self._run = folder / "run"
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._read_to = 0
        self._groups: dict[str, int] = {}  # of each process that runs: the group it leads
        self._stopping = False

    @property
    def config(self) -> Path:
        return self._run / "supervisor.conf"

    def start(self, environment: Mapping[str, str]) -> None:
        """Start everything; `environment` goes to each process, less what it must not see."""
        for folder in (self.logs, self._run):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        self.config.write_text(configuration(self.programs, self._run.resolve(), self.logs.resolve()))
        self._read_to = self.log("supervisor").stat().st_size if self.log("supervisor").exists() else 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            # Its news are read from its log. Not through a pipe: writing to one whose reader was killed would end it
            # without stopping the others.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone; we tell the others, once and in order
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - before any thread of ours exists
        )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look(self) -> None:
        """Read supervisord's news: tell of processes that ended unasked, and end what such a one left behind."""
        for line in self._news():
            if found := _SPAWNED.search(line):
                self._groups[found["name"]] = int(found["pid"])
            elif found := _GONE.search(line):
                _kill_group(self._groups.pop(found["name"], None), signal.SIGKILL)
            if (words := news(line)) and not (self._stopping and words[1].startswith("ended")):
                self._say(f"{words[0]} {words[1]}. Its log: {self.log(words[0])}")

    def stop(self) -> None:
        """Stop everything and wait for it; may be called twice."""
        self._stopping = True
        if self._process is None:
            return
        if self.alive():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.look()
        # Empty, unless supervisord itself was killed and could stop nobody.
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = [group for group in self._groups.values() if _kill_group(group, number)]
            if not left:
                break
            time.sleep(3 if number == signal.SIGTERM else 0)
        self._groups.clear()

    def last_words(self, name: str, lines: int = 5) -> str:
        """What a process's log says went wrong: its newest errors, else its last lines."""
        try:
            text = self.log(name).read_text(errors="replace").splitlines()[-1000:]
        except OSError:
            return ""
        errors = list(dict.fromkeys(line for line in reversed(text) if _ERROR.match(line)))[:2]
        return "\n".join(reversed(errors)) or "\n".join(text[-lines:])

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _news(self) -> list[str]:
        try:
            with self.log("supervisor").open("rb") as file:
                if file.seek(0, 2) < self._read_to:
                    self._read_to = 0  # a new file was begun
                file.seek(self._read_to)
                whole = file.read().rpartition(b"\n")[0]
        except OSError:
            return []
        self._read_to += len(whole) + 1 if whole else 0
        return whole.decode(errors="replace").splitlines()


def news(line: str) -> tuple[str, str] | None:
    """What a line of supervisord's log means to a person: (process, words), or None for nothing."""
    if found := _ENDED.search(line):
        how = found["how"].replace("terminated by ", "killed by ")
        return found["name"], f"ended ({how}) and is started again"
    if found := _KILLED.search(line):
        return found["name"], "did not stop in time and was killed"
    if found := _GAVE_UP.search(line):
        return found["name"], "can't be started and was given up; mend it and run `crisis run` again"
    return None


def configuration(programs: Iterable[Program], run: Path, logs: Path) -> str:
    """The configuration file. Two groups, so that Redis and the simulator outlive those who use them."""
    programs = list(programs)
    sections = [
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_quoted(logs / 'supervisor.log')}",
        f"logfile_maxbytes={LOG_BYTES}",
        f"logfile_backups={LOG_FILES}",
        f"pidfile={_quoted(run / 'supervisor.pid')}",
        "identifier=crisis",
    ]
    socket = run / "supervisor.sock"
    if len(str(socket)) <= LONGEST_SOCKET:
        sections += [
            "[unix_http_server]",
            f"file={_quoted(socket)}",
            "chmod=0700",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisorctl]",
            f"serverurl=unix://{_quoted(socket)}",
        ]
    for group, base in (("base", True), ("crisis", False)):
        members = [program for program in programs if program.base == base]
        if members:
            names = ",".join(program.name for program in members)
            sections += [f"[group:{group}]", f"programs={names}", f"priority={1 if base else 100}"]
        for program in members:
            sections += [
                f"[program:{program.name}]",
                f"command={_quoted(shlex.join(_without(program)))}",
                "autorestart=true",
                "startsecs=2",
                "startretries=1000",  # each pause is a second longer than the one before; giving up helps nobody
                f"stopwaitsecs={program.stop_seconds}",
                # A process ends its own children when it is told to stop. Only one that does not listen takes its
                # whole group with it.
                "stopasgroup=false",
                "killasgroup=true",
                "redirect_stderr=true",
                f"stdout_logfile={_quoted(logs / f'{program.name}.log')}",
                f"stdout_logfile_maxbytes={LOG_BYTES}",
                f"stdout_logfile_backups={LOG_FILES}",
            ]
    return "\n".join(sections) + "\n"


def _without(program: Program) -> list[str]:
    """The command, started through `env`, which takes the hidden variables away and then becomes the command."""
    if not program.hidden:
        return list(program.command)
    env = shutil.which("env") or "/usr/bin/env"
    return [env, *(part for name in sorted(program.hidden) for part in ("-u", name)), *program.command]


def _quoted(value: object) -> str:
    return str(value).replace("%", "%%")  # supervisord fills in %(names)s


def _kill_group(group: int | None, number: signal.Signals) -> bool:
    """Send a signal to what is left of a process group; True when there was something."""
    try:
        if group is not None:
            os.killpg(group, number)
            return True
    except (ProcessLookupError, PermissionError):
        pass
    return False


def _end_with_parent() -> None:
    """Linux only: supervisord gets SIGTERM when we die, even by SIGKILL, and stops the rest."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        return
