"""Reading a film that somebody sent us, and copying picture and sound alone into a new MP4.

Places, names and whatever a phone writes beside the picture stay behind, because only two streams are copied. It runs in
a process of its own with bounds on time and memory (`python -m crisis.media.film SOURCE TARGET`): what decodes strangers'
files may crash, and must not take the console along.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from crisis.media.pictures import NotReadable
from crisis.sentence import Sentence

LONGEST_SECONDS = 120.0  # for copying a gigabyte on a slow disk
MEMORY = 2 * 1024**3
CUT_OFF = 1.5  # seconds a film may be shorter than it says

SAYS = {
    "unreadable": Sentence("the film is damaged or cut off; save it again and send the new one"),
    "no_picture": Sentence("the file has no moving picture; send a film, or a still picture"),
    "codec": Sentence("the film is made in a way many phones can't show; save it as MP4 with H.264 and AAC"),
}


def is_film(head: bytes) -> bool:
    """Do the first bytes begin an MP4 or QuickTime file (ISO/IEC 14496-12, ftyp)? AVIF and HEIC pictures do, too."""
    brand = head[8:12]
    return head[4:8] in (b"ftyp", b"moov", b"wide") and brand not in (
        b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis",
    )  # fmt: skip


def clean(source: Path, target: Path) -> tuple[int, int, float]:
    """Copy `source` into `target`, which is whole afterwards. Returns width, height, seconds. Raises `NotReadable`."""
    command = [sys.executable, "-P", "-m", "crisis.media.film", str(source), str(target)]
    only = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # and none of our secrets
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, timeout=LONGEST_SECONDS, check=False, env=only
        )
        told: dict[str, Any] = json.loads(done.stdout or b"{}")
    except (subprocess.TimeoutExpired, ValueError):
        told = {}
    if "width" not in told:
        say = SAYS.get(told.get("wrong", ""), SAYS["unreadable"])
        raise NotReadable(say)
    return told["width"], told["height"], told["seconds"]


def copy(source: Path, target: Path) -> dict[str, Any]:
    """What the child does. Returns what it found, or what is wrong."""
    import av  # noqa: PLC0415 - only this process needs it, and it is large

    try:
        # The one format asked for, from an open file: nothing in it can name another file or an address.
        with source.open("rb") as raw, av.open(raw, format="mov") as taken:
            return _copy(av, taken, target)
    except (av.FFmpegError, ValueError, EOFError):
        return {"wrong": "unreadable"}


def _copy(av: Any, taken: Any, target: Path) -> dict[str, Any]:
    if not taken.streams.video:
        return {"wrong": "no_picture"}
    picture = taken.streams.video[0]
    sound = taken.streams.audio[0] if taken.streams.audio else None
    if picture.codec_context.name != "h264" or (sound and sound.codec_context.name != "aac"):
        return {"wrong": "codec"}
    if next(taken.decode(picture), None) is None:  # one whole picture proves more than a header
        return {"wrong": "unreadable"}
    promised = float(taken.duration or 0) / 1_000_000
    taken.seek(0)
    end = 0.0
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as made:
        pairs = {stream.index: made.add_stream_from_template(stream) for stream in (picture, sound) if stream}
        for stream in pairs.values():
            stream.metadata.clear()
        for packet in taken.demux([stream for stream in (picture, sound) if stream]):
            if packet.dts is None:
                continue
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            packet.stream = pairs[packet.stream.index]
            made.mux(packet)
    if promised and end < promised - CUT_OFF:
        return {"wrong": "unreadable"}
    return {"width": picture.codec_context.width, "height": picture.codec_context.height, "seconds": round(end, 3)}


def main(arguments: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(LONGEST_SECONDS), int(LONGEST_SECONDS)))
    sys.stdout.write(json.dumps(copy(Path(arguments[0]), Path(arguments[1]))))


if __name__ == "__main__":
    main(sys.argv[1:])
