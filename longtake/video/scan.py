"""What a whole video looks like, at almost no cost: packets first, then key frames, then doubts.

The sizes of packets are known from the index. Key frames are decoded, and more only where these
leave it open whether and where there is a cut. Makes no chunks and chooses no frames.
"""

import json
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from heapq import heappop, heappush
from itertools import pairwise
from math import ceil

import numpy as np

from longtake.records import Join, Progress, Scan, Shot, Video
from longtake.timecode import Span
from longtake.video.curves import (
    FROZEN_SECONDS,
    MOST_VALUES,
    STEP_SECONDS,
    PictureFacts,
    are_keys,
    find_still,
    list_spans,
    list_stretches,
    make_brightness,
    make_motion,
)
from longtake.video.cuts import (
    MARGIN,
    Cut,
    Spike,
    apart,
    find_cuts,
    find_rows,
    find_spikes,
)
from longtake.video.decode import CLOSE_SECONDS
from longtake.video.doubts import (
    Doubt,
    Group,
    choose_doubts,
    join_runs,
    judge_groups,
    suiting_budget,
)
from longtake.video.frames import open_frames
from longtake.video.probe import Index
from longtake.video.thumbs import are_same, is_plain, likeness, mean_gaps

VERSION = 2
"""Part of what a scan is kept under: raised whenever the same file would give another scan."""
KEY_SECONDS = 0.4
"""Key frames that are closer are not decoded, as where all are key frames."""
MOST_HELD = 16
"""Pictures that a decoder may hold back."""
BLOCK = 512
"""Thumbs that are compared in one go."""


def scan_key(video: Video) -> str:
    """The key under which the store keeps the scan of a video."""
    return f"{video.sha256}-{VERSION}"


def scan_as_json(scan: Scan) -> str:
    """The scan as the store keeps it; times are in seconds."""
    return json.dumps(asdict(scan))


def scan_from_json(text: str) -> Scan:
    """The scan that `scan_as_json` wrote; ValueError for what is none."""
    try:
        kept = json.loads(text)
        kept["shots"] = tuple(Shot(Span(**shot["span"]), shot["begins"]) for shot in kept["shots"])
        for name in ("black", "blank", "frozen"):
            kept[name] = tuple(Span(**span) for span in kept[name])
        for name in ("motion", "brightness"):
            kept[name] = tuple(map(float, kept[name]))
        return Scan(**kept)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("no scan is kept there") from error


def scan(
    video: Video, index: Index, budget: float | None = None
) -> Generator[Progress, None, Scan]:
    """The scan of a video; yields its progress in seconds of video, which is gone through twice.

    `budget` is how many pictures may be decoded for doubts, if not as many as suit the file.
    """
    facts = PictureFacts(*(np.full(len(index.times), np.nan, np.float32) for _ in range(6)))
    groups = yield from _read_keys(video, index, facts)
    sure, doubts = judge_groups(groups, index)
    chosen, assumed = choose_doubts(
        doubts, index, suiting_budget(index) if budget is None else budget
    )
    found = yield from _resolve(video, index, chosen, facts)
    yield _progress(video, video.readable + 1, "scanned", 1)
    still = find_still(index, facts)
    facts.spread(still)
    cuts = apart([*sure, *assumed, *found])
    cuts = apart([*cuts, *_dark_middles(facts, cuts)])
    still[[cut.place for cut in cuts]] = False
    step = STEP_SECONDS * max(1, ceil(video.readable / STEP_SECONDS / MOST_VALUES))
    steps = max(1, ceil(video.readable / step))
    return Scan(
        shots=_shots(video, index, cuts),
        step=step,
        motion=make_motion(index, facts, cuts, step, steps),
        brightness=make_brightness(index, facts, step, steps),
        black=list_stretches(video, index, facts.black),
        blank=list_stretches(video, index, np.where(facts.black == 1, 0, facts.plain)),
        # What shows nothing new stands still from the picture before it on.
        frozen=list_spans(
            video, index, ((a, b + 1) for a, b in find_rows(still[1:])), FROZEN_SECONDS
        ),
    )


def _read_keys(
    video: Video, index: Index, facts: PictureFacts
) -> Generator[Progress, None, tuple[Group, ...]]:
    """Decode the key frames; the groups of pictures between them."""
    spikes = find_spikes(index.sizes, index.reach, np.flatnonzero(are_keys(index)))
    groups: list[Group] = []
    last, before, anchor = 0, None, None
    for place, thumb in _key_thumbs(video, index):
        facts.note(place, thumb)
        if place > last:
            groups.append(_group(last, place, before, thumb, spikes))
            facts.change[place] = groups[-1].change
            facts.same[place] = anchor is not None and are_same(anchor, thumb)
        anchor = anchor if facts.same[place] == 1 else thumb
        last, before = place, thumb
        yield _progress(video, index.times[place], "looking at key frames")
    groups.append(_group(last, len(index.times) - 1, before, None, spikes))
    return tuple(groups)


