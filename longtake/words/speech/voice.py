"""Where somebody speaks in a stream of sound, by the Silero network inside faster-whisper's wheel.

Memory stays flat: what is held is less than two stretches. Knows nothing of words.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longtake.errors import ModelError, SourceError
from longtake.installation import say_pip_install
from longtake.video.sound import RATE, Block

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WINDOW = 512
"""Samples that the network looks at in one go, 32 ms; it also sees the last `CONTEXT` before."""
CONTEXT = 64
VOICE = 0.5
STILL_VOICE = 0.35
"""Probabilities from which on a window holds a voice, and one that follows on such a window."""


def _windows(seconds: float) -> int:
    return round(seconds * RATE / WINDOW)


# In windows, but for those in seconds. Tried on five voices of eSpeak NG that read the sample
# lecture, on counting with pauses of 1.3 s, and on 14 short real recordings. Pauses of 0.3, 0.5,
# 0.8 and 1.2 s between parts gave 10.0, 11.3, 9.7 and 10.3 % wrong words of eSpeak's; at 1.2 s they
# were up to 0.9 s off, below that 0.1 s. With less than 0.25 s around it a real voice lost words.
PAD_SECONDS = 0.4
"""Silence that is left around a part."""
PAD = _windows(PAD_SECONDS)
PAUSE = _windows(0.8)
"""A shorter one is part of speaking."""
LONGEST = _windows(29.0)
LEAST_VOICE = _windows(0.2)
"""Less voice than that is a cough or a chord."""
SHORTEST_PAUSE = 3
JOIN_SECONDS = 5.0
"""What is said so much later is another stretch."""
STEP_SECONDS = 5.0
"""How often it is told that nobody speaks."""
NOTHING = np.empty(0, np.float32)
FILL_SECONDS = 1.0
"""Holes in the sound up to this long are taken as silence in the middle of it."""


@dataclass(frozen=True)
class VoiceStretch:
    """Parts of the sound in which somebody speaks, at most 30 s together, without the pauses.

    All voice that begins before `until` seconds is in this stretch or an earlier one. One without
    parts says just that.
    """

    until: float
    parts: tuple[Block, ...] = ()

    @property
    def seconds(self) -> float:
        """The length of all parts together."""
        return sum(len(part.samples) for part in self.parts) / RATE


def find_voice(blocks: Iterable[Block]) -> Iterator[VoiceStretch]:
    """The stretches with voice, in time order.

    A part that would be too long is cut at its longest late pause, and so is a stretch. Where
    `blocks` raise SourceError, it is raised after all that was heard until then.
    """
    failures: list[SourceError] = []
    parts: list[Block] = []
    for part in _find_parts(_until_failure(blocks, failures)):
        if parts and part.start - parts[-1].end > JOIN_SECONDS:
            yield VoiceStretch(part.start, tuple(parts))
            parts = []
        if len(part.samples):
            parts.append(part)
        elif not parts:
            yield VoiceStretch(part.start)
        if sum(len(part.samples) for part in parts) > LONGEST * WINDOW:
            first, parts = _split(parts)
            yield VoiceStretch(parts[0].start, tuple(first))
    if parts:
        yield VoiceStretch(parts[-1].end, tuple(parts))
    if failures:
        raise failures[0]


def _until_failure(blocks: Iterable[Block], failures: list[SourceError]) -> Iterator[Block]:
    try:
        yield from blocks
    except SourceError as error:
        failures.append(error)


def _split(parts: list[Block]) -> tuple[list[Block], list[Block]]:
    """In two at the longest pause of the second half, by time with voice."""
    ends = np.cumsum([len(part.samples) for part in parts])
    half = int(np.searchsorted(ends, ends[-1] / 2))
    cuts = range(min(half + 1, len(parts) - 1), len(parts))
    cut = max(cuts, key=lambda cut: (parts[cut].start - parts[cut - 1].end, cut))
    return parts[:cut], parts[cut:]


def _find_parts(blocks: Iterable[Block]) -> Iterator[Block]:
    """The parts with voice; one without samples says that none begins before it."""
    network = _open_network()
    finder = _Finder(network, 0.0)
    for block in blocks:
        hole = block.start - finder.end
        if hole >= FILL_SECONDS:
            yield from finder.finish()
            finder = _Finder(network, block.start)
        elif hole > 1 / RATE:
            yield from finder.take(np.zeros(round(hole * RATE), np.float32))
        yield from finder.take(block.samples)
    yield from finder.finish()


class _Finder:
    """Sound without a hole; windows are counted from the first that is still held."""

    def __init__(self, network: "InferenceSession", start: float) -> None:
        self._network = network
        self._state = [np.zeros((1, 1, 128), np.float32)] * 2
        self._before = np.zeros(CONTEXT, np.float32)
        self._origin, self._dropped = start, 0
        """When the sound begins, and how many windows of it are no longer held."""
        self._held = NOTHING
        self._chances: list[float] = []
        """Of each window that was looked at: how likely it holds a voice."""
        self._voiced: list[bool] = []
        self._reported = start

    @property
    def end(self) -> float:
        """When the next sample is due."""
        return self._time(0) + len(self._held) / RATE

    def take(self, samples: np.ndarray) -> Iterator[Block]:
        """The parts that are over with these samples."""
        self._held = np.concatenate([self._held, samples])
        for chance in self._look():
            follows = bool(self._voiced) and self._voiced[-1]
            self._chances.append(chance)
            self._voiced.append(chance >= (STILL_VOICE if follows else VOICE))
            yield from self._cut()

    def finish(self) -> Iterator[Block]:
        """The part that is open when the sound ends."""
        end = self.end
        yield from self.take(np.zeros(-len(self._held) % WINDOW, np.float32))
        if any(self._voiced):
            yield from self._give(len(self._voiced))
        yield Block(round(end, 3), NOTHING)

    def _look(self) -> list[float]:
        """How likely each whole window holds a voice that was not looked at yet."""
        first = len(self._voiced) * WINDOW
        new = self._held[first : len(self._held) // WINDOW * WINDOW]
        if not len(new):
            return []
        windows = new.reshape(-1, WINDOW)
        before = np.vstack([self._before, windows[:-1, -CONTEXT:]])
        self._before = windows[-1, -CONTEXT:].copy()
        asked = {"input": np.hstack([before, windows]), "h": self._state[0], "c": self._state[1]}
        chances, *self._state = self._network.run(None, asked)
        return [float(chance) for chance in chances]

    def _cut(self) -> Iterator[Block]:
        """The part that ends with the last window, if one does."""
        windows = len(self._voiced)
        if not any(self._voiced):
            self._drop(windows - PAD)
            if self._time(0) >= self._reported + STEP_SECONDS:
                self._reported = self._time(0)
                yield Block(round(self._reported, 3), NOTHING)
            return
        quiet = self._voiced[::-1].index(True)
        if quiet >= PAUSE:
            yield from self._give(windows - quiet + PAD)
        elif windows - self._begin() >= LONGEST:
            yield from self._give(self._best_cut())

    def _begin(self) -> int:
        """The window with which the open part begins."""
        return max(0, self._voiced.index(True) - PAD)

    def _best_cut(self) -> int:
        """In the middle of the longest pause of the second half, or where voice is least sure."""
        half = self._begin() + LONGEST // 2
        pauses: list[tuple[int, int]] = []
        for voiced, group in itertools.groupby(
            range(half, len(self._voiced)), self._voiced.__getitem__
        ):
            if not voiced:
                run = list(group)
                pauses.append((len(run), run[len(run) // 2]))
        length, middle = max(pauses, default=(0, 0))
        return middle if length >= SHORTEST_PAUSE else half + int(np.argmin(self._chances[half:]))

    def _give(self, end: int) -> Iterator[Block]:
        """The open part up to that window, if there is voice enough in it."""
        begin = self._begin()
        if sum(self._voiced[begin:end]) >= LEAST_VOICE:
            samples = self._held[begin * WINDOW : end * WINDOW].copy()
            yield Block(round(self._time(begin), 3), samples)
        self._drop(end)
        self._reported = self._time(0)
        yield Block(round(self._reported, 3), NOTHING)

    def _drop(self, windows: int) -> None:
        if windows > 0:
            self._dropped += windows
            self._held = self._held[windows * WINDOW :]
            del self._chances[:windows], self._voiced[:windows]

    def _time(self, window: int) -> float:
        return self._origin + (self._dropped + window) * WINDOW / RATE


def _open_network() -> "InferenceSession":
    """The Silero network, on one thread: an hour of sound takes it seconds."""
    from faster_whisper.utils import get_assets_path
    from faster_whisper.vad import get_vad_model

    if not Path(get_assets_path(), "silero_vad_v6.onnx").is_file():
        raise ModelError(
            "the package faster-whisper lacks its voice detector (silero_vad_v6.onnx)",
            "Install the version that Longtake is tested with:"
            f" {say_pip_install('faster-whisper==1.2.1')}",
        )
    return get_vad_model().session
