"""What a whole video looks like, at almost no cost: packets first, then key frames, then doubts.

The sizes of packets are known from the index. Key frames are decoded, and more only where these
leave it open whether and where there is a cut. Makes no chunks and chooses no frames.
"""

import json
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import ceil

import numpy as np

from longtake.records import Join, Progress, Scan, Shot, Video
from longtake.timecode import Span
from longtake.video.cuts import (
    ALIKE,
    MARGIN,
    Cut,
    Spike,
    apart,
    find_cuts,
    find_rows,
    find_spikes,
    is_black,
    is_plain,
    likeness,
)
from longtake.video.decode import CLOSE_SECONDS
from longtake.video.frames import open_frames
from longtake.video.probe import Index

VERSION = 1
"""Part of what a scan is kept under: raised whenever the same file would give another scan."""
SHARES = {"h264": 0.015}
OTHER_SHARE = 0.25
"""How many of all pictures may be decoded for doubts, by codec; beyond that, packets and key frames
alone decide. H.264 holds back few pictures, so that a packet tells where a cut is, nearly to the
picture; other codecs hold back or hide many."""
SHORT, SHORT_PIXELS = 4500, 1.5e9
"""In a video of no more pictures (three minutes), doubts may cost so many pixels in any case."""
LONG_GROUP = 600
"""Pictures: between key frames farther apart too little is known, so that all are decoded."""
FREE_GROUP = 40
"""Pictures: where key frames are never farther apart, an encoder did not choose their places."""
USUAL_SPREAD, USUAL_TIMES = 0.98, 3
"""The longest distance of key frames is the usual one if it, or nearly so, comes so many times."""
KEY_SECONDS = 0.4
"""Key frames that are closer are not decoded, as where all are key frames."""
BLOCK = 512
"""Thumbs that are compared in one go."""
AFTER = 8
"""Pictures after a doubt that tell a cut from a flash."""

DIFFERENT = 5.0
MUCH_DIFFERENT, MUCH_ALIKE = 10.0, 0.6
"""Mean difference of grey levels, and correlation, of two key frames: is there a cut between?"""
SURE_STRENGTH, SURE_SHARE, SURE_REACH = 4.0, 0.25, 4
"""A single packet like this between two key frames that are not alike is a cut."""
GUESS_SHARE = 0.5
"""Of a key frame's size, what the first packet of another shot takes at least."""
CALM, CALM_RATIO = 6, 2.5

STEP_SECONDS = 0.5
"""Of the curves."""
MOST_VALUES = 200_000
"""Of a curve: more than a day; a file whose times can't be has longer steps."""
INTRA_SHARE = 0.5
AROUND_CUT = 3
FROZEN_BYTES, FROZEN_BYTES_BLOCK = 80.0, 0.15
"""A picture that shows nothing new takes no more, and no more for each 16×16 pixels."""
STEADY_SHARE = 0.02
"""Where all are key frames, their sizes differ by no more while the picture stands still."""
FROZEN_SECONDS = 1.0
SAME_DIFFERENCE, SAME_MOST = 1.5, 24.0
"""Two thumbs are the same where the mean and the largest difference are not over these."""


@dataclass(frozen=True)
class _Group:
    """Pictures `first`..`last`, from one key frame up to and with the next, or to the end."""

    first: int
    last: int
    change: float
    """Mean difference of grey levels from the one key frame to the other."""
    alike: float
    """Their correlation."""
    spikes: tuple[Spike, ...]
    plain: bool = False
    """Whether the second key frame shows one shade alone: it may be a flash."""

    @property
    def differs_much(self) -> bool:
        """Whether there must be a cut between its key frames, or much motion."""
        return self.change >= MUCH_DIFFERENT and self.alike < MUCH_ALIKE


