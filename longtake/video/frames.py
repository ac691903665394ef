"""Pictures of a video at given times, decoded forward through one open file.

Holds two decoded pictures and the last few that were read, whatever the length of the video or of
its groups of pictures.
"""

import io
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.records import Frame
from longtake.timecode import Span
from longtake.video.choose_frames import Slot, choose_frame
from longtake.video.container import open_container, picture_stream
from longtake.video.cuts import THUMB
from longtake.video.frame_similarity import make_look
from longtake.video.packets import follow_pictures
from longtake.video.probe import RESTART_SECONDS, Index
from longtake.video.tone_map import read_pixels
from longtake.video.watchdog import watch_opened

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image as PillowImage

JPEG_QUALITY = 85
SMALLEST_SIDE = 32
"""Pictures below this many pixels are enlarged: vision models and JPEG blocks want some."""
CLOSE_SECONDS = 0.0005
"""Times closer than this are the same: containers round them to their own ticks."""
COLOUR_SPACES, COLOUR_SPACE_UNKNOWN = {0, 1, 2, 4, 5, 6, 7, 9}, 2
"""Those of H.273 that ffmpeg can scale from; another is shown as if it were not named."""
SEEK_BACK_SECONDS = (0.0, 2.0, 10.0)
KEPT = 4
"""Pictures: chunks side by side in which nothing moves want the same ones."""
LATE_SECONDS = 0.5
"""How much older than the picture that is due a picture may be, where that one is broken."""


_Matrix = tuple[int, int, int, int]
"""a, b, c, d: a pixel at (x, y) is shown at (a·x + c·y, b·x + d·y); y goes down."""


@dataclass(frozen=True)
class Picture:
    """A picture of a chunk: its time, the time from which it is on display, pixels and look."""

    time: float
    shown: float
    pixels: np.ndarray
    look: np.ndarray

    def as_frame(self) -> Frame:
        """The picture encoded as JPEG."""
        from PIL import Image

        return _encode(Image.fromarray(self.pixels), self.time)


