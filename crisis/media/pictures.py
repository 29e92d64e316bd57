"""Reading a picture that somebody sent us, and making it anew: upright, in sRGB, with nothing in it but the picture.

What a file is called never counts. Size is judged before a pixel is unpacked. What leaves here was written by us, so
where it was taken, hidden text, a second file behind the first and scripts are gone.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from crisis.sentence import Sentence
from crisis.states import NotAllowed

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")  # whatever else Pillow reads is not asked for
MOST_PIXELS = 60_000_000  # a good phone makes 50 million; unpacked they are 180 MB
SMALLEST_SIDE = 32
LONGEST_SIDE = 4096  # no network shows more
SHARPEST_BYTES = 8 * 1024 * 1024  # a larger PNG is a photograph and kept as JPEG

# Pillow's own guard, for what is unpacked before our look at the size: an error at twice this.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


class NotReadable(NotAllowed):
    """No picture or film that we can take; `say` tells what to do."""


def clean(source: Path) -> tuple[bytes, str, int, int]:
    """The picture made anew: its bytes, content type, width and height. Raises `NotReadable`."""
    try:
        with Image.open(source, formats=FORMATS) as picture:
            return _anew(picture)
    except UnidentifiedImageError:
        raise NotReadable(
            Sentence("this is no picture or film we know; save it as JPEG, PNG or MP4 and send that")
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, TypeError, IndexError, KeyError, OverflowError):
        # Whatever a broken file makes the decoders say, it means the same to a person.
        raise NotReadable(Sentence("the file is damaged or cut off; save it again and send the new one")) from None


def _anew(picture: Image.Image) -> tuple[bytes, str, int, int]:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise _too_large()
    if min(width, height) < SMALLEST_SIDE:
        raise NotReadable(
            Sentence("the picture is too small to see; the shortest side needs %(num)d pixels", num=SMALLEST_SIDE)
        )
    moving = getattr(picture, "is_animated", False) and picture.format not in ("MPO", "JPEG")
    if moving:
        raise NotReadable(Sentence("the picture moves; send it as a film (MP4), or one still picture of it"))
    drawn = picture.format in ("PNG", "GIF")
    if picture.format in ("JPEG", "MPO"):
        picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # unpacks a large photograph at half or a quarter
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    flat = on_white(_in_srgb(upright))
    flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    flat.info.clear()
    if drawn and len(raw := as_png(flat)) <= SHARPEST_BYTES:
        return raw, "image/png", *flat.size
    return as_jpeg(flat, 92), "image/jpeg", *flat.size


def _too_large() -> NotReadable:
    return NotReadable(
        Sentence(
            "the picture has too many pixels (at most %(num)d million); make it smaller and send that",
            num=MOST_PIXELS // 1_000_000,
        )
    )


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The same colours in sRGB; a profile that makes no sense is left out of account."""
    profile = picture.info.get("icc_profile")
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    plain = picture if picture.mode in ("RGB", "CMYK", "L") else picture.convert("RGB")
    if profile:
        try:
            told = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(plain, told, ImageCms.createProfile("sRGB"), outputMode="RGB")
            plain = converted or plain
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    plain = plain.convert("RGB")
    if alpha is not None:
        plain.putalpha(alpha)
    return plain


def on_white(picture: Image.Image) -> Image.Image:
    """What is see-through becomes white, as most networks would make it black."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality, optimize=True, progressive=True, subsampling="4:2:0")
    return target.getvalue()


def as_png(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "PNG", compress_level=6)
    return target.getvalue()
