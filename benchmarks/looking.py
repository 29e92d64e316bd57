"""Somebody who looks at one page again and again, in a process of its own, so that nothing but the page is waited for.

`python -m benchmarks.looking` reads the cookies and then the address from its standard input, and looks until that is closed.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import requests

EVERY = 0.1  # seconds


class Looker:
    """Looks with the cookies of this officer. `took` holds the milliseconds of each look once the block has ended."""

    def __init__(self, officer: requests.Session) -> None:
        self._cookies = officer.cookies.get_dict()
        self.took: list[float] = []

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.looking"]
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(
            command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._say(self._cookies)
        self._output.readline()  # it is ready: starting costs more than many looks
        return self

    def look(self, address: str) -> None:
        """From now on, at this page."""
        self._say(address)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()
        told = self._output.read()
        self._process.wait()
        if error is None:
            self.took = json.loads(told)

    def _say(self, what: object) -> None:
        self._input.write(json.dumps(what) + "\n")

    @property
    def _input(self) -> IO[str]:
        return self._process.stdin  # type: ignore[return-value]

    @property
    def _output(self) -> IO[str]:
        return self._process.stdout  # type: ignore[return-value]


def main() -> None:
    session = requests.Session()
    session.cookies.update(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    address, looks = json.loads(sys.stdin.readline()), []
    while True:
        start = time.perf_counter()
        answer = session.get(address, timeout=30, allow_redirects=False)
        looks.append((time.perf_counter() - start) * 1000)
        if answer.status_code != 200:
            sys.exit(f"HTTP {answer.status_code} instead of the page")
        if select.select([sys.stdin], [], [], max(0.0, EVERY - (time.perf_counter() - start)))[0]:
            break
    print(json.dumps(looks))


if __name__ == "__main__":
    main()
