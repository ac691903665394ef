"""Where the view is cut, told from the sizes of packets and from thumbs.

Pure functions of arrays; knows no file. A place is a picture's number in time order, and a cut's
place that of the new shot's first picture.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from longtake.video.thumbs import (
    BLACK_LEVEL,
    BLACK_SPREAD,
    grey,
    likeness,
    mean_gaps,
    share_apart,
)

Kind = Literal["cut", "fade", "dissolve"]


@dataclass(frozen=True)
class Cut:
    """A change of shot."""

    place: int
    kind: Kind = "cut"
    strength: float = 0.0
    """How much the picture changes there, in levels of grey or colour."""


@dataclass(frozen=True)
class Spike:
    """A packet larger than its neighbours; the cut, if it is one, is in `first`..`place`."""

    place: int
    first: int
    strength: float
    """Its size over the mean of what is usual before it and what is after it."""
    share: float
    """Its size over that of the smaller of the key frames around it."""

    weight: float
    """How much it speaks for a cut, beside others between the same key frames."""


SPIKE_WEIGHT, SPIKE_SHARE = 1.5, 0.2
FULL_SHARE = 0.5
"""Of a key frame's size, what the first packet of another shot takes at least, mostly."""
NEIGHBOURS = 4


def find_spikes(sizes: np.ndarray, reach: np.ndarray, keys: np.ndarray) -> list[Spike]:
    """Spikes among the pictures between key frames; `keys` are the places of those."""
    is_key = np.zeros(len(sizes), bool)
    is_key[keys] = True
    ahead = np.flatnonzero((reach > 0) & ~is_key)
    if not len(ahead) or not len(keys):
        return []
    values = np.maximum(sizes[ahead].astype(float), 1)
    strength = values / np.sqrt(_usual_before(values) * _usual_before(values[::-1])[::-1])
    after = np.searchsorted(keys, ahead)
    before_size = sizes[keys[np.maximum(after - 1, 0)]]
    after_size = sizes[keys[np.minimum(after, len(keys) - 1)]]
    share = values / np.maximum(np.minimum(before_size, after_size), 1)
    weight = strength * np.sqrt(np.minimum(share / FULL_SHARE, 1))
    chosen = (weight >= SPIKE_WEIGHT) & (share >= SPIKE_SHARE)
    firsts = ahead - reach[ahead] + 1
    found = (values[chosen].tolist() for values in (ahead, firsts, strength, share, weight))
    return [Spike(*spike) for spike in zip(*found, strict=True)]


def _usual_before(values: np.ndarray) -> np.ndarray:
    """The median of the few before each value; of the first, the value itself."""
    padded = np.pad(values, (NEIGHBOURS, 0), mode="edge")[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, NEIGHBOURS)
    usual: np.ndarray = np.median(windows, axis=1)
    return usual


LEAST_DIFFERENCE = 8.0
LEAST_RATIO = 3.0
STILL_DIFFERENCE = 2.5
STILL_RATIO = 10.0
STILL_SPREAD, STILL_LEVELS = 0.1, 12
AROUND = 3
FLASH_PICTURES = 5
SHORTEST_SHOT = 5
MARGIN = 32
"""Pictures before and after that a decision may look at."""
MOST_SHIFT = (8, 4)
SHIFTED = 0.6
ALIKE = 0.85
DISSOLVE_LENGTHS = (8, 12, 18, 24)
DISSOLVE_DIFFERENCE = 14.0
DISSOLVE_REST = 0.2
FADE_STEP = 0.5
"""Grey levels by which each picture of a fade is at least darker or lighter than the one before."""


def find_cuts(thumbs: np.ndarray) -> list[Cut]:
    """The cuts in a run of neighbouring pictures, of which these are the thumbs."""
    if len(thumbs) < 3:
        return []
    thumbs = thumbs.astype(np.float32)
    steps = mean_gaps(thumbs[1:], thumbs[:-1])
    hard = [t for t in range(1, len(thumbs)) if _is_hard(thumbs, steps, t)]
    cuts = [Cut(t, "cut", float(steps[t - 1])) for t in hard]
    levels = grey(thumbs)
    fades = _fades(levels, hard)
    for cut in [*fades, *_dissolves(levels, steps, hard, _fading(levels, fades))]:
        if all(abs(cut.place - other.place) >= 2 * SHORTEST_SHOT for other in cuts):
            cuts.append(cut)
    return apart(cuts)


def _is_hard(thumbs: np.ndarray, steps: np.ndarray, t: int) -> bool:
    """Whether picture `t` begins another shot; steps[t - 1] is the step that leads to it."""
    step = steps[t - 1]
    around = np.concatenate([steps[max(0, t - 1 - AROUND) : t - 1], steps[t : t + AROUND]])
    if not len(around):
        return False
    level = float(np.sort(around)[: max(1, len(around) - 1)].mean())
    sudden = step >= LEAST_DIFFERENCE and step >= LEAST_RATIO * level
    if not sudden:
        spread = share_apart(thumbs[t], thumbs[t - 1], STILL_LEVELS)
        sudden = (
            step >= STILL_DIFFERENCE
            and step >= STILL_RATIO * max(level, 0.05)
            and spread >= STILL_SPREAD
        )
    return (
        bool(sudden)
        and not _is_flash(thumbs, step, t)
        and likeness(thumbs[t - 1], thumbs[t]) < ALIKE
    )