def scale(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with its longest side brought to `side`, never made larger."""
    share = min(1.0, side / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def shrink_frame(frame: Frame, side: int) -> Frame:
    """The frame with its longest side brought down to `side` pixels; itself where it is no more."""
    from PIL import Image

    size = scale(frame.width, frame.height, side)
    if size == (frame.width, frame.height):
        return frame
    with Image.open(io.BytesIO(frame.jpeg)) as image:
        return _encode(image.resize(size, Image.Resampling.LANCZOS), frame.time)


def _encode(image: "PillowImage", time: float) -> Frame:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return Frame(time, file.getvalue(), *image.size)


class FrameReader:
    """Gives the frames on display at given times; goes forward, and seeks where that is shorter."""

    def __init__(self, container: "InputContainer", path: Path, index: Index) -> None:
        from av.video.reformatter import VideoReformatter

        self._container, self._path = container, path
        self._index = index
        self._scaler = VideoReformatter()
        """Works out how to scale once for all pictures that are alike: half the time of thumbs."""
        self._stream = picture_stream(container, path)
        self._tick = self._stream.time_base or Fraction(1, 1)
        self._decoded = self._decode()
        self._shown: _Shown | None = None
        self._next: _Shown | None = None
        self._matrix: _Matrix | None = None
        self._kept: deque[tuple[int, Picture]] = deque(maxlen=KEPT)
        """The last pictures that were read, each with the longest side that it might have."""

    def read(self, span: Span, slots: Sequence[Slot], side: int) -> list[Picture]:
        """The best picture of each slot, in order, each once; empty where none can be decoded.

        `side` is the longest side in pixels that a picture may have.
        """
        found: list[Picture] = []
        for slot in slots:
            pictures: list[Picture] = []
            for time in slot.times:
                picture = self._recall(time, span.start, side) or self._read(time, span.start, side)
                if picture and picture.shown not in {p.shown for p in (*pictures, *found[-1:])}:
                    pictures.append(picture)
            if len(pictures) > 1:
                sharpness = [_sharpness(picture.pixels) for picture in pictures]
                found.append(pictures[choose_frame([p.look for p in pictures], sharpness)])
            found += pictures if len(pictures) == 1 else []
        return found

    def _recall(self, time: float, since: float, side: int) -> Picture | None:
        """The picture on display at `time`, where it is one of the last that were read."""
        due = self._due(time)
        for kept_side, picture in self._kept:
            same = kept_side == side and abs(picture.shown - due) < CLOSE_SECONDS
            if same and not self._is_lost(time, due):
                return replace(picture, time=round(max(picture.shown, since), 3))
        return None

    def _read(self, time: float, since: float, side: int) -> Picture | None:
        """The picture on display at `time`, from the file."""
        shown = self._picture_at(time, since)
        if shown is None:
            return None
        pixels = self._upright(shown.decoded, side)
        due = round(max(shown.time, since), 3)
        picture = Picture(due, shown.time, pixels, make_look(pixels))
        self._kept.append((side, picture))
        return picture

    def key_thumbs(self, least_seconds: float) -> "Iterator[tuple[float, np.ndarray]]":
        """Time and thumb of key frames at least so far apart; for a reader that is new.

        A picture that rests on others is left out, whatever its packet says of itself.
        """
        import av.error
        from av.video.frame import PictureType

        alone = {PictureType.NONE, PictureType.I, PictureType.SI}
        last = float("-inf")
        for packet in self._packets():
            if packet is not None:
                stamp = packet.pts if packet.pts is not None else packet.dts
                if not packet.is_keyframe or stamp is None:
                    continue
                time = float(stamp * self._tick)
                if time < last + least_seconds:
                    continue
                last, packet.pts = time, stamp
            try:
                pictures = (packet.stream if packet else self._stream).decode(packet)
            except (av.error.FFmpegError, OSError):
                continue
            for picture in pictures:
                whole = not picture.is_corrupt and picture.pict_type in alone
                if picture.pts is not None and whole:
                    time = float(picture.pts * self._tick) - self._index.start
                    yield time, self._make_thumb(picture)

    def thumbs(self, start: float, end: float) -> "Iterator[tuple[float, np.ndarray]]":
        """Time and thumb of all pictures that can be decoded between two times, both included."""
        shown = self._picture_at(start, start)
        if shown and shown.time >= start - CLOSE_SECONDS:
            yield shown.time, self._make_thumb(shown.decoded)
        while self._next and self._next.time <= end + CLOSE_SECONDS:
            self._shown, self._next = self._next, next(self._decoded, None)
            if self._shown.time >= start - CLOSE_SECONDS:
                yield self._shown.time, self._make_thumb(self._shown.decoded)

    def _make_thumb(self, decoded: "VideoFrame") -> np.ndarray:
        """The picture as grey levels, uint8 of shape (36, 64)."""
        return self._resize(decoded, *THUMB, format="gray", interpolation="AREA")

    def _upright(self, decoded: "VideoFrame", side: int) -> np.ndarray:
        """Upright, with square pixels, no longer than `side`: uint8 RGB (height, width, 3)."""
        width = decoded.width * float(self._stream.sample_aspect_ratio or 1)
        longest = max(width, decoded.height)
        scale = max(min(1.0, side / longest), SMALLEST_SIDE / longest)
        size = max(1, round(width * scale)), max(1, round(decoded.height * scale))
        pixels = read_pixels(self._resize, decoded, *size)
        # Read once: asking a picture for it ties the picture into a cycle that outlives it.
        self._matrix = self._matrix or _read_matrix(decoded)
        return np.ascontiguousarray(_turn(pixels, self._matrix))

    def _resize(self, decoded: "VideoFrame", width: int, height: int, **how: Any) -> np.ndarray:
        """The picture in another size and pixel format."""
        if decoded.colorspace not in COLOUR_SPACES:
            decoded.colorspace = COLOUR_SPACE_UNKNOWN
        return self._scaler.reformat(decoded, width, height, **how).to_ndarray()

    def _picture_at(self, time: float, since: float) -> "_Shown | None":
        """The picture on display at `time`; none where it can't be known or decoded.

        A broken one may be stood in for by one shortly before, but by none from before `since`.
        """
        due = self._due(time)
        key = _last_up_to(self._index.keys, due)
        here = self._shown.time - CLOSE_SECONDS if self._shown else 0.0
        furthest = self._next or self._shown
        reached = furthest.time if furthest else 0.0
        if due < here or (key is not None and key > reached + CLOSE_SECONDS):
            self._seek(key, due)
        while self._next is None or self._next.time <= due + CLOSE_SECONDS:
            self._shown = self._next or self._shown
            self._next = next(self._decoded, None)
            if self._next is None:
                break
        if self._is_lost(time, due):
            return None
        oldest = max(due - LATE_SECONDS, min(due, since)) - CLOSE_SECONDS
        return self._shown if self._shown and oldest <= self._shown.time else None

    def _due(self, time: float) -> float:
        """The time of the picture that is on display at `time`."""
        return _last_up_to(self._index.times, time) or 0.0

    def _is_lost(self, time: float, due: float) -> bool:
        """Whether what came after `due` and is on display at `time` could not be read."""
        hole = _last_up_to(self._index.holes, time - LATE_SECONDS)
        return hole is not None and hole > due

    def _seek(self, key: float | None, due: float) -> None:
        """Go to the key frame at `key`; some containers land late, so try from further back.

        Where nothing else works, or no key frame is known: back to the first byte.
        """
        if key is not None:
            for back in SEEK_BACK_SECONDS:
                ticks = round(self._index.file_time(key - back) / self._tick)
                if self._land(ticks, due, stream=self._stream):
                    return
        if not self._land(0, due, unsupported_byte_offset=True):
            self._land(round(self._index.start / self._tick), due, stream=self._stream)

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

    def _decode(self) -> "Iterator[_Shown]":
        """Whole pictures with their times; broken ones and broken packets are passed over.

        Pictures come in the order of display. Where their times don't (AVI knows only the order of
        decoding), the one before is right.
        """
        import av.error

        count, last = 0, float("-inf")
        for packet in self._packets():
            try:
                pictures = (packet.stream if packet else self._stream).decode(packet)
            except (av.error.FFmpegError, OSError):
                continue
            for picture in pictures:
                pts, counted = picture.pts, count * self._index.step
                time = counted if pts is None else float(pts * self._tick)
                if time < last - RESTART_SECONDS:
                    return
                count, last = count + 1, max(last, time)
                if not picture.is_corrupt:
                    yield _Shown(last - self._index.start, picture)

    def _packets(self) -> "Iterator[Packet[VideoStream] | None]":
        """What is left of the stream, up to where it breaks; None at last: the decoder's rest."""
        import av.error

        with suppress(av.error.FFmpegError, OSError):
            yield from follow_pictures(
                self._container, self._stream, self._path, self._index.pieces
            )
        yield None


