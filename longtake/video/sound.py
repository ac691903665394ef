"""The sound of a video as a stream of mono samples, in time with its pictures.

Knows nothing of speech. The file's own times are kept: what starts late starts late, and a hole in
the sound is a hole between two blocks, never sound that comes too early.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.errors import SourceError
from longtake.timecode import format_time
from longtake.video.container import (
    SHORT_SHARE,
    list_faults,
    mapped_errors,
    open_container,
    stream_seconds,
)
from longtake.video.packets import follow
from longtake.video.pieces import ClockPiece, CommonClock
from longtake.video.watchdog import watch_steps

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.layout import AudioLayout
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

RATE = 16_000
"""Samples a second of every block, as speech models take them."""
BLOCK_SECONDS = 1.0
JITTER_SECONDS = 0.02
"""Times that are off by less are rounded ones, and the sound runs on."""
RESTART_SECONDS = 1.0
"""Times that go back this far start anew: when that sound is due can't be told."""
LOST_SECONDS = 1.0
"""So much sound that is lost, all in all, is worth telling."""


CENTRE_SHARES = {"FC": 1.0, "FL": 0.3, "FR": 0.3, "LFE": 0.0}
AROUND_SHARE = 0.1
"""Of a channel behind or above the listener."""


@dataclass(frozen=True)
class Block:
    """Samples from -1 to 1, float32, shape (samples,), RATE a second; `start` in seconds."""

    start: float
    samples: np.ndarray = field(repr=False)

    @property
    def end(self) -> float:
        """When the next sample is due."""
        return self.start + len(self.samples) / RATE


def has_sound(path: Path) -> bool:
    """Whether the file says that it has sound; SourceError where it can't be opened."""
    with open_container(path) as container:
        return bool(container.streams.audio)


def read_sound(path: Path, start: float, pieces: Sequence[ClockPiece] = ()) -> Iterator[Block]:
    """The sound from the first picture on, which is at the file's own time `start`, in time order.

    Where the file's clock jumps, it follows the pictures' `pieces`. Blocks never overlap. What
    can't be decoded is passed over; after all that could be read, SourceError says what is missing,
    also where there is no sound at all.
    """
    yield from watch_steps(path, _read_sound(path, start, pieces))


def _read_sound(path: Path, start: float, pieces: Sequence[ClockPiece]) -> Iterator[Block]:
    with open_container(path) as container:
        stream = choose_sound(container)
        reader = _Reader(start)
        failure: SourceError | None = None
        try:
            with mapped_errors(path):
                for packet in follow_sound(container, stream, path, pieces):
                    yield from _decode(packet, reader)
        except SourceError as error:
            failure = error
        yield from reader.finish()
    _say_missing(reader, failure)


def follow_sound(
    container: "InputContainer", stream: "AudioStream", path: Path, pieces: Sequence[ClockPiece]
) -> "Iterator[Packet[Any]]":
    """The packets of the sound on one clock, through all that the file is made of."""
    clock = CommonClock(pieces)
    for packet in follow(container, stream, path, pieces, lambda rest, _: choose_sound(rest)):
        clock.move_sound(packet)
        yield packet


def _say_missing(reader: "_Reader", failure: SourceError | None) -> None:
    """SourceError for sound that could not be read, saying how much and where."""
    if failure and reader.heard:
        raise SourceError(
            f"the sound breaks off at {format_time(reader.clock)}", failure.hint
        ) from failure
    if failure or (reader.lost and not reader.heard):
        raise SourceError(
            "the sound can't be decoded", "Convert it to AAC first; if that fails, it is broken."
        ) from failure
    if not reader.heard:
        raise SourceError("the sound of the file is empty")
    if reader.lost >= LOST_SECONDS:
        raise SourceError(
            f"{reader.lost:.0f} s of the sound can't be decoded, the first of them at"
            f" {format_time(reader.first_lost)}",
            "A download may have broken off; fetch the file anew.",
        )


def choose_sound(container: "InputContainer") -> "AudioStream":
    """What most viewers hear: no comments, no description of the pictures, the default first.

    A stream that lasts less than half as long as the longest is not it.
    """
    from av.stream import Disposition

    streams = container.streams.audio
    if not streams:
        raise SourceError("the file has no sound")
    readable = [stream for stream in streams if stream.codec_context is not None]
    if not readable:
        raise SourceError(
            "the sound is in a format that this build can't decode", "Convert it to AAC first."
        )
    aside = Disposition.comment | Disposition.visual_impaired
    aside |= Disposition.clean_effects | Disposition.karaoke | Disposition.dub
    longest = max(stream_seconds(stream) for stream in readable)
    return min(
        readable,
        key=lambda stream: (
            bool(stream.disposition & aside),
            0 < stream_seconds(stream) < SHORT_SHARE * longest,
            not stream.disposition & Disposition.default,
            stream.index,
        ),
    )


