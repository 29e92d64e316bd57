"""Processes of the product that start at once: forked from one that has imported everything and done nothing.

Stories start some two hundred senders, clocks and commands. Each is a process of its own, with its own memory, signals
and end, started by the same module under the same name; only the seconds of importing are spent once. Whether they
start from nothing is asked by the stories that say `cold`, and by those that run the supervisor.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from sqlalchemy.orm import configure_mappers

PRELOADED = (
    "workers.sender",
    "workers.clock",
    "workers.listener",
    "crisis.cli",
    "crisis.console",
    "granian.cli",
    "crisis.channels.bluesky.client",
    "crisis.channels.mastodon.client",
    "atproto_client",
    "mastodon",
    "twilio.http.async_http_client",
    "twilio.rest",
    "sqlalchemy.dialects.postgresql.psycopg",
    "alembic.command",
)
ROOT = Path(__file__).parent.parent


class Process:
    """One of them, with what tests need of `subprocess.Popen`."""

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], *, log: IO[bytes] | None = None, text: bool = False
    ) -> None:
        """`words` is what follows `python`: -m and a module, or -c and code. With `text`, `communicate` talks to it."""
        self.args = [sys.executable, *words]
        self.returncode: int | None = None
        self._files = [tempfile.TemporaryFile() for _ in range(2)] if text else []  # noqa: SIM115 - closed with us
        reading, self._typing = os.pipe() if text else (os.open(os.devnull, os.O_RDONLY), -1)
        with Path(os.devnull).open("wb") as nowhere:
            outputs = [file.fileno() for file in self._files] or [(log or nowhere).fileno()]
            self.pid = _nursery().bear(words, env, [reading, outputs[0], outputs[-1]])
        os.close(reading)

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _nursery().ended.get(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        nursery = _nursery()
        with nursery.news:
            if not nursery.news.wait_for(lambda: self.pid in nursery.ended, timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, typed: str = "", timeout: float | None = None) -> tuple[str, str]:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._typing, typed.encode())
        os.close(self._typing)
        self.wait(timeout)
        for file in self._files:
            file.seek(0)
        out, err = (file.read().decode() for file in self._files)
        return out, err


class Nursery:
    """The process that has imported everything, as seen by the tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        self._born: dict[str, int] = {}
        self._lock = threading.Lock()
        self.ended: dict[int, int] = {}
        self.news = threading.Condition()
        self.gone = False
        threading.Thread(target=self._listen, daemon=True).start()

    def bear(self, words: Sequence[str], env: Mapping[str, str], files: Sequence[int]) -> int:
        name = os.urandom(8).hex()
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as told:  # larger than a packet may be
            json.dump({"name": name, "words": [*words], "env": dict(env)}, told)
        with self._lock:
            packed = array.array("i", files)
            self._socket.sendmsg([told.name.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)])
        with self.news:
            assert self.news.wait_for(lambda: self.gone or name in self._born, 60), "the nursery does not answer"
            assert not self.gone, "the nursery has ended"
            return self._born[name]

    def _listen(self) -> None:
        while said := self._socket.recv(4096):
            told = json.loads(said)
            with self.news:
                if "name" in told:
                    self._born[told["name"]] = told["pid"]
                    self.ended.pop(told["pid"], None)  # numbers of processes come round
                else:
                    self.ended[told["pid"]] = told["status"]
                self.news.notify_all()
        with self.news:
            self.gone = True
            self.news.notify_all()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait(20)


@cache
def _nursery() -> Nursery:
    made = Nursery()
    atexit.register(made.close)
    return made


# -- the other side ----------------------------------------------------------------------------------------------------


def _serve(tests: socket.socket) -> dict[str, Any] | None:
    """Fork whenever asked. Returns in each child with what it is to be, and in the parent with None at the end."""
    waking, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end us
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([tests, waking], [], [])
        if waking in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(waking, 4096)
            _bury(tests)
        if tests not in ready:
            continue
        said, packed, _, _ = tests.recvmsg(4096, socket.CMSG_SPACE(3 * 4))
        if not said:
            return None
        files = array.array("i", packed[0][2])
        path = Path(said.decode())
        told: dict[str, Any] = json.loads(path.read_text())
        path.unlink()
        pid = os.fork()
        with contextlib.suppress(PermissionError):  # it has begun, and has done so itself
            os.setpgid(pid, pid)  # a group of its own, as others have that start processes
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            tests.detach()  # else it would close, at its end, what has its number by then
            for number, file in enumerate(files):
                os.dup2(file, number)
            os.closerange(3, 256)
            return told
        for file in files:
            os.close(file)
        tests.send(json.dumps({"name": told["name"], "pid": pid}).encode())


def _bury(tests: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            tests.send(json.dumps({"pid": found[0], "status": os.waitstatus_to_exitcode(found[1])}).encode())


def _become(told: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(told["env"])
    time.tzset()
    random.seed()  # else every child would be as lucky as the last
    kind, what, *rest = told["words"]
    if kind == "-c":
        sys.argv = ["-c", *rest]
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    else:
        sys.argv = [what, *rest]
        sys.modules.pop(what, None)  # as if it had not been imported: its own code runs in this process
        runpy.run_module(what, run_name="__main__", alter_sys=True)


def main() -> None:
    for module in PRELOADED:
        importlib.import_module(module)
    configure_mappers()
    gc.collect()
    gc.freeze()  # else each child would look through all of it for waste, and copy it by doing so
    assert threading.active_count() == 1, "a thread would not live on in the children"
    told = _serve(socket.socket(fileno=int(sys.argv[1])))
    if told is not None:
        _become(told)


if __name__ == "__main__":
    main()