@dataclass(frozen=True)
class _Doubt:
    """Pictures to decode, how badly (0 first), and the cuts that are assumed if they are not."""

    first: int
    last: int
    rank: int
    assumed: tuple[Cut, ...] = ()

    @property
    def pictures(self) -> int:
        """The number of pictures to decode."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class _PictureFacts:
    """What is known of each picture, by place; NaN where it was not decoded."""

    level: np.ndarray
    black: np.ndarray
    plain: np.ndarray
    same: np.ndarray
    """Of key frames: whether they show what the key frames before show."""
    change: np.ndarray
    """Of key frames: the mean difference of grey levels to the one before."""
    steady: np.ndarray
    """Whether it shows what the picture right before it shows."""

    def note(self, place: int, thumb: np.ndarray) -> None:
        """Take down what the picture at `place` looks like."""
        self.level[place] = thumb.mean() / 255
        self.black[place] = is_black(thumb)
        self.plain[place] = is_plain(thumb)

    def spread(self, still: np.ndarray) -> None:
        """Give pictures that are still the values of the picture before them."""
        known = ~np.isnan(self.level)
        places = np.arange(len(known))
        source = np.maximum.accumulate(np.where(known | ~still, places, 0))
        for values in (self.level, self.black, self.plain):
            values[:] = values[source]


def scan_key(video: Video) -> str:
    """The key under which the store keeps the scan of a video."""
    return f"{video.sha256}-{VERSION}"


def scan_as_json(scan: Scan) -> str:
    """The scan as the store keeps it; times are in seconds."""
    return json.dumps(asdict(scan))


def scan_from_json(text: str) -> Scan:
    """The scan that `scan_as_json` wrote."""
    kept = json.loads(text)
    kept["shots"] = tuple(Shot(Span(**shot["span"]), shot["begins"]) for shot in kept["shots"])
    for name in ("black", "blank", "frozen"):
        kept[name] = tuple(Span(**span) for span in kept[name])
    for name in ("motion", "brightness"):
        kept[name] = tuple(kept[name])
    return Scan(**kept)


def scan(
    video: Video, index: Index, budget: float | None = None
) -> Generator[Progress, None, Scan]:
    """The scan of a video; yields its progress in seconds of video, which is gone through twice.

    `budget` is how many pictures may be decoded for doubts, if not as many as suit the file.
    """
    facts = _PictureFacts(*(np.full(len(index.times), np.nan, np.float32) for _ in range(6)))
    groups = yield from _read_keys(video, index, facts)
    sure, doubts = _judge(groups, index.sizes, index.codec in SHARES)
    chosen, assumed = _choose(doubts, index, _budget(index) if budget is None else budget)
    found = yield from _resolve(video, index, chosen, facts)
    yield _progress(video, video.readable + 1, "scanned", 1)
    still = _still(index, facts)
    facts.spread(still)
    cuts = apart([*sure, *assumed, *found])
    cuts = apart([*cuts, *_dark_middles(facts, cuts)])
    still[[cut.place for cut in cuts]] = False
    step = STEP_SECONDS * max(1, ceil(video.readable / STEP_SECONDS / MOST_VALUES))
    steps = max(1, ceil(video.readable / step))
    return Scan(
        shots=_shots(video, index, cuts),
        step=step,
        motion=_motion(index, facts, cuts, step, steps),
        brightness=_brightness(index, facts, step, steps),
        black=_stretches(video, index, facts.black),
        blank=_stretches(video, index, np.where(facts.black == 1, 0, facts.plain)),
        # What shows nothing new stands still from the picture before it on.
        frozen=_list_spans(
            video, index, ((a, b + 1) for a, b in find_rows(still[1:])), FROZEN_SECONDS
        ),
    )


def _read_keys(
    video: Video, index: Index, facts: _PictureFacts
) -> Generator[Progress, None, tuple[_Group, ...]]:
    """Decode the key frames; the groups of pictures between them."""
    spikes = find_spikes(index.sizes, index.reach, np.flatnonzero(_are_keys(index)))
    groups: list[_Group] = []
    last, before, anchor = 0, None, None
    for place, thumb in _key_thumbs(video, index):
        facts.note(place, thumb)
        if place > last:
            groups.append(_group(last, place, before, thumb, spikes))
            facts.change[place] = groups[-1].change
            facts.same[place] = anchor is not None and _are_same(anchor, thumb)
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
        for time, pixels in reader.key_thumbs(KEY_SECONDS):
            place = _place(index, time)
            if place > last:
                last = place
                yield place, pixels.astype(np.float32)


def _group(
    first: int,
    last: int,
    before: np.ndarray | None,
    after: np.ndarray | None,
    spikes: Sequence[Spike],
) -> _Group:
    change, alike = float("nan"), float("nan")
    if before is not None and after is not None:
        change, alike = float(np.abs(after - before).mean()), likeness(before, after)
    begin, end = (bisect_right(spikes, k, key=lambda spike: spike.place) for k in (first, last))
    plain = after is not None and is_plain(after)
    return _Group(first, last, change, alike, tuple(spikes[begin:end]), plain)


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    gaps = np.abs(one.astype(np.float32) - other)
    return bool(gaps.mean() <= SAME_DIFFERENCE and gaps.max() <= SAME_MOST)


def _progress(video: Video, time: float, note: str, before: int = 0) -> Progress:
    """`before` is how often the whole video was gone through."""
    whole = ceil(video.readable)
    return Progress("scan", before * whole + min(int(time), whole), 2 * whole, note)


def _are_keys(index: Index) -> np.ndarray:
    """Whether each picture is a key frame."""
    are_keys = np.zeros(len(index.times), bool)
    are_keys[np.searchsorted(index.times, index.keys - CLOSE_SECONDS)] = True
    return are_keys


def _place(index: Index, time: float) -> int:
    """The number of the picture that is due at `time`."""
    return min(int(np.searchsorted(index.times, time - CLOSE_SECONDS)), len(index.times) - 1)


def _judge(
    groups: Sequence[_Group], sizes: np.ndarray, telling: bool
) -> tuple[list[Cut], list[_Doubt]]:
    """The cuts that packets and key frames prove, and what must be looked at.

    `telling` is whether the codec's packets can prove any.
    """
    usual = _usual_length(groups)
    cuts: list[Cut] = []
    doubts: list[_Doubt] = []
    for group in groups:
        # An encoder that may choose puts a key frame on a cut.
        keyed = group.last - group.first < usual and group.last < len(sizes) - 1
        if telling and keyed and group.differs_much and _is_clear(group, sizes):
            cuts.append(Cut(group.last, "cut", group.change))
        elif doubt := _doubt(group, sizes, keyed):
            doubts.append(doubt)
    return cuts, doubts


def _usual_length(groups: Sequence[_Group]) -> float:
    """How many pictures after a key frame the next one is due at the latest.

    0 where key frames are dense, infinite where they are never due.
    """
    lengths = np.array([group.last - group.first for group in groups])
    if lengths.max() < FREE_GROUP:
        return 0.0
    longest = USUAL_SPREAD * lengths.max()
    return float(longest) if (lengths >= longest).sum() >= USUAL_TIMES else float("inf")


def _doubt(group: _Group, sizes: np.ndarray, keyed: bool) -> _Doubt | None:
    after = min(group.last, group.spikes[-1].place + AFTER) if group.spikes else group.last
    if group.differs_much and not keyed and _is_sure(group.spikes):
        return _Doubt(group.first, after, 3, _assume(group))
    if group.differs_much:
        return _Doubt(group.first, group.last, 0, _guess(group, sizes, keyed))
    if group.change >= DIFFERENT and group.alike < ALIKE:
        return _Doubt(group.first, group.last, 1)
    if np.isnan(group.change):
        return _Doubt(group.first, group.last, 4, _assume(group))
    if group.spikes:
        return _Doubt(group.first, after, 2)
    long = group.last - group.first > LONG_GROUP
    return _Doubt(group.first, group.last, 4) if long else None


def _is_sure(spikes: Sequence[Spike]) -> bool:
    return len(spikes) == 1 and (
        spikes[0].strength >= SURE_STRENGTH
        and spikes[0].share >= SURE_SHARE
        and spikes[0].place - spikes[0].first < SURE_REACH
    )


def _assume(group: _Group) -> tuple[Cut, ...]:
    """The cut that a single packet tells of."""
    if not _is_sure(group.spikes):
        return ()
    return (Cut(_likely_place(group.spikes[0]), "cut", np.nan_to_num(group.change)),)


def _is_clear(group: _Group, sizes: np.ndarray) -> bool:
    """Whether nothing happens before the next key frame, and that is no flash."""
    inside = sizes[group.first + 1 : group.last]
    return (
        not group.spikes
        and not group.plain
        and len(inside) >= CALM
        and bool(inside[-CALM:].mean() <= CALM_RATIO * np.median(inside))
    )


def _likely_place(spike: Spike) -> int:
    """Where its cut is: with up to three pictures held back, never more than two away."""
    return max(spike.first, spike.place - 1)


def _guess(group: _Group, sizes: np.ndarray, keyed: bool) -> tuple[Cut, ...]:
    """Where the cut is most likely, for key frames that differ much; by a move they do, too."""
    strongest = sorted(group.spikes, key=lambda spike: spike.strength)[-1:]
    places = [_likely_place(spike) for spike in strongest]
    if keyed:
        places = [group.last, *(places if _is_sure(strongest) else [])]
    elif not places and group.last - group.first >= 2:
        place = group.first + 1 + int(np.argmax(sizes[group.first + 1 : group.last]))
        large = sizes[place] >= GUESS_SHARE * min(sizes[group.first], sizes[group.last])
        places = [place] if large else []
    return tuple(Cut(place, "cut", group.change) for place in places)


def _budget(index: Index) -> float:
    width, height = index.size
    pictures = len(index.times)
    least = SHORT_PIXELS / (width * height) if pictures <= SHORT else 0.0
    return max(least, SHARES.get(index.codec, OTHER_SHARE) * pictures)


def _choose(
    doubts: Sequence[_Doubt], index: Index, budget: float
) -> tuple[list[_Doubt], list[Cut]]:
    """The doubts that can be afforded, in time order, and what is assumed of the others."""
    left = budget
    chosen: list[_Doubt] = []
    assumed: list[Cut] = []
    for doubt in sorted(doubts, key=lambda doubt: (doubt.rank, doubt.pictures)):
        if doubt.pictures > LONG_GROUP or not len(index.keys):
            chosen.append(doubt)
        elif doubt.pictures <= left:
            left -= doubt.pictures
            chosen.append(doubt)
        else:
            assumed += doubt.assumed
    return sorted(chosen, key=lambda doubt: doubt.first), assumed


def _resolve(
    video: Video, index: Index, doubts: Sequence[_Doubt], facts: _PictureFacts
) -> Generator[Progress, None, list[Cut]]:
    """Decode what is in doubt, and compare its pictures one by one."""
    cuts: list[Cut] = []
    with open_frames(video.path, index) as reader:
        for first, last in _runs(doubts, len(index.times)):
            kept: list[tuple[int, np.ndarray]] = []
            start = 0
            for time, pixels in reader.thumbs(index.times[first], index.times[last]):
                place = _place(index, time)
                facts.note(place, pixels)
                if kept and kept[-1][0] == place - 1:
                    facts.steady[place] = _are_same(kept[-1][1], pixels)
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


def _runs(doubts: Iterable[_Doubt], pictures: int) -> list[tuple[int, int]]:
    """First and last pictures of the doubts, joined where they meet, with a few more after."""
    runs: list[tuple[int, int]] = []
    for doubt in doubts:
        end = min(doubt.last + AFTER, pictures - 1)
        if runs and doubt.first <= runs[-1][1]:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        else:
            runs.append((doubt.first, end))
    return runs


def _shots(video: Video, index: Index, cuts: Sequence[Cut]) -> tuple[Shot, ...]:
    joins: dict[float, Join] = {round(float(index.times[cut.place]), 3): cut.kind for cut in cuts}
    inside = [time for time in joins if 0 < time < video.readable]
    edges = [0.0, *inside, video.readable]
    kinds: list[Join] = ["start", *(joins[time] for time in inside)]
    return tuple(
        Shot(Span(start, end), kind)
        for (start, end), kind in zip(pairwise(edges), kinds, strict=True)
    )


def _dark_middles(facts: _PictureFacts, cuts: Sequence[Cut]) -> list[Cut]:
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


def _motion(
    index: Index, facts: _PictureFacts, cuts: Sequence[Cut], step: float, steps: int
) -> tuple[float, ...]:
    """Bytes of change in each step, cuts left out; where all are key frames, how these differ."""
    places = np.minimum((index.times / step).astype(int), steps - 1)
    is_key = _are_keys(index)
    if is_key.mean() > INTRA_SHARE:
        known = np.flatnonzero(~np.isnan(facts.change))
        values = np.zeros(steps)
        if len(known):
            values = np.interp(np.arange(steps), places[known], facts.change[known])
    else:
        sizes = np.where(is_key, 0, index.sizes)
        for cut in cuts:
            sizes[cut.place : cut.place + AROUND_CUT] = 0
        used = np.bincount(places, weights=(sizes > 0), minlength=steps)
        values = np.bincount(places, weights=sizes, minlength=steps) / np.maximum(used, 1)
    most = float(np.quantile(values, 0.99)) or 1.0
    return tuple(np.round(np.minimum(values / most, 1), 3).tolist())


def _brightness(index: Index, facts: _PictureFacts, step: float, steps: int) -> tuple[float, ...]:
    """The grey level of each step, from 0 to 1; 0 throughout where no picture could be decoded."""
    known = np.flatnonzero(~np.isnan(facts.level))
    if not len(known):
        return (0.0,) * steps
    middles = (np.arange(steps) + 0.5) * step
    return tuple(np.round(np.interp(middles, index.times[known], facts.level[known]), 3).tolist())


def _stretches(video: Video, index: Index, state: np.ndarray) -> tuple[Span, ...]:
    """From the first to the last picture of those in a row that are known and all 1."""
    known = np.flatnonzero(~np.isnan(state))
    rows = ((int(known[a]), int(known[b - 1]) + 1) for a, b in find_rows(state[known] == 1))
    return _list_spans(video, index, rows)


def _list_spans(
    video: Video, index: Index, rows: Iterable[tuple[int, int]], least_seconds: float = 0.0
) -> tuple[Span, ...]:
    """From the first picture of each row to the one after it, or to the end of the video."""
    ends = [*index.times.tolist(), video.readable]
    return tuple(
        Span(round(ends[first], 3), round(ends[end], 3))
        for first, end in rows
        if ends[end] - ends[first] >= least_seconds
    )


def _still(index: Index, facts: _PictureFacts) -> np.ndarray:
    """Whether each picture shows nothing new.

    A packet that is next to empty says so. Of key frames it is known where they were decoded; where
    none are marked, a single large packet among empty ones is taken for one.
    """
    width, height = index.size
    keys = _are_keys(index)
    if keys.mean() > INTRA_SHARE:
        return _intra_still(index.sizes, facts.same)
    still = index.sizes <= FROZEN_BYTES + FROZEN_BYTES_BLOCK * width * height / 256
    still[keys] = facts.same[keys] == 1
    alone = keys | (not len(index.keys))
    alone[1:] &= still[:-1]
    alone[:-1] &= still[1:]
    still[alone & (facts.steady == 1)] = True
    return still


def _intra_still(sizes: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Where all are key frames: those that are skipped are as the next that was decoded."""
    known = np.flatnonzero(~np.isnan(same))
    if not len(known):
        return np.zeros(len(sizes), bool)
    after = np.minimum(np.searchsorted(known, np.arange(len(sizes))), len(known) - 1)
    steps = np.abs(np.diff(sizes, prepend=sizes[:1]))
    still: np.ndarray = (same[known[after]] == 1) & (steps <= STEADY_SHARE * sizes)
    return still
