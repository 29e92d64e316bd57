"""Where the files of pictures and films stand: one folder, each file under the SHA-256 of its content.

A file is whole or not there: it is written beside, flushed to disk and renamed. What was made of another file is found
again by its recipe, so that a preview does not make it anew at every look. Opens no session.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal

from crisis.models import FrozenMedia, MediaItem
from crisis.settings import Settings

Kind = Literal["picture", "film"]
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}  # all that is ever kept
SCRATCH_SECONDS = 6 * 3600  # what lies in the scratch folder longer was left by a process that died
_PIECE = 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is true of one file in the store."""

    kind: Kind
    content_type: str
    sha256: str
    size: int
    width: int
    height: int
    seconds: float = 0.0


def kept_of(row: MediaItem | FrozenMedia) -> Kept:
    """The file a row points at."""
    kind: Kind = "film" if row.kind == "film" else "picture"
    return Kept(kind, row.content_type, row.sha256, row.size, row.width, row.height, row.seconds)


class Store:
    """The folder of one installation; every process of it sees the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, settings: Settings) -> Store:
        return cls(settings.data_dir / "media")

    def path(self, sha256: str, content_type: str) -> Path:
        """Where that file stands, whether or not it is there."""
        return self.folder / f"{sha256}.{EXTENSIONS[content_type]}"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new empty file in the store's own folder, gone at the end of the block unless it was kept."""
        folder = self.folder / "scratch"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder)
        number, name = tempfile.mkstemp(dir=folder)
        os.close(number)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def incoming(self) -> IO[bytes]:
        """A file to receive an upload in: on this disk, never in memory, gone when it is closed."""
        folder = self.folder / "scratch"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.NamedTemporaryFile(dir=folder)

    def keep(self, path: Path, kind: Kind, content_type: str, width: int, height: int, seconds: float = 0.0) -> Kept:
        """Give a scratch file its name by content; it is safe on disk when this returns."""
        found = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                found.update(piece)
            os.fsync(file.fileno())
            size = file.tell()
        kept = Kept(kind, content_type, found.hexdigest(), size, width, height, seconds)
        path.chmod(0o640)
        path.replace(self.path(kept.sha256, content_type))
        _flush_folder(self.folder)
        return kept

    def keep_bytes(self, raw: bytes, content_type: str, width: int, height: int) -> Kept:
        with self.scratch() as path:
            path.write_bytes(raw)
            return self.keep(path, "picture", content_type, width, height)

    def made(self, recipe: str, make: Callable[[], Kept]) -> Kept:
        """What `recipe` gives: the file made earlier if it still stands, else made now. Raises what `make` raises."""
        note = self.folder / "made" / f"{hashlib.sha256(recipe.encode()).hexdigest()}.json"
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = Kept(**json.loads(note.read_text(encoding="utf-8")))
            os.utime(self.path(kept.sha256, kept.content_type))  # in use: it is not cleaned away now
            return kept
        kept = make()
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.scratch() as path:
            path.write_text(json.dumps(asdict(kept)), encoding="utf-8")
            path.replace(note)
        return kept

    def untouched_since(self, before: float) -> list[Path]:
        """The kept files that nobody has made or used since then (seconds since 1970)."""
        found = []
        with suppress(FileNotFoundError):  # nothing was ever kept here
            for path in self.folder.iterdir():
                with suppress(OSError):
                    if _DIGEST.fullmatch(path.stem) and path.is_file() and path.stat().st_mtime < before:
                        found.append(path)
        return found

    def remove_untouched(self, path: Path, before: float) -> bool:
        """Remove one of them, unless it was touched meanwhile; True when it is gone by our hand."""
        with suppress(OSError):  # another clock was faster
            if path.stat().st_mtime < before:
                path.unlink()
                return True
        return False

    def forget_recipes(self, before: float) -> None:
        """Remove old notes of what was made whose file is gone."""
        with suppress(FileNotFoundError):
            for note in (self.folder / "made").iterdir():
                with suppress(OSError, ValueError, TypeError, KeyError):
                    kept = Kept(**json.loads(note.read_text(encoding="utf-8")))
                    if note.stat().st_mtime < before and not self.path(kept.sha256, kept.content_type).exists():
                        note.unlink()

    def room_for(self, size: int) -> bool:
        """Does the disk hold a file of that many bytes twice, as it came and made anew?"""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return shutil.disk_usage(self.folder).free > 2 * size + 100 * 1024 * 1024


def _sweep(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):  # another process was faster
            if time.time() - path.stat().st_mtime > SCRATCH_SECONDS:
                path.unlink()


def _flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)  # the new name itself
    finally:
        os.close(number)
