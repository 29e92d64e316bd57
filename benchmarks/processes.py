"""What a process has cost so far, as Linux tells it: processor time of all its threads, and the most memory it held."""

from __future__ import annotations

import contextlib
from pathlib import Path


def busy_seconds(pid: int) -> float:
    """Processor time of the process; of threads that have ended, too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100  # user and system, in hundredths on every Linux we know


def peak_mib(pid: int) -> float:
    """The most memory it ever held, shared libraries included."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def family_seconds(pid: int) -> float:
    """Processor time of the process and its children alive, such as a database server's."""
    total = 0.0
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            parent = int((each / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid or int(each.name) == pid:
                total += busy_seconds(int(each.name))
    return total
