"""Which frames of a chunk a model is given: few that miss nothing. Decodes nothing itself.

A slot is a moment worth a frame, with the times at which to look for a good one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from longtake.records import Chunk, Scan
from longtake.timecode import Span
from longtake.video.frame_similarity import is_same
from longtake.video.thumbs import BLACK_LEVEL, BLACK_SPREAD

AFTER_CUT = 0.25
"""Seconds after a cut at which its frame is taken: cuts may be two pictures off."""
NEXT_SECONDS = (0.0, 0.2, 0.4)
"""Where a slot looks for a good frame, from its own time on."""
EDGE_SECONDS, NEAR_EDGE = 0.1, 0.5
"""How far inside its chunk the first and the last frame lie, and how far a key frame may, that is
taken in their place. What happens at an edge is seen so: `benchmarks.frame_places` has figures."""
CALM = 1.6
"""Motion is usual up to so many times the mean of its chunk."""
BLURRED = 0.5
"""A frame is blurred that has less than this share of the sharpness of one just after it."""
WORTH_SECONDS = 0.3
"""What must be decoded before a time at least, for a key frame nearby to be taken in its place."""
END_SECONDS = 0.001
"""Before its end, the last picture of a chunk is on display."""


CLIP_SECONDS = 3.0
"""A video that is shorter is a clip: by the usual spacing it would have a single frame."""
CLIP_FRAMES, CLIP_FRAME_SECONDS = (2, 4), 0.2
"""How many frames a clip has at least and at most, and how much of it wants one."""


@dataclass(frozen=True)
class Slot:
    """Times in seconds at which to look; the first is what is wanted."""

    times: tuple[float, ...]


def spread_evenly(span: Span, count: int) -> list[float]:
    """The middles of `count` equal parts."""
    step = span.seconds / count
    return [round(span.start + (k + 0.5) * step, 3) for k in range(count)]


def spread_places(count: int, most: int) -> list[int]:
    """Which of `count` things in a row to keep, so that at most so many lie evenly among them."""
    kept = min(count, most)
    return [int((k + 0.5) * count / kept) for k in range(kept)]


def plan_slots(
    chunk: Chunk, scan: Scan, most: int, spacing: float, keys: Sequence[float] = ()
) -> tuple[Slot, ...]:
    """Slots in time order, from 1 to `most`: at the chunk's edges, after each cut, and in between.

    No two neighbours are farther apart than `spacing` seconds where the number allows it. All but
    those after cuts lie at one of the key frames `keys` where one is as good: it costs least to
    decode.
    """
    bounds = [chunk.span.start, *chunk.cuts, chunk.span.end]
    shots = [Span(start, end) for start, end in pairwise(bounds)]
    if len(shots) == most == 1:
        fixed, anchors = [], spread_evenly(chunk.span, 1)
    else:
        fixed = _after_cuts(shots, most, scan)
        anchors = fixed + _at_edges(shots, scan)[: most - len(fixed)]
    times = _fill(anchors, most, spacing)
    if keys:
        times = _ease(times, fixed, shots, keys, _calm_times(chunk, scan), spacing)
    slots = []
    for time, following in pairwise([*times, float("inf")]):
        shot = next(s for s in reversed(shots) if s.start <= time)
        last = max(time, min(shot.end, following) - AFTER_CUT)  # well inside the shot
        nexts = NEXT_SECONDS[: _looks_worth(time, following, chunk.span.end, keys)]
        slots.append(Slot(tuple(round(time + s, 3) for s in nexts if time + s <= last)))
    return tuple(slots)


def _after_cuts(shots: Sequence[Span], most: int, scan: Scan) -> list[float]:
    """Times shortly after the cuts, those of the longest shots where there are too many."""
    begun = shots if _begins_shot(scan, shots[0].start) else shots[1:]
    longest = sorted(begun, key=lambda shot: -shot.seconds)[:most]
    return [shot.start + min(AFTER_CUT, shot.seconds / 2) for shot in longest]


def _at_edges(shots: Sequence[Span], scan: Scan) -> list[float]:
    """Times at the end of a chunk, and at its beginning where no shot begins there."""
    first, last = shots[0], shots[-1]
    whole = last.end == scan.shots[-1].span.end or _begins_shot(scan, last.end)
    times = [last.end - min(AFTER_CUT if whole else EDGE_SECONDS, last.seconds / 4)]
    if not _begins_shot(scan, first.start):
        times.append(first.start + min(EDGE_SECONDS, first.seconds / 4))
    return times


def _begins_shot(scan: Scan, time: float) -> bool:
    place = bisect_left(scan.shots, time, key=lambda shot: shot.span.start)
    return place < len(scan.shots) and scan.shots[place].span.start == time


def frames_of_clip(chunk: Chunk, scan: Scan) -> int:
    """How many frames show what moves where the whole video is a clip; 0 where it is none."""
    whole = scan.shots[-1].span.end if scan.shots else 0.0
    if chunk.span.seconds < whole or whole >= CLIP_SECONDS or is_still(chunk, scan):
        return 0
    least, most = CLIP_FRAMES
    return min(most, max(least, round(whole / CLIP_FRAME_SECONDS)))


def _looks_worth(time: float, following: float, end: float, keys: Sequence[float]) -> int:
    """At how many times to look for a slot's frame: one less where only it needs their group."""
    place = bisect_right(keys, time + NEXT_SECONDS[-1])
    alone = place < len(keys) and keys[place] <= min(following, end)
    within = bisect_right(keys, time) == place
    return len(NEXT_SECONDS) - (alone and within)


