"""Files as they come in: what they are is read, what they hide is gone, and what lies is refused with a way out."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from crisis.media import incoming
from crisis.media.pictures import MOST_PIXELS, NotReadable
from crisis.media.store import Kept, Store
from crisis.settings import Settings
from tests.media.files import bomb, drawing, film, jpeg, located_jpeg, moving_gif, png

Take = Callable[[bytes | Path], Kept]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "media")


@pytest.fixture
def take(store: Store, tmp_path: Path) -> Take:
    def do(given: bytes | Path) -> Kept:
        path = given if isinstance(given, Path) else tmp_path / "incoming.jpg"  # a name that means nothing
        if isinstance(given, bytes):
            path.write_bytes(given)
        return incoming.take(store, Settings(media_film_megabytes=2), path)

    return do


def test_a_picture_leaves_everything_but_itself_behind(take: Take, store: Store) -> None:
    kept = take(located_jpeg())
    raw = store.path(kept.sha256, kept.content_type).read_bytes()
    assert (kept.kind, kept.content_type, kept.width, kept.height) == ("picture", "image/jpeg", 400, 600)  # upright
    assert b"hemmelig" not in raw
    assert b"Exif" not in raw
    with Image.open(io.BytesIO(raw)) as picture:
        assert picture.size == (400, 600)
        assert not picture.getexif()
        assert not {"icc_profile", "xmp", "comment", "exif"} & set(picture.info)


def test_colours_come_out_in_srgb(take: Take, store: Store) -> None:
    """A profile that swaps nothing keeps the colour; a grey CMYK picture comes out as RGB."""
    target = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (64, 64), (200, 30, 40)).save(target, "JPEG", quality=95, icc_profile=profile)
    kept = take(target.getvalue())
    with Image.open(store.path(kept.sha256, kept.content_type)) as picture:
        assert all(abs(one - other) < 6 for one, other in zip(picture.getpixel((5, 5)), (200, 30, 40), strict=True))
    target = io.BytesIO()
    drawing(100, 100).convert("CMYK").save(target, "JPEG", icc_profile=b"nonsense")
    with Image.open(store.path((kept := take(target.getvalue())).sha256, kept.content_type)) as picture:
        assert picture.mode == "RGB"


def test_the_type_is_read_and_not_believed(take: Take) -> None:
    assert take(png()).content_type == "image/png"  # although it is called .jpg


def test_what_is_see_through_becomes_white(take: Take, store: Store) -> None:
    target = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(target, "PNG")
    kept = take(target.getvalue())
    with Image.open(store.path(kept.sha256, kept.content_type)) as picture:
        assert picture.convert("RGB").getpixel((9, 9)) == (255, 255, 255)


def test_a_huge_honest_picture_is_scaled(take: Take) -> None:
    kept = take(jpeg(6000, 3000))
    assert (kept.width, kept.height) == (4096, 2048)


def test_a_polyglot_keeps_only_its_picture(take: Take, store: Store) -> None:
    kept = take(png() + b"<script>alert(1)</script>PK\x03\x04" * 50)
    raw = store.path(kept.sha256, kept.content_type).read_bytes()
    assert b"script" not in raw
    assert raw.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b"MZ\x90\x00" * 99, "no picture or film we know"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg onload='alert(1)'/>", "PNG"),
        (b"<!DOCTYPE html><img src=x onerror=alert(1)>", "PNG"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 60, "HEIC"),
        (b"\x1aE\xdf\xa3" + b"\0" * 60, "MP4"),
        (moving_gif(), "moves"),
        (bomb(), "too many pixels"),
        (bomb(8000, 7501), "too many pixels"),
        (bomb(7000, 7000), "damaged"),  # few enough pixels, and most of them are not there
        (jpeg()[:4000], "damaged"),
        (png()[:900], "damaged"),
        (jpeg(20, 20), "too small"),
        (b"\0\0\0\x18ftypisom" + os.urandom(4000), "film is damaged"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 3000, "no picture or film|damaged"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_words(take: Take, store: Store, raw: bytes, says: str) -> None:
    with pytest.raises(NotReadable, match=says):
        take(raw)
    assert not list(store.folder.glob("*.*")), "nothing is kept of it"
    assert not list(store.folder.glob("scratch/*"))


def test_the_bomb_is_judged_before_it_is_unpacked(take: Take) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(NotReadable):
        take(bomb())
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_PIXELS, "less memory than one byte for each pixel we would allow"


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_a_film_is_copied_without_its_place(take: Take, store: Store, tmp_path: Path, ending: str) -> None:
    source = film(
        tmp_path / f"film.{ending}",
        location="+59.9139+010.7522/",
        title="hemmelig tittel",
        comment="hemmelig kommentar",
    )
    assert b"+59.9139" in source.read_bytes()
    kept = take(source)
    raw = store.path(kept.sha256, kept.content_type).read_bytes()
    assert (kept.kind, kept.content_type, kept.width, kept.height) == ("film", "video/mp4", 320, 240)
    assert 1.8 <= kept.seconds <= 2.2
    assert b"+59.9139" not in raw
    assert b"hemmelig" not in raw
    assert raw.index(b"moov") < raw.index(b"mdat"), "it starts to play before it is all there"


def test_films_that_most_phones_cannot_show_are_refused(take: Take, tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match="MP4 with H"):
        take(film(tmp_path / "film.mp4", codec="mpeg4"))


def test_a_film_cut_off_on_the_way_is_refused(take: Take, tmp_path: Path) -> None:
    whole = film(tmp_path / "film.mp4", seconds=8, front=True).read_bytes()
    with pytest.raises(NotReadable, match="cut off"):
        take(whole[: len(whole) // 2])
    with pytest.raises(NotReadable, match="cut off"):
        take(film(tmp_path / "other.mp4").read_bytes()[:3000])


def test_a_film_that_is_too_large_is_refused_before_it_is_read(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom")
        file.truncate(4 * 1024**3)  # takes no room on the disk
    with pytest.raises(NotReadable, match="4096 MB, and at most 2 MB"):
        take(path)


def test_the_same_file_twice_is_the_same_file(take: Take, store: Store) -> None:
    assert take(jpeg()) == take(jpeg())
    assert len(list(store.folder.glob("*.jpg"))) == 1


def test_what_a_dead_process_left_is_swept(store: Store) -> None:
    with store.scratch() as left:
        kept = left.rename(left.with_name("left-behind"))
        old = time.time() - 7 * 3600
        os.utime(kept, (old, old))
    with store.scratch():
        assert not kept.exists()


def test_a_recipe_is_made_once_and_again_when_its_file_is_gone(store: Store) -> None:
    made = []

    def make() -> Kept:
        made.append(1)
        return store.keep_bytes(jpeg(), "image/jpeg", 800, 600)

    first = store.made("recipe", make)
    assert store.made("recipe", make) == first
    store.path(first.sha256, first.content_type).unlink()
    assert store.made("recipe", make) == first
    assert len(made) == 2
