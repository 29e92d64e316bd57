"""Taking a file in: what is it really, is it whole, and how is it kept. What it calls itself never counts."""

from __future__ import annotations

from pathlib import Path

from crisis.media import film, pictures
from crisis.media.pictures import NotReadable
from crisis.media.store import Kept, Store
from crisis.sentence import Sentence
from crisis.settings import Settings

_HEAD = 512
MEGABYTE = 1024 * 1024


def take(store: Store, settings: Settings, source: Path) -> Kept:
    """Read `source`, make it anew and keep that. The caller throws `source` away. Raises `NotReadable`."""
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise NotReadable(Sentence("the file is empty; choose another one"))
    _demand_known(head)
    if film.is_film(head):
        _demand_size(size, settings.media_film_megabytes)
        if not store.room_for(size):
            raise NotReadable(Sentence("there is no room for it on the disk; tell an administrator"))
        with store.scratch() as target:
            width, height, seconds = film.clean(source, target)
            return store.keep(target, "film", "video/mp4", width, height, seconds)
    _demand_size(size, settings.media_picture_megabytes)
    return store.keep_bytes(*pictures.clean(source))


def largest(settings: Settings) -> int:
    """The most bytes an upload may have, form and all."""
    return max(settings.media_film_megabytes, settings.media_picture_megabytes) * MEGABYTE + MEGABYTE


def _demand_size(size: int, most: int) -> None:
    if size > most * MEGABYTE:
        raise NotReadable(
            Sentence(
                "the file has %(size)d MB, and at most %(most)d MB are taken; make it smaller and send that",
                size=-(-size // MEGABYTE),
                most=most,
            )
        )


def _demand_known(head: bytes) -> None:
    """Name the formats people are likely to send by mistake, with a way out of each."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        raise NotReadable(Sentence("this is a HEIC picture, which most networks refuse; save it as JPEG and send that"))
    if start.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")) or b"<svg" in start:
        raise NotReadable(
            Sentence("this is a drawing or a page with code in it (SVG, HTML); save it as PNG and send that")
        )
    if head.startswith(b"%PDF"):
        raise NotReadable(Sentence("this is a PDF; save the page as PNG or JPEG and send that"))
    if head.startswith((b"\x1aE\xdf\xa3", b"RIFF")) and b"WEBP" not in head[:16]:
        raise NotReadable(Sentence("films are taken as MP4 only; save it as MP4 with H.264 and AAC"))
