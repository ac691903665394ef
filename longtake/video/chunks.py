"""How a video is cut into chunks: pure functions of its length and its shots."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil

from longtake.errors import SourceError
from longtake.records import Chunk, Scan, Video
from longtake.timecode import Span

MOST_CHUNKS = 1_000_000
"""More than seventy days in chunks of 6 s: a file that says so has broken times."""
SHORTEST, LONGEST = 0.25, 1.25
"""Limits of a chunk, in shares of `chunk_seconds`; a video shorter than that is one chunk."""


def plan_chunks(video: Video, scan: Scan, chunk_seconds: float, chunking: str) -> list[Chunk]:
    """Chunks that cover the whole video without overlap; what can't be read is one of them.

    `chunking` is "shots" or "fixed".
    """
    if video.readable / chunk_seconds > MOST_CHUNKS:
        raise SourceError(
            f"{video.path} says that it lasts {video.readable:.0f} s, too many chunks",
            "Its times may be broken; else choose a larger --chunk-seconds.",
        )
    if chunking == "shots":
        spans = follow_shots([shot.span for shot in scan.shots], chunk_seconds)
    else:
        spans = cut_evenly(video.readable, chunk_seconds)
    chunks = [
        Chunk(number, span, cuts=tuple(cuts))
        for number, (span, cuts) in enumerate(_with_cuts(spans, scan.cuts), start=1)
    ]
    if video.duration > video.readable:
        lost = Span(video.readable, video.duration)
        reason = f"the file is cut off or broken at {lost.start:.1f} s"
        chunks.append(Chunk(len(chunks) + 1, lost, reason))
    return chunks


def cut_evenly(seconds: float, chunk_seconds: float) -> list[Span]:
    """Spans of `chunk_seconds` over 0..seconds; the last one is shorter, or up to 1.25× longer."""
    count = max(1, int(seconds / chunk_seconds + 1 - SHORTEST))
    edges = [round(k * chunk_seconds, 3) for k in range(count)] + [seconds]
    return [Span(start, end) for start, end in pairwise(edges)]


def follow_shots(shots: Iterable[Span], chunk_seconds: float) -> list[Span]:
    """Long shots are divided evenly, neighbouring short ones joined up to `chunk_seconds`.

    What is still too short is joined to its shorter neighbour, over a cut.
    """
    spans: list[Span] = []
    joinable = False
    for shot in shots:
        parts = max(1, ceil(shot.seconds / chunk_seconds - 1e-6))
        if parts == 1 and joinable and shot.end - spans[-1].start <= chunk_seconds + 1e-6:
            spans[-1] = Span(spans[-1].start, shot.end)
        else:
            spans += _divide(shot, parts)
        joinable = parts == 1
    return _join_short(spans, chunk_seconds)


def _divide(span: Span, parts: int) -> list[Span]:
    step = (span.end - span.start) / parts
    edges = [round(span.start + k * step, 3) for k in range(parts)] + [span.end]
    return [Span(start, end) for start, end in pairwise(edges)]


def _join_short(spans: Sequence[Span], chunk_seconds: float) -> list[Span]:
    """No span shorter than the limit, where there is more than one."""
    kept = list(spans)
    place = 0
    while place < len(kept):
        if len(kept) == 1 or kept[place].seconds >= SHORTEST * chunk_seconds:
            place += 1
            continue
        before = kept[place - 1].seconds if place else float("inf")
        after = kept[place + 1].seconds if place + 1 < len(kept) else float("inf")
        first = place - 1 if before <= after else place
        joined = Span(kept[first].start, kept[first + 1].end)
        parts = 1 if joined.seconds <= LONGEST * chunk_seconds else 2
        kept[first : first + 2] = _divide(joined, parts)
        place = first
    return kept


def _with_cuts(spans: Sequence[Span], cuts: Sequence[float]) -> Iterable[tuple[Span, list[float]]]:
    """Each span with the cuts strictly inside it; both are in time order."""
    place = 0
    for span in spans:
        while place < len(cuts) and cuts[place] <= span.start:
            place += 1
        inside = []
        while place < len(cuts) and cuts[place] < span.end:
            inside.append(cuts[place])
            place += 1
        yield span, inside