@dataclass(frozen=True)
class _Shown:
    """A decoded picture and when it is due, in seconds of the video."""

    time: float
    decoded: "VideoFrame"


@contextmanager
def open_frames(path: Path, index: Index) -> Iterator[FrameReader]:
    """A reader over the file, closed at the end; SourceError where decoding stands still."""
    with watch_opened(path, lambda: _open_reader(path, index)) as reader:
        yield reader


@contextmanager
def _open_reader(path: Path, index: Index) -> Iterator[FrameReader]:
    with open_container(path) as container:
        yield FrameReader(container, path, index)


def _sharpness(pixels: np.ndarray) -> float:
    import cv2

    return float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _read_matrix(decoded: "VideoFrame") -> _Matrix:
    """How the file says that its pictures are to be shown; as they are, where it says nothing."""
    matrix: Any = decoded.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = (int(number) for number in np.frombuffer(matrix, np.int32))
    return a, b, c, d


def _turn(pixels: np.ndarray, matrix: _Matrix) -> np.ndarray:
    """The pixels turned by quarters and mirrored as the display matrix says."""
    a, b, c, d = matrix
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _last_up_to(times: np.ndarray, time: float) -> float | None:
    """The last of sorted `times` that is not later than `time`."""
    place = int(np.searchsorted(times, time + CLOSE_SECONDS, side="right"))
    return float(times[place - 1]) if place else None
