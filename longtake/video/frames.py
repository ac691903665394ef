"""Pictures of a video at given times, decoded forward through one open file.

Holds at most two decoded pictures, whatever the length of the video or of its groups of pictures.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.records import Frame
from longtake.timecode import Span
from longtake.video.container import open_container, picture_stream
from longtake.video.probe import RESTART_SECONDS, Index

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

JPEG_QUALITY = 85
SMALLEST_SIDE = 32
"""Pictures below this many pixels are enlarged: vision models and JPEG blocks want some."""
CLOSE_SECONDS = 0.0005
"""Times closer than this are the same: containers round them to their own ticks."""
SEEK_BACK_SECONDS = (0.0, 2.0, 10.0)
LATE_SECONDS = 0.5
"""How much older than the picture that is due a picture may be, where that one is broken."""


_Matrix = tuple[int, int, int, int]
"""a, b, c, d: a pixel at (x, y) is shown at (a·x + c·y, b·x + d·y); y goes down."""


class FrameReader:
    """Gives the frames on display at given times; goes forward, and seeks where that is shorter."""

    def __init__(self, container: "InputContainer", path: Path, index: Index) -> None:
        self._container = container
        self._index = index
        self._stream = picture_stream(container, path)
        self._tick = self._stream.time_base or Fraction(1, 1)
        self._decoded = self._decode()
        self._shown: _Picture | None = None
        self._next: _Picture | None = None
        self._matrix: _Matrix | None = None

    def read(self, span: Span, times: Sequence[float], side: int) -> list[Frame]:
        """Frames on display at `times`, in order, each once; empty where none can be decoded.

        `side` is the longest side in pixels that a frame may have.
        """
        frames: list[Frame] = []
        last: float | None = None
        for time in times:
            picture = self._picture_at(time, span.start)
            if picture and picture.time != last:
                last = picture.time
                frames.append(self._encode(picture, max(last, span.start), side))
        return frames

    def _encode(self, picture: "_Picture", time: float, side: int) -> Frame:
        """As JPEG, upright, with square pixels, no longer than `side`."""
        from PIL import Image

        decoded = picture.decoded
        width = decoded.width * float(self._stream.sample_aspect_ratio or 1)
        longest = max(width, decoded.height)
        scale = max(min(1.0, side / longest), SMALLEST_SIDE / longest)
        size = max(1, round(width * scale)), max(1, round(decoded.height * scale))
        pixels = decoded.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
        # Read once: asking a picture for it ties the picture into a cycle that outlives it.
        self._matrix = self._matrix or _read_matrix(decoded)
        upright = _turn(pixels, self._matrix)
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(upright)).save(file, "JPEG", quality=JPEG_QUALITY)
        return Frame(round(time, 3), file.getvalue(), upright.shape[1], upright.shape[0])

    def _picture_at(self, time: float, since: float) -> "_Picture | None":
        """The picture on display at `time`; none where it can't be known or decoded.

        A broken one may be stood in for by one shortly before, but by none from before `since`.
        """
        due = _last_up_to(self._index.times, time) or 0.0
        key = _last_up_to(self._index.keys, due)
        if due < self._here() or (key is not None and key > self._reached() + CLOSE_SECONDS):
            self._seek(key, due)
        self._forward(due)
        hole = _last_up_to(self._index.holes, time - LATE_SECONDS)
        if hole is not None and hole > due:
            return None
        oldest = max(due - LATE_SECONDS, min(due, since)) - CLOSE_SECONDS
        return self._shown if self._shown and oldest <= self._shown.time else None

    def _here(self) -> float:
        return self._shown.time - CLOSE_SECONDS if self._shown else 0.0

    def _reached(self) -> float:
        """How far decoding has come."""
        furthest = self._next or self._shown
        return furthest.time if furthest else 0.0

    def _forward(self, due: float) -> None:
        """Decode until the next picture is later than `due`."""
        while self._next is None or self._next.time <= due + CLOSE_SECONDS:
            self._shown = self._next or self._shown
            self._next = next(self._decoded, None)
            if self._next is None:
                break

    def _seek(self, key: float | None, due: float) -> None:
        """Go to the key frame at `key`; some containers land late, so try from further back.

        Where nothing else works, or no key frame is known: back to the first byte.
        """
        if key is not None:
            for back in SEEK_BACK_SECONDS:
                ticks = round((key - back + self._index.start) / self._tick)
                if self._land(ticks, due, stream=self._stream):
                    return
        self._land(0, due, unsupported_byte_offset=True)

    def _land(self, offset: int, due: float, **how: Any) -> bool:
        """Seek there; whether decoding now starts in time for the picture that is due."""
        import av.error

        try:
            self._container.seek(offset, **how)
        except (av.error.FFmpegError, OSError):
            return False
        self._decoded = self._decode()
        self._shown, self._next = None, next(self._decoded, None)
        return self._next is not None and self._next.time <= due + CLOSE_SECONDS

    def _decode(self) -> "Iterator[_Picture]":
        """Whole pictures with their times; broken ones and broken packets are passed over.

        Pictures come in the order of display. Where their times don't (AVI knows only the order of
        decoding), the one before is right.
        """
        import av.error

        count, last = 0, float("-inf")
        for packet in self._packets():
            try:
                pictures = self._stream.decode(packet)
            except (av.error.FFmpegError, OSError):
                continue
            for picture in pictures:
                pts, counted = picture.pts, count * self._index.step
                time = counted if pts is None else float(pts * self._tick)
                if time < last - RESTART_SECONDS:
                    return
                count, last = count + 1, max(last, time)
                if not picture.is_corrupt:
                    yield _Picture(last - self._index.start, picture)

    def _packets(self) -> "Iterator[Packet[VideoStream] | None]":
        """What is left of the stream, up to where it breaks; None at last: the decoder's rest."""
        import av.error

        with suppress(av.error.FFmpegError, OSError):
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        yield None


@dataclass(frozen=True)
class _Picture:
    """A decoded picture and when it is due, in seconds of the video."""

    time: float
    decoded: "VideoFrame"


@contextmanager
def open_frames(path: Path, index: Index) -> Iterator[FrameReader]:
    """A reader over the file, closed at the end."""
    with open_container(path) as container:
        yield FrameReader(container, path, index)


def _read_matrix(decoded: "VideoFrame") -> _Matrix:
    """How the file says that its pictures are to be shown; as they are, where it says nothing."""
    matrix: Any = decoded.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = (int(number) for number in np.frombuffer(matrix, np.int32))
    return a, b, c, d


def _turn(pixels: np.ndarray, matrix: _Matrix) -> np.ndarray:
    """The pixels turned and mirrored in quarters."""
    a, b, c, d = matrix
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _last_up_to(times: np.ndarray, time: float) -> float | None:
    """The last of sorted `times` that is not later than `time`."""
    place = int(np.searchsorted(times, time + CLOSE_SECONDS, side="right"))
    return float(times[place - 1]) if place else None