def is_shifted(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether one picture laid a little aside covers most of what differs: the camera moved."""
    height, width = before.shape
    x, y = MOST_SHIFT
    inner = after[y : height - y, x : width - x]
    gaps = [
        np.abs(before[y + b : height - y + b, x + a : width - x + a] - inner).mean()
        for b in range(-y, y + 1)
        for a in range(-x, x + 1)
    ]
    return bool(min(gaps) < SHIFTED * gaps[len(gaps) // 2])


def _is_flash(thumbs: np.ndarray, step: float, t: int) -> bool:
    """Whether what was there before comes back within a few pictures, or came back just now."""
    later = thumbs[t + 1 : t + 1 + FLASH_PICTURES]
    earlier = thumbs[max(0, t - 1 - FLASH_PICTURES) : t - 1]
    returns = mean_gaps(later, thumbs[t - 1])
    returned = mean_gaps(earlier, thumbs[t])
    return bool((returns < step / 2).any() or (returned < step / 2).any())


def _fades(thumbs: np.ndarray, hard: list[int]) -> list[Cut]:
    """The middle of each stretch of black that is entered or left by degrees."""
    black = (thumbs.mean(axis=(1, 2)) < BLACK_LEVEL) & (thumbs.std(axis=(1, 2)) < BLACK_SPREAD)
    return [
        Cut((start + end) // 2, "fade")
        for start, end in find_rows(black)
        if start > 0 and end < len(thumbs) and not any(start <= t <= end for t in hard)
    ]


def _fading(levels: np.ndarray, fades: list[Cut]) -> np.ndarray:
    """Whether each picture is part of a fade: on the way to its black, in it, or on the way out."""
    light = levels.mean(axis=(1, 2))
    darker, lighter = np.diff(light) < -FADE_STEP, np.diff(light) > FADE_STEP
    dark = light < BLACK_LEVEL
    fading = np.zeros(len(levels), bool)
    for fade in fades:
        first = last = fade.place
        while first > 0 and (dark[first - 1] or darker[first - 1]):
            first -= 1
        while last < len(levels) - 1 and (dark[last + 1] or lighter[last]):
            last += 1
        fading[first : last + 1] = True
    return fading


def find_rows(flags: np.ndarray) -> list[tuple[int, int]]:
    """Where each row of true values begins, and the place after its last one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _dissolves(
    thumbs: np.ndarray, steps: np.ndarray, hard: list[int], fading: np.ndarray
) -> list[Cut]:
    """Where the middle picture is the mean of two others that differ: one shot over another."""
    found: list[tuple[float, int]] = []
    plain = (thumbs.std(axis=(1, 2)) < BLACK_SPREAD) | (thumbs.mean(axis=(1, 2)) < BLACK_LEVEL)
    for length in DISSOLVE_LENGTHS:
        if len(thumbs) <= length:
            continue
        half = length // 2
        start, middle, end = thumbs[:-length], thumbs[half : half - length], thumbs[length:]
        gap = np.abs(end - start).mean(axis=(1, 2))
        rest = np.abs(middle - (start + end) / 2).mean(axis=(1, 2))
        quarter = half // 2
        first = thumbs[quarter : quarter - length]
        due = (start * (length - quarter) + end * quarter) / length
        rest += np.abs(first - due).mean(axis=(1, 2))
        score = rest / 2 / np.maximum(gap, 1)
        for t in np.flatnonzero((gap >= DISSOLVE_DIFFERENCE) & (score <= DISSOLVE_REST)).tolist():
            largest = steps[t : t + length].max()
            if (
                not fading[t + half]
                and largest < 3.5 * gap[t] / length
                and not plain[t : t + length + 1].any()
                and not any(t <= h <= t + length for h in hard)
                and not is_shifted(thumbs[t], thumbs[t + length])
                and likeness(thumbs[t], thumbs[t + length]) < ALIKE
            ):
                found.append((float(gap[t] * (1 - score[t])), t + half))
    cuts: list[Cut] = []
    for _, place in sorted(found, reverse=True):
        if all(abs(place - cut.place) > DISSOLVE_LENGTHS[-1] for cut in cuts):
            cuts.append(Cut(place, "dissolve"))
    return cuts


def apart(cuts: Iterable[Cut]) -> list[Cut]:
    """In order; of those that are closer than the shortest shot, the one with the largest step."""
    kept: list[Cut] = []
    for cut in sorted(cuts, key=lambda cut: cut.place):
        if not kept or cut.place - kept[-1].place >= SHORTEST_SHOT:
            kept.append(cut)
        elif cut.strength > kept[-1].strength:
            kept[-1] = cut
    return kept
