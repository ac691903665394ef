"""Small films of many kinds, damaged by a seed and gone through as a run does; a program by itself.

`python -m tests.damaged KIND FIRST COUNT FOLDER` tells the number of each that it has come through,
and ends with an error at one that gives a traceback, or that stands still.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from longtake.errors import SourceError
from longtake.pipeline.session import run_to_end
from longtake.video.choose_frames import plan_slots
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.probe import probe
from longtake.video.scan import scan
from longtake.video.sound import read_sound
from longtake.video.tracks import list_tracks
from tests.videos import make_film

QUIET = {"x265-params": "log-level=none"}
FAST = {"cpu-used": "8", "deadline": "realtime", "threads": "1"}
MADE: dict[str, dict[str, Any]] = {
    "mpeg4.avi": {"codec": "mpeg4", "sound": "libmp3lame"},
    "mjpeg.avi": {"codec": "mjpeg", "sound": "pcm_s16le", "pixels": "yuvj420p"},
    "h264.ts": {"codec": "libx264", "sound": "aac"},
    "mpeg2.ts": {"codec": "mpeg2video", "sound": "mp2"},
    "h264.mkv": {"codec": "libx264", "sound": "flac"},
    "vp9.mkv": {"codec": "libvpx-vp9", "sound": "libopus", "options": FAST},
    "h264.mp4": {"codec": "libx264", "sound": "aac"},
    "hevc.mp4": {"codec": "libx265", "sound": "aac", "options": QUIET},
}
"""By the name of the file, how it is made."""
KINDS = (*MADE, "joined.ts")
"""The last is two of them, one after the other: its streams change, and its clock starts anew."""
MOST_CHUNKS, MOST_BLOCKS = 3, 30

Damage = Callable[[bytearray, Random], None]


def overwrite_bytes(content: bytearray, random: Random) -> None:
    """Single bytes, up to one in a hundred."""
    for _ in range(random.randint(1, max(1, len(content) // 100))):
        content[random.randrange(len(content))] = random.randrange(256)


def overwrite_stretch(content: bytearray, random: Random) -> None:
    """A stretch of noise, or of zeros."""
    start, length = _choose(content, random)
    noise = random.randbytes(length) if random.random() < 0.7 else bytes(length)
    content[start : start + length] = noise


def take_out(content: bytearray, random: Random) -> None:
    """A stretch is missing."""
    start, length = _choose(content, random)
    del content[start : start + length]


def put_twice(content: bytearray, random: Random) -> None:
    """A stretch stands again somewhere."""
    start, length = _choose(content, random)
    place = random.randrange(len(content))
    content[place:place] = content[start : start + length]


def cut_off(content: bytearray, random: Random) -> None:
    """The end is missing."""
    del content[random.randint(1, len(content)) :]


def spoil_head(content: bytearray, random: Random) -> None:
    """Bytes of the first kilobyte, where a header tells what comes."""
    for _ in range(random.randint(1, 20)):
        content[random.randrange(min(1024, len(content)))] = random.randrange(256)


DAMAGES: tuple[Damage, ...] = (
    overwrite_bytes, overwrite_stretch, take_out, put_twice, cut_off, spoil_head,
)  # fmt: skip


def _choose(content: bytearray, random: Random) -> tuple[int, int]:
    start = random.randrange(len(content))
    return start, random.randint(1, max(1, len(content) // 4))


def make_content(kind: str, folder: Path) -> bytes:
    """A film of that kind, two seconds long."""
    if kind not in MADE:
        return make_content("mpeg2.ts", folder) + make_content("h264.ts", folder)
    return make_film(folder / kind, size=(64, 64), seconds=2, **MADE[kind]).read_bytes()


def damage(content: bytes, seed: int) -> bytes:
    """The same for the same seed: one to three damages."""
    random, damaged = Random(seed), bytearray(content)
    for kind in random.choices(DAMAGES, k=random.randint(1, 3)):
        if damaged:
            kind(damaged, random)
    return bytes(damaged)


def go_through(path: Path) -> None:
    """What a run reads of a file; SourceError where it can't."""
    video, index = probe(path, "0" * 64)
    chunks = plan_chunks(video, found := run_to_end(scan(video, index)), 1, "shots")
    with open_frames(path, index) as reader:
        for chunk in chunks[:MOST_CHUNKS]:
            if not chunk.missing:
                reader.read(chunk.span, plan_slots(chunk, found, 4, 0.25), 64)
    list_tracks(path)
    with suppress(SourceError):  # there may be none
        for number, _ in enumerate(read_sound(path, index.start, index.pieces)):
            if number == MOST_BLOCKS:
                break


def tell(line: str) -> None:
    """At once, so that it is known where a film stands still."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Go through damaged films; the last line told is the one that did not come through."""
    kind, first, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    content = make_content(kind, folder)
    path = folder / f"damaged-{kind}"
    for seed in range(first, first + count):
        tell(str(seed))
        path.write_bytes(damage(content, seed))
        try:
            go_through(path)
        except SourceError as error:
            if "stands still" in error.message:
                raise
    tell("done")


if __name__ == "__main__":
    main()