def is_still(chunk: Chunk, scan: Scan) -> bool:
    """Whether the picture stands still in the whole chunk."""
    return _frozen_around(chunk, scan) is not None


def plan_still(chunk: Chunk, scan: Scan, keys: Sequence[float]) -> tuple[Slot, ...]:
    """Two slots that prove of a still chunk that it is: a picture before all of it and one after.

    They are key frames of the stretch that stands still, where it has some on that side: nothing
    else need be decoded, and the chunks beside it have the same.
    """
    frozen = _frozen_around(chunk, scan)
    assert frozen
    before, after = bisect_right(keys, chunk.span.start) - 1, bisect_left(keys, chunk.span.end)
    first, last = chunk.span.start, max(chunk.span.start, chunk.span.end - END_SECONDS)
    if before >= 0 and keys[before] >= frozen.start:
        first = keys[before]
    if after < len(keys) and keys[after] < frozen.end:
        last = keys[after]
    return tuple(Slot((round(time, 3),)) for time in (first, last))


def _frozen_around(chunk: Chunk, scan: Scan) -> Span | None:
    """The stretch that stands still in which the whole chunk lies."""
    place = bisect_right(scan.frozen, chunk.span.start, key=lambda span: span.start) - 1
    if place >= 0 and chunk.span.end <= scan.frozen[place].end:
        return scan.frozen[place]
    return None


def most_motion(chunk: Chunk, scan: Scan) -> float:
    """The highest point of the motion curve in the chunk."""
    first, end = int(chunk.span.start / scan.step), int(chunk.span.end / scan.step) + 1
    return max(scan.motion[first:end], default=0.0)


def _fill(times: Sequence[float], most: int, spacing: float) -> list[float]:
    """These times and more, evenly where the gaps between them are longest; in order."""
    ordered = sorted(times)
    gaps = [after - before for before, after in pairwise(ordered)]
    parts = [1] * len(gaps)
    while gaps and 1 + sum(parts) < most:
        place = max(range(len(gaps)), key=lambda k: gaps[k] / parts[k])
        if gaps[place] / parts[place] <= spacing:
            break
        parts[place] += 1
    spread = [
        start + gap * part / count
        for start, gap, count in zip(ordered, gaps, parts, strict=False)
        for part in range(count)
    ]
    return [round(time, 3) for time in [*spread, ordered[-1]]]


def _calm_times(chunk: Chunk, scan: Scan) -> Callable[[float, float], bool]:
    """Whether there is no more motion from one time to another than is usual in the chunk."""
    first, end = int(chunk.span.start / scan.step), int(chunk.span.end / scan.step) + 1
    curve = np.array(scan.motion[first:end])

    def is_calm(start: float, end: float) -> bool:
        part = curve[int(start / scan.step) - first : int(end / scan.step) - first + 1]
        return len(part) > 0 and bool(part.max() <= CALM * curve.mean())

    return is_calm


def _ease(
    times: list[float],
    fixed: Sequence[float],
    shots: Sequence[Span],
    keys: Sequence[float],
    is_calm: Callable[[float, float], bool],
    spacing: float,
) -> list[float]:
    """Times moved to the nearest key frame, except the fixed ones; those at an edge stay near it.

    None leaves its shot, passes what moves much, or makes a gap that `_fill` would have filled; and
    none moves where a later one needs the same group of pictures anyway.
    """
    edges = [shots[0].start - spacing / 2, *times, shots[-1].end + spacing / 2]
    for place in range(len(times), 0, -1):
        time, before, after = edges[place], edges[place - 1], edges[place + 1]
        start = bisect_right(keys, time) - 1
        if time in fixed or start < 0 or time - keys[start] < WORTH_SECONDS:
            continue
        if place < len(times) and keys[start] == keys[bisect_right(keys, after) - 1]:
            continue
        shot = next(s for s in reversed(shots) if s.start <= time)
        reach = NEAR_EDGE if place in (1, len(times)) else spacing / 2
        for key in sorted(keys[start : start + 2], key=lambda key: abs(key - time)):
            if (
                max(before, shot.start) + AFTER_CUT <= key <= min(after, shot.end) - AFTER_CUT
                and abs(key - time) <= reach
                and max(key - before, after - key) <= 1.5 * spacing
                and is_calm(min(key, time), max(key, time))
            ):
                edges[place] = round(key, 3)
                break
    return edges[1:-1]


def choose_frame(looks: Sequence[np.ndarray], sharpness: Sequence[float]) -> int:
    """Of a slot's pictures the first, unless it is black or blurred and a later one is not."""
    good = [place for place, look in enumerate(looks) if not _is_black(look)]
    if not good:
        return 0
    best = max(sharpness[place] for place in good)
    return next(place for place in good if sharpness[place] >= BLURRED * best)


def group_repeats(looks: Sequence[np.ndarray]) -> list[list[int]]:
    """Places of pictures that follow one another and show the same; the first stands for its group.

    Black pictures are in none where there are others. Those of another plain colour stay: that a
    page or a scene was empty before is what tells that something came.
    """
    black = [_is_black(look) for look in looks]
    groups: list[list[int]] = []
    for place, look in enumerate(looks):
        if black[place] and not all(black):
            continue
        if groups and is_same(looks[groups[-1][0]], look):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _is_black(look: np.ndarray) -> bool:
    return float(look.mean()) < BLACK_LEVEL and float(look.std()) < BLACK_SPREAD
