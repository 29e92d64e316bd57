"""Pictures and films for tests, made on the spot: honest ones, and those that lie."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw


def drawing(width: int = 800, height: int = 600, mode: str = "RGB") -> Image.Image:
    """Something with edges and colours, so that compressing it costs bytes."""
    picture = Image.new(mode, (width, height))
    pen = ImageDraw.Draw(picture)
    for step in range(0, width, 40):
        pen.line(
            (step, 0, width - step, height), fill=step * 7 % 255 if mode == "L" else (step % 255, 90, 200), width=9
        )
    return picture


def jpeg(width: int = 800, height: int = 600, **more: Any) -> bytes:
    target = io.BytesIO()
    drawing(width, height).save(target, "JPEG", **more)
    return target.getvalue()


def png(width: int = 800, height: int = 600) -> bytes:
    target = io.BytesIO()
    drawing(width, height).save(target, "PNG")
    return target.getvalue()


def located_jpeg() -> bytes:
    """Taken on its side, with a place, a comment and XMP in it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # lie on the side: turn right to see it
    exif[0x010E] = "hemmelig beskrivelse"
    exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 41.0), 3: "E", 4: (10.0, 44.0, 20.0)})
    return jpeg(600, 400, exif=exif, comment=b"hemmelig kommentar", xmp=b"<x:xmpmeta>hemmelig xmp</x:xmpmeta>")


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that says it is 3.6 thousand million pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + chunk(b"IEND", b"")
    )


def moving_gif() -> bytes:
    target = io.BytesIO()
    first, second = drawing(200, 200), Image.new("RGB", (200, 200), "red")
    first.save(target, "GIF", save_all=True, append_images=[second], duration=200)
    return target.getvalue()


def film(path: Path, seconds: int = 2, codec: str = "h264", *, front: bool = False, **metadata: str) -> Path:
    """An MP4 (or what the name's ending says) with a moving square."""
    import av

    options = {"movflags": "+use_metadata_tags" + ("+faststart" if front else "")}
    with av.open(str(path), "w", options=options) as made:
        made.metadata.update(metadata)
        stream = made.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(seconds * 10):
            picture = Image.effect_noise((320, 240), 50 + number % 9).convert("RGB")
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                made.mux(packet)
        for packet in stream.encode():
            made.mux(packet)
    return path
