"""What is known of each picture of a video, and the curves and stretches that come of it.

Reads no file: the scan notes down what it decodes, and sizes come from the index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from longtake.records import Video
from longtake.timecode import Span
from longtake.video.cuts import Cut, find_rows
from longtake.video.decode import CLOSE_SECONDS
from longtake.video.probe import Index
from longtake.video.thumbs import grey, is_black, is_plain

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


@dataclass(frozen=True)
class PictureFacts:
    """What is known of each picture, by place; NaN where it was not decoded."""

    level: np.ndarray
    black: np.ndarray
    plain: np.ndarray
    same: np.ndarray
    """Of key frames: whether they show what the key frames before show."""
    change: np.ndarray
    """Of key frames: how much they differ from the one before."""
    steady: np.ndarray
    """Whether it shows what the picture right before it shows."""

    def note(self, place: int, thumb: np.ndarray) -> None:
        """Take down what the picture at `place` looks like."""
        self.level[place] = grey(thumb).mean() / 255
        self.black[place] = is_black(thumb)
        self.plain[place] = is_plain(thumb)

    def spread(self, still: np.ndarray) -> None:
        """Give pictures that are still the values of the picture before them."""
        known = ~np.isnan(self.level)
        places = np.arange(len(known))
        source = np.maximum.accumulate(np.where(known | ~still, places, 0))
        for values in (self.level, self.black, self.plain):
            values[:] = values[source]


def are_keys(index: Index) -> np.ndarray:
    """Whether each picture is a key frame."""
    are_keys = np.zeros(len(index.times), bool)
    are_keys[np.searchsorted(index.times, index.keys - CLOSE_SECONDS)] = True
    return are_keys


def make_motion(
    index: Index, facts: PictureFacts, cuts: Sequence[Cut], step: float, steps: int
) -> tuple[float, ...]:
    """Bytes of change in each step, cuts left out; where all are key frames, how these differ."""
    places = np.minimum((index.times / step).astype(int), steps - 1)
    is_key = are_keys(index)
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


def make_brightness(
    index: Index, facts: PictureFacts, step: float, steps: int
) -> tuple[float, ...]:
    """The grey level of each step, from 0 to 1; 0 throughout where no picture could be decoded."""
    known = np.flatnonzero(~np.isnan(facts.level))
    if not len(known):
        return (0.0,) * steps
    middles = (np.arange(steps) + 0.5) * step
    return tuple(np.round(np.interp(middles, index.times[known], facts.level[known]), 3).tolist())


def list_stretches(video: Video, index: Index, state: np.ndarray) -> tuple[Span, ...]:
    """From the first to the last picture of those in a row that are known and all 1."""
    known = np.flatnonzero(~np.isnan(state))
    rows = ((int(known[a]), int(known[b - 1]) + 1) for a, b in find_rows(state[known] == 1))
    return list_spans(video, index, rows)


def list_spans(
    video: Video, index: Index, rows: Iterable[tuple[int, int]], least_seconds: float = 0.0
) -> tuple[Span, ...]:
    """From the first picture of each row to the one after it, or to the end of the video."""
    ends = np.append(index.times, video.readable)
    return tuple(
        Span(round(float(ends[first]), 3), round(float(ends[end]), 3))
        for first, end in rows
        if ends[end] - ends[first] >= least_seconds
    )


def find_still(index: Index, facts: PictureFacts) -> np.ndarray:
    """Whether each picture shows nothing new.

    A packet that is next to empty says so. Of key frames it is known where they were decoded; where
    none are marked, a single large packet among empty ones is taken for one.
    """
    width, height = index.size
    keys = are_keys(index)
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
