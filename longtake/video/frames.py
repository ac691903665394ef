"""Pictures of a video at given times, upright and in the size that is wanted.

Holds the last few that were read, whatever the length of the video.
"""

import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.errors import SourceError
from longtake.records import Frame
from longtake.timecode import Span
from longtake.video.choose_frames import Slot, choose_frame
from longtake.video.decode import CLOSE_SECONDS, Decoder
from longtake.video.frame_similarity import make_look
from longtake.video.hwaccel import open_accelerated
from longtake.video.probe import Index
from longtake.video.thumbs import THUMB, THUMB_FORMAT
from longtake.video.tone_map import read_pixels
from longtake.video.watchdog import watch_opened

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from PIL.Image import Image as PillowImage

JPEG_QUALITY = 85
SMALLEST_SIDE = 32
"""Pictures below this many pixels are enlarged: vision models and JPEG blocks want some."""
COLOUR_SPACES, COLOUR_SPACE_UNKNOWN = {0, 1, 2, 4, 5, 6, 7, 9}, 2
"""Those of H.273 that ffmpeg can scale from; another is shown as if it were not named."""
MOST_SIDE = 8192
"""Of a picture that is read, in pixels, whatever was asked for: it lies there three times over."""
KEPT = 4
"""Pictures: chunks side by side in which nothing moves want the same ones."""

_Matrix = tuple[int, int, int, int]
"""a, b, c, d: a pixel at (x, y) is shown at (a·x + c·y, b·x + d·y); y goes down."""


@dataclass(frozen=True)
class Picture:
    """A picture of a chunk: its time, the time from which it is on display, pixels and look.

    `again` as in `Frame`.
    """

    time: float
    shown: float
    pixels: np.ndarray
    look: np.ndarray
    again: float = 0.0

    def as_frame(self) -> Frame:
        """The picture encoded as JPEG."""
        from PIL import Image

        return _encode(Image.fromarray(self.pixels), self.time, self.again)


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
        return _encode(image.resize(size, Image.Resampling.LANCZOS), frame.time, frame.again)


def _encode(image: "PillowImage", time: float, again: float) -> Frame:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return Frame(time, file.getvalue(), *image.size, again)


class FrameReader:
    """Gives the frames on display at given times; goes forward, and seeks where that is shorter."""

    def __init__(self, container: "InputContainer", path: Path, index: Index) -> None:
        from av.video.reformatter import VideoReformatter

        self.decoder = Decoder(container, path, index)
        self._check_file = index.check_file
        self._scaler = VideoReformatter()
        """Works out how to scale once for all pictures that are alike: half the time of thumbs."""
        self._matrix: _Matrix | None = None
        self._kept: deque[tuple[int, Picture]] = deque(maxlen=KEPT)
        """The last pictures that were read, each with the longest side that it might have."""

    def read(self, span: Span, slots: Sequence[Slot], side: int) -> list[Picture]:
        """The best picture of each slot, in order, each once; empty where none can be decoded.

        `side` is the longest side in pixels that a picture may have.
        """
        found: list[Picture] = []
        side = min(side, MOST_SIDE)
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
        due = self.decoder.due(time)
        for kept_side, picture in self._kept:
            same = kept_side == side and abs(picture.shown - due) < CLOSE_SECONDS
            if same and not self.decoder.is_lost(time, due):
                return replace(picture, time=round(max(picture.shown, since), 3))
        return None

    def _read(self, time: float, since: float, side: int) -> Picture | None:
        """The picture on display at `time`, from the file."""
        shown = self.decoder.at(time, since)
        self._check_file()
        if shown is None:
            return None
        pixels = self._upright(shown.decoded, side)
        due = round(max(shown.time, since), 3)
        picture = Picture(due, shown.time, pixels, make_look(pixels))
        self._kept.append((side, picture))
        return picture

    def expect(self, times: Iterable[float]) -> None:
        """Say which times will be asked for, in their order: see `Decoder.expect`."""
        self.decoder.expect(times)

    def key_thumbs(self, least_seconds: float) -> Iterator[tuple[float, np.ndarray]]:
        """Time and thumb of key frames at least so far apart; for a reader that is new."""
        for shown in self.decoder.keys(least_seconds):
            self._check_file()
            yield shown.time, self._make_thumb(shown.decoded)
        self._check_file()

    def thumbs(self, start: float, end: float) -> Iterator[tuple[float, np.ndarray]]:
        """Time and thumb of all pictures that can be decoded between two times, both included."""
        for shown in self.decoder.between(start, end):
            self._check_file()
            yield shown.time, self._make_thumb(shown.decoded)
        self._check_file()

    def _make_thumb(self, decoded: "VideoFrame") -> np.ndarray:
        """The picture as a thumb, uint8 of shape (54, 64)."""
        return self._resize(decoded, *THUMB, format=THUMB_FORMAT, interpolation="AREA")

    def _upright(self, decoded: "VideoFrame", side: int) -> np.ndarray:
        """Upright, with square pixels, no longer than `side`: uint8 RGB (height, width, 3)."""
        width = decoded.width * float(self.decoder.stream.sample_aspect_ratio or 1)
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


@contextmanager
def open_frames(path: Path, index: Index, hwaccel: str = "off") -> Iterator[FrameReader]:
    """A reader over the file, closed at the end; SourceError where decoding stands still.

    FileChanged where it is another one by now. `hwaccel` as in `open_accelerated`.
    """
    try:
        with watch_opened(path, lambda: _open_reader(path, index, hwaccel)) as reader:
            yield reader
    except SourceError:
        index.check_file()
        raise


@contextmanager
def _open_reader(path: Path, index: Index, hwaccel: str) -> Iterator[FrameReader]:
    with open_accelerated(path, hwaccel) as container:
        yield FrameReader(container, path, index)


def _sharpness(pixels: np.ndarray) -> float:
    import cv2

    edges = cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_16S)
    _, spread = cv2.meanStdDev(edges)  # numpy's `var` takes three times as long
    return float(spread[0, 0]) ** 2


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
