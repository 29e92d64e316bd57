"""The folder of the last resort: the local copy, the journals that wait to be merged, and a lock for each.

Everything in it is for its owner's eyes only, because it holds password hashes and phone numbers; what others could have
written is not trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from crisis.db import Database

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
WAITING, MERGING = ".db", ".merging"
SIDE_FILES = ("-wal", "-shm")


class NotTrusted(Exception):
    """A file or folder here is not as we left it; the text says what is wrong with it."""


class Busy(Exception):
    """Somebody else is at it."""


class Folder:
    """`data_dir/journal`. Made by `prepare`; nothing is opened before that is asked for."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "journal"
        self.copy = self.root / "copy.sqlite"
        self.merged = self.root / "merged"

    def prepare(self) -> None:
        """Make the folder, or see that it is still ours alone. Raises `NotTrusted`."""
        for folder in (self.root, self.merged):
            folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            demand_private(folder, stat.S_ISDIR)

    def waiting(self) -> list[Path]:
        """Journals that may still be written to, oldest first."""
        return sorted(self.root.glob(f"*{WAITING}"))

    def to_merge(self) -> list[Path]:
        """Journals whose content is not known to be in the main database, oldest first."""
        return sorted([*self.root.glob(f"*{MERGING}"), *self.waiting()])

    @contextlib.contextmanager
    def speaking(self, path: Path) -> Iterator[None]:
        """Write to a journal: nobody merges it meanwhile. Several may speak. Raises `Busy` during a merge."""
        with self._locked(path.stem, fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def alone(self, path: Path) -> Iterator[None]:
        """Nobody else writes to this journal or merges it. Raises `Busy` at once when somebody does."""
        with self._locked(path.stem, fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def copying(self) -> Iterator[None]:
        """One copy is made at a time. Raises `Busy`."""
        self.prepare()
        with self._locked(self.copy.stem, fcntl.LOCK_EX):
            yield

    def forget_lock(self, path: Path) -> None:
        """The journal is gone. To be called while it is locked: who waits for the lock finds no journal afterwards."""
        (self.root / f"{path.stem}.lock").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        number = os.open(self.root / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            try:
                fcntl.flock(number, how | fcntl.LOCK_NB)
            except OSError:
                raise Busy("another process works on it; try again in a moment") from None
            yield
        finally:
            os.close(number)


def demand_private(path: Path, kind: object = stat.S_ISREG) -> None:
    """Raise `NotTrusted` unless it is what it should be, ours, and closed to everybody else. Links are not followed."""
    found = path.lstat()
    if not callable(kind) or not kind(found.st_mode):
        raise NotTrusted(f"{path.name} is not an ordinary {'folder' if kind is stat.S_ISDIR else 'file'}")
    if found.st_uid != os.geteuid():
        raise NotTrusted(f"{path.name} belongs to another user (number {found.st_uid})")
    if found.st_mode & 0o077:
        raise NotTrusted(f"{path.name} can be reached by others (mode {stat.S_IMODE(found.st_mode):04o})")


def make_private(path: Path) -> None:
    """An empty file that nobody else can open, in place of whatever an interrupted try has left there."""
    for old in (path, *side_files(path)):
        old.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))


def duplicate(source: Path, target: Path) -> None:
    """A private duplicate of a settled database file."""
    demand_private(source)
    make_private(target)
    with source.open("rb") as old, target.open("r+b") as new:
        shutil.copyfileobj(old, new)


def open_file(path: Path) -> Database:
    return Database(f"sqlite:///{path}", pool_size=5)


def settle(path: Path) -> None:
    """Bring everything into the one file, on the disk, so that it can be renamed or copied. Nobody else has it open."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()
    sync(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """What was written to a file, or renamed in a folder, outlives a power cut from here on."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in SIDE_FILES]


def stamp(now: datetime) -> str:
    """A moment as the start of a file's name; names sort by time."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