def _key_thumbs(video: Video, index: Index) -> Iterator[tuple[int, np.ndarray]]:
    """Place and thumb of key frames, in order, each place once."""
    if not len(index.keys):
        return
    last = -1
    with open_frames(video.path, index) as reader:
        found = ((_place(index, time), pixels) for time, pixels in reader.key_thumbs(KEY_SECONDS))
        for place, pixels in _sort(found):
            if place > last:
                last = place
                yield place, pixels.astype(np.float32)


def _sort(found: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
    """In order of place: without the pictures between, a decoder of HEVC mixes up key frames."""
    waiting: list[tuple[int, int, np.ndarray]] = []
    for number, (place, pixels) in enumerate(found):
        heappush(waiting, (place, number, pixels))
        if len(waiting) > MOST_HELD:
            place, _, pixels = heappop(waiting)
            yield place, pixels
    for place, _, pixels in sorted(waiting, key=lambda each: each[:2]):
        yield place, pixels


def _group(
    first: int,
    last: int,
    before: np.ndarray | None,
    after: np.ndarray | None,
    spikes: Sequence[Spike],
) -> Group:
    change, alike = float("nan"), float("nan")
    if before is not None and after is not None:
        change, alike = float(mean_gaps(after, before)), likeness(before, after)
    begin, end = (bisect_right(spikes, k, key=lambda spike: spike.place) for k in (first, last))
    plain = after is not None and is_plain(after)
    return Group(first, last, change, alike, tuple(spikes[begin:end]), plain)


def _progress(video: Video, time: float, note: str, before: int = 0) -> Progress:
    """`before` is how often the whole video was gone through."""
    whole = ceil(video.readable)
    return Progress("scan", before * whole + min(int(time), whole), 2 * whole, note)


def _place(index: Index, time: float) -> int:
    """The number of the picture that is due at `time`."""
    return min(int(np.searchsorted(index.times, time - CLOSE_SECONDS)), len(index.times) - 1)


def _resolve(
    video: Video, index: Index, doubts: Sequence[Doubt], facts: PictureFacts
) -> Generator[Progress, None, list[Cut]]:
    """Decode what is in doubt, and compare its pictures one by one."""
    cuts: list[Cut] = []
    with open_frames(video.path, index) as reader:
        for first, last in join_runs(doubts, len(index.times)):
            kept: list[tuple[int, np.ndarray]] = []
            start = 0
            for time, pixels in reader.thumbs(index.times[first], index.times[last]):
                place = _place(index, time)
                facts.note(place, pixels)
                if kept and kept[-1][0] == place - 1:
                    facts.steady[place] = are_same(kept[-1][1], pixels)
                kept.append((place, pixels))
                if len(kept) == BLOCK:
                    cuts += _compare(kept, start, BLOCK - MARGIN)
                    kept, start = kept[-2 * MARGIN :], MARGIN
                    yield _progress(video, time, "looking for cuts", 1)
            cuts += _compare(kept, start, len(kept))
    return cuts


def _compare(kept: Sequence[tuple[int, np.ndarray]], start: int, end: int) -> list[Cut]:
    """The cuts from `start` up to `end`; what lies outside is known better by another block."""
    found = find_cuts(np.array([thumb for _, thumb in kept]))
    return [replace(cut, place=kept[cut.place][0]) for cut in found if start <= cut.place < end]


def _shots(video: Video, index: Index, cuts: Sequence[Cut]) -> tuple[Shot, ...]:
    joins: dict[float, Join] = {round(float(index.times[cut.place]), 3): cut.kind for cut in cuts}
    inside = [time for time in joins if 0 < time < video.readable]
    edges = [0.0, *inside, video.readable]
    kinds: list[Join] = ["start", *(joins[time] for time in inside)]
    return tuple(
        Shot(Span(start, end), kind)
        for (start, end), kind in zip(pairwise(edges), kinds, strict=True)
    )


def _dark_middles(facts: PictureFacts, cuts: Sequence[Cut]) -> list[Cut]:
    """A cut in each black stretch that has none, however few of its pictures are known."""
    known = np.flatnonzero(~np.isnan(facts.black))
    found = []
    for first, end in find_rows(facts.black[known] == 1):
        if first == 0 or end == len(known):
            continue
        before, after = int(known[first - 1]), int(known[end])
        if not any(before < cut.place <= after for cut in cuts):
            found.append(Cut(int(known[first] + known[end - 1] + 1) // 2, "fade"))
    return found