def _decode(packet: "Packet[AudioStream]", reader: "_Reader") -> Iterator[Block]:
    """The blocks that are whole with this packet; one that can't be decoded is counted."""
    try:
        for frame in packet.decode():
            yield from reader.take(frame)
    except list_faults():  # broken, or of channels that can't be mixed
        reader.lose(packet)


class _Reader:
    """Puts frames to one rate, one channel and the video's time."""

    def __init__(self, start: float) -> None:
        self.clock = 0.0
        """Where the next block can begin: nothing before it is yielded any more."""
        self.heard = False
        self.lost = 0.0
        self.first_lost = 0.0
        self._start = start
        self._form: tuple[str, str, int] | None = None
        self._due = 0.0
        """When the next frame begins, if it follows without a hole."""
        self._resampler: AudioResampler | None = None
        self._shares = np.ones(1, np.float32)
        self._pieces: list[np.ndarray] = []
        self._begin = 0.0
        """When these samples begin."""

    def take(self, frame: "AudioFrame") -> Iterator[Block]:
        """The blocks that are whole with this frame."""
        import av

        if not (frame.samples and frame.sample_rate):
            return
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        time = self._due
        if frame.pts is not None and frame.time_base:
            time = float(frame.pts * frame.time_base) - self._start
        if form != self._form or abs(time - self._due) > JITTER_SECONDS:
            yield from self.finish()
            self._form, self._shares = form, _share_out(frame.layout)
            self._begin = self._due = time
            # Not planar: PyAV 18 crashes when it gives eight planes to numpy.
            self._resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=RATE)
        self._due += frame.samples / frame.sample_rate
        self._resample(frame)
        if sum(map(len, self._pieces)) >= BLOCK_SECONDS * RATE:
            yield from self._flush()

    def lose(self, packet: "Packet[AudioStream]") -> None:
        """Count what could not be decoded; what follows begins anew."""
        self._form = self._resampler = None
        base = packet.time_base
        if base and packet.pts is not None:
            time = float(packet.pts * base) - self._start
            self._note_lost(time, float((packet.duration or 0) * base))

    def finish(self) -> Iterator[Block]:
        """What is left of sound that goes no further without a hole."""
        if self._resampler:
            self._resample(None)
        yield from self._flush()
        self._resampler = None

    def _resample(self, frame: "AudioFrame | None") -> None:
        assert self._resampler
        if frame:
            frame.pts = None  # times are kept here
        for ready in self._resampler.resample(frame):
            samples = ready.to_ndarray().reshape(-1, len(self._shares))
            # A file may hold what is no number, or louder than 1.
            cleaned = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)
            self._pieces.append(cleaned @ self._shares)

    def _flush(self) -> Iterator[Block]:
        """The samples that are due; those before the clock have come too late, or before 0."""
        samples = np.concatenate([*self._pieces, np.empty(0, np.float32)])
        self._pieces.clear()
        begin = self._begin
        self._begin += len(samples) / RATE
        late = min(len(samples), max(0, round((self.clock - begin) * RATE)))
        if self.heard and self.clock - begin > RESTART_SECONDS:
            self._note_lost(self.clock, late / RATE)
        if late < len(samples):
            self.heard = True
            block = Block(max(begin + late / RATE, self.clock), samples[late:])
            self.clock = block.end
            yield block

    def _note_lost(self, time: float, seconds: float) -> None:
        if not self.lost:
            self.first_lost = max(0.0, time)
        self.lost += seconds


def _share_out(layout: "AudioLayout") -> np.ndarray:
    """The share of each channel in the whole, float32; where one is the centre, it has most.

    In films people speak from the centre, and a mix by FFmpeg leaves a fifth of it in eight
    channels, or is too loud for samples of at most 1.
    """
    names = [channel.name for channel in layout.channels]
    shares = [1.0] * layout.nb_channels
    if "FC" in names:
        shares = [CENTRE_SHARES.get(name, AROUND_SHARE) for name in names]
    return np.array(shares, np.float32) / np.float32(sum(shares))
