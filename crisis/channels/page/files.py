"""The pictures and films beside public incident pages: copied into the incident's own folder, named by their content.

The public web server sees no other folder of ours. A file stays while any entry of the incident still shows it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from crisis.channels.base import Attachment
from crisis.channels.page.entries import Entry, Picture, read_entries

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}
_PIECE = 1024 * 1024


def show_file(folder: Path, attachment: Attachment) -> Picture:
    """Copy it where the public can see it; whole or not there at all. Call it with the lock held."""
    found = hashlib.sha256()
    with attachment.path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    name = f"{found.hexdigest()[:32]}.{_ENDINGS[attachment.content_type]}"
    target = folder / "media" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{name}.new")
        with attachment.path.open("rb") as source, scratch.open("wb") as copy:
            shutil.copyfileobj(source, copy, _PIECE)
            copy.flush()
            os.fsync(copy.fileno())
        scratch.replace(target)
    return Picture(attachment.kind, name, attachment.width, attachment.height, attachment.alt)


def hide_files(folder: Path, entry: Entry) -> None:
    """Take away what only this entry shows. Call it with the lock held."""
    others = {one.file for other in read_entries(folder) if other.name != entry.name for one in other.media}
    for one in entry.media:
        if one.file not in others:
            (folder / "media" / one.file).unlink(missing_ok=True)
