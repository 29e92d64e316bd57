"""Pictures and film for tests of adapters: real bytes in a file, described as they are when they leave."""

from __future__ import annotations

from pathlib import Path

from crisis.channels.base import Attachment


def picture(
    tmp_path: Path, name: str = "kart.jpg", data: bytes = b"\xff\xd8\xff picture", alt: str = "Kart"
) -> Attachment:
    path = tmp_path / name
    path.write_bytes(data)
    return Attachment(
        kind="picture",
        path=path,
        content_type="image/jpeg",
        size=len(data),
        width=1200,
        height=800,
        alt=alt,
        url=f"https://crisis.example.org/media/{name}",
    )


def film(tmp_path: Path, name: str = "film.mp4", data: bytes = b"\0\0\0\x18ftypmp42") -> Attachment:
    path = tmp_path / name
    path.write_bytes(data)
    return Attachment(
        kind="film",
        path=path,
        content_type="video/mp4",
        size=len(data),
        width=1920,
        height=1080,
        alt="Lege viser hvordan man skyller",
        url=f"https://crisis.example.org/media/{name}",
        seconds=12.0,
    )
