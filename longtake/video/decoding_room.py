"""How much memory decoding may take: threads by the size of the pictures, and sizes that may come.

A decoder keeps the pictures on which later ones rest, and each of its threads some more.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import SourceError

if TYPE_CHECKING:
    from av.video.stream import VideoStream

MOST_PIXELS = 1 << 27
"""In one picture, a little more than 16K: a header that says more would fill the memory."""
MOST_BYTES = 3 << 29
"""Of the pictures that a decoder keeps at once, as encoders of today have them."""
HELD, HELD_ALONE, OF_A_THREAD = 8, 2, 2
"""Pictures that are kept at once: for those that rest on them, where each stands alone, and for
each thread."""
MOST_THREADS = 16
"""FFmpeg takes no more by itself, and one more than there are cores."""
USUAL_BYTES = 1.5
"""Of a pixel, where nothing is known of it: 8 bits, colour for four pixels each."""


@dataclass(frozen=True)
class Room:
    """So many threads, and the largest picture in pixels that the decoder takes."""

    threads: int
    pixels: int


def find_room(
    pixels: int, pixel_bytes: float, held: int, cores: int, most: int = MOST_BYTES
) -> Room | None:
    """What suits pictures of that size; None where those that are `held` alone take too much."""
    picture = max(1.0, pixels * pixel_bytes)
    spare = most / picture - held
    if pixels > MOST_PIXELS or spare < OF_A_THREAD:
        return None
    threads = min(int(spare // OF_A_THREAD), cores + 1, MOST_THREADS)
    # Pictures that become larger on the way must find room beside all of the threads.
    largest = int(most / (pixel_bytes * (held + OF_A_THREAD * threads)))
    return Room(threads, max(pixels, min(largest, MOST_PIXELS)))


def make_room(stream: "VideoStream", path: Path) -> None:
    """Set the decoder's threads and the largest picture; SourceError where those are too large."""
    from av.video.format import VideoFormat

    context = stream.codec_context
    pixel_bytes = USUAL_BYTES
    if context.pix_fmt:
        bits = VideoFormat(context.pix_fmt).padded_bits_per_pixel
        pixel_bytes = max(1.0, bits / 8)
    held = HELD_ALONE if context.codec.intra_only else HELD
    pixels = context.width * context.height
    cores = os.cpu_count() or 1
    room = find_room(pixels, pixel_bytes, held, cores)
    if not room:
        raise SourceError(
            f"{path} has pictures of {context.width}×{context.height}: decoding them takes more"
            f" memory than {MOST_BYTES / (1 << 30):g} GiB",
            "Make them smaller first: no model looks at more than a few megapixels.",
        )
    free = room.threads == min(cores + 1, MOST_THREADS)
    stream.thread_type, context.thread_count = "AUTO", 0 if free else room.threads
    context.options = {"max_pixels": str(room.pixels)}
