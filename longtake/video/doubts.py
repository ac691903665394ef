"""Where packets and key frames leave it open whether there is a cut, and what they prove.

Pure functions of sizes and of how key frames differ; knows no file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from longtake.video.cuts import ALIKE, Cut, Spike
from longtake.video.probe import Index

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
AFTER = 8
"""Pictures after a doubt that tell a cut from a flash."""

DIFFERENT = 5.0
MUCH_DIFFERENT, MUCH_ALIKE = 10.0, 0.6
"""How much two key frames differ, and their correlation: is there a cut between?"""
STRONG = (6.0, 0.4), (3.5, 0.6)
STRONG_KEYED = ((7.0, 0.4),)
"""Strength and share, both at least, of a packet that is a cut between two key frames that are not
alike; and where the second of these is likely one, so that more would be too many. Set on the films
of `benchmarks/cuts.py`, held against others of other seeds."""
SURE_REACH = 5
"""Pictures in which its cut may lie."""
LEAST_SHARE = 0.3
"""Of a guess."""
APART = 12
"""Pictures between two guesses, at least: after a cut, packets are large for a while."""
CALM, CALM_RATIO = 6, 2.5
STILL_SHARE, STILL_SUM = 0.05, 0.6
"""Of the smaller key frame's size: where no packet between two key frames takes more, nor all of
them together, nothing changes there. A slow zoom takes 0.09 and 7, a slow dissolve 0.2 and 1.2."""
EMPTY_BYTES, EMPTY_BYTES_BLOCK = 60.0, 0.02
"""Packets that are empty take no more, and no more for each 16×16 pixels. One plain field can
become another with so little, too, but hardly does."""
QUIET, QUIET_SHARE = 5, 0.25
"""After a cut, so many packets take no more of its key frame; after a flash, what was there comes
back."""


@dataclass(frozen=True)
class Group:
    """Pictures `first`..`last`, from one key frame up to and with the next, or to the end."""

    first: int
    last: int
    change: float
    """How much the one key frame differs from the other, in levels of grey or colour."""
    alike: float
    """The correlation of their grey."""
    spikes: tuple[Spike, ...]
    plain: bool = False
    """Whether the second key frame shows one shade alone: it may be a flash."""

    @property
    def differs_much(self) -> bool:
        """Whether there must be a cut between its key frames, or much motion."""
        return self.change >= MUCH_DIFFERENT and self.alike < MUCH_ALIKE


@dataclass(frozen=True)
class Doubt:
    """Pictures to decode, how badly (0 first), and the cuts that are assumed if they are not."""

    first: int
    last: int
    rank: int
    assumed: tuple[Cut, ...] = ()

    @property
    def pictures(self) -> int:
        """The number of pictures to decode."""
        return self.last - self.first + 1


def judge_groups(groups: Sequence[Group], index: Index) -> tuple[list[Cut], list[Doubt]]:
    """The cuts that packets and key frames prove, and what must be looked at."""
    usual, telling, sizes = _usual_length(groups), index.codec in SHARES, index.sizes
    cuts: list[Cut] = []
    doubts: list[Doubt] = []
    for group in groups:
        # An encoder that may choose puts a key frame on a cut.
        keyed = group.last - group.first < usual and group.last < len(sizes) - 1
        clear = telling and keyed and group.differs_much and _is_clear(group, sizes)
        still = group.differs_much and _is_still(group, sizes)
        if clear or (still and _is_quiet_after(group, index)):
            cuts.append(Cut(group.last, "cut", group.change))
        elif group.differs_much and (still or _is_empty(group, index)):
            doubts.append(Doubt(group.first, group.last, 3, _guess(group, keyed=True)))
        elif doubt := _doubt(group, keyed):
            doubts.append(doubt)
    return cuts, doubts


def _is_still(group: Group, sizes: np.ndarray) -> bool:
    """Whether nothing between its key frames can have changed the picture."""
    inside = sizes[group.first + 1 : group.last]
    least = min(sizes[group.first], sizes[group.last])
    return bool(
        len(inside) and inside.max() <= STILL_SHARE * least and inside.sum() <= STILL_SUM * least
    )


def _is_empty(group: Group, index: Index) -> bool:
    """Whether hardly anything does, though its key frames are so small that they tell little."""
    inside = index.sizes[group.first + 1 : group.last]
    width, height = index.size
    most = EMPTY_BYTES + EMPTY_BYTES_BLOCK * width * height / 256
    return bool(len(inside) and inside.max() <= most)


def _is_quiet_after(group: Group, index: Index) -> bool:
    """Whether its second key frame is no flash, and no picture before it is decoded after it."""
    after = index.sizes[group.last + 1 : group.last + 1 + QUIET]
    quiet = len(after) == QUIET and after.max() <= QUIET_SHARE * index.sizes[group.last]
    return bool(quiet and index.reach[group.last] == 1)


def _usual_length(groups: Sequence[Group]) -> float:
    """How many pictures after a key frame the next one is due at the latest.

    0 where key frames are dense, infinite where they are never due.
    """
    lengths = np.array([group.last - group.first for group in groups])
    if lengths.max() < FREE_GROUP:
        return 0.0
    longest = USUAL_SPREAD * lengths.max()
    return float(longest) if (lengths >= longest).sum() >= USUAL_TIMES else float("inf")


def _doubt(group: Group, keyed: bool) -> Doubt | None:
    after = group.last
    if group.spikes and not keyed:
        after = min(group.last, group.spikes[-1].place + AFTER)
    if group.differs_much and not keyed and _is_sure(group.spikes):
        return Doubt(group.first, after, 3, _assume(group))
    if group.differs_much:
        return Doubt(group.first, group.last, 0, _guess(group, keyed))
    if group.change >= DIFFERENT and group.alike < ALIKE:
        return Doubt(group.first, group.last, 1)
    if np.isnan(group.change):
        return Doubt(group.first, group.last, 4, _assume(group))
    if group.spikes:
        return Doubt(group.first, after, 2)
    long = group.last - group.first > LONG_GROUP
    return Doubt(group.first, group.last, 4) if long else None


def _is_strong(spike: Spike, limits: Iterable[tuple[float, float]]) -> bool:
    return any(spike.strength >= least and spike.share >= share for least, share in limits)


def _is_sure(spikes: Sequence[Spike]) -> bool:
    return len(spikes) == 1 and (
        _is_strong(spikes[0], STRONG) and spikes[0].place - spikes[0].first < SURE_REACH
    )


def _assume(group: Group) -> tuple[Cut, ...]:
    """The cut that a single packet tells of."""
    if not _is_sure(group.spikes):
        return ()
    return (Cut(_likely_place(group.spikes[0]), "cut", np.nan_to_num(group.change)),)


def _is_clear(group: Group, sizes: np.ndarray) -> bool:
    """Whether nothing happens before the next key frame, and that is no flash."""
    inside = sizes[group.first + 1 : group.last]
    return (
        not group.spikes
        and not group.plain
        and len(inside) >= CALM
        and bool(inside[-CALM:].mean() <= CALM_RATIO * np.median(inside))
    )


def _likely_place(spike: Spike) -> int:
    """Where its cut is: the middle of where it can be, so never far away."""
    return spike.place - (spike.place - spike.first) // 2


def _guess(group: Group, keyed: bool) -> tuple[Cut, ...]:
    """Where cuts are most likely, for key frames that differ much; by a move they do, too."""
    taken, places = ([group.last], [group.last]) if keyed else ([], [])
    for spike in sorted(group.spikes, key=lambda spike: spike.weight, reverse=True):
        strong = _is_strong(spike, STRONG_KEYED if keyed else STRONG)
        likely = strong or (not taken and spike.share >= LEAST_SHARE)
        if likely and all(abs(spike.place - place) >= APART for place in taken):
            taken.append(spike.place)
            places.append(_likely_place(spike))
    return tuple(Cut(place, "cut", group.change) for place in places)


def suiting_budget(index: Index) -> float:
    """How many pictures of this file may be decoded for doubts."""
    width, height = index.size
    pictures = len(index.times)
    least = SHORT_PIXELS / (width * height) if pictures <= SHORT else 0.0
    return max(least, SHARES.get(index.codec, OTHER_SHARE) * pictures)


def choose_doubts(
    doubts: Sequence[Doubt], index: Index, budget: float
) -> tuple[list[Doubt], list[Cut]]:
    """The doubts that can be afforded, in time order, and what is assumed of the others."""
    left = budget
    chosen: list[Doubt] = []
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


def join_runs(doubts: Iterable[Doubt], pictures: int) -> list[tuple[int, int]]:
    """First and last pictures of the doubts, joined where they meet, with a few more after."""
    runs: list[tuple[int, int]] = []
    for doubt in doubts:
        end = min(doubt.last + AFTER, pictures - 1)
        if runs and doubt.first <= runs[-1][1]:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        else:
            runs.append((doubt.first, end))
    return runs
