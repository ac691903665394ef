"""How a video is cut into chunks: pure functions of its length."""

from itertools import pairwise

from longtake.errors import SourceError
from longtake.records import Chunk, Video
from longtake.timecode import Span

MOST_CHUNKS = 1_000_000
"""More than seventy days in chunks of 6 s: a file that says so has broken times."""
TAIL_SHARE = 0.25
"""A rest shorter than this share of a chunk is joined to the chunk before it."""


def plan_chunks(video: Video, chunk_seconds: float) -> list[Chunk]:
    """Chunks that cover the whole video without overlap; what can't be read is one of them."""
    if video.readable / chunk_seconds > MOST_CHUNKS:
        raise SourceError(
            f"{video.path} says that it lasts {video.readable:.0f} s, too many chunks",
            "Its times may be broken; else choose a larger --chunk-seconds.",
        )
    spans = cut_evenly(video.readable, chunk_seconds)
    chunks = [Chunk(number, span) for number, span in enumerate(spans, start=1)]
    if video.duration > video.readable:
        lost = Span(video.readable, video.duration)
        reason = f"the file is cut off or broken at {lost.start:.1f} s"
        chunks.append(Chunk(len(chunks) + 1, lost, reason))
    return chunks


def cut_evenly(seconds: float, chunk_seconds: float) -> list[Span]:
    """Spans of `chunk_seconds` over 0..seconds; the last one is shorter, or up to 1.25× longer."""
    count = max(1, int(seconds / chunk_seconds + 1 - TAIL_SHARE))
    edges = [round(k * chunk_seconds, 3) for k in range(count)] + [seconds]
    return [Span(start, end) for start, end in pairwise(edges)]


def sample_times(span: Span, frames: int, chunk_seconds: float) -> list[float]:
    """Where to look in a span: evenly, as densely as `frames` in a full chunk, at least once."""
    count = max(1, round(frames * min(1.0, span.seconds / chunk_seconds)))
    step = span.seconds / count
    return [round(span.start + (k + 0.5) * step, 3) for k in range(count)]
