"""Shows a model frames of the library's videos, as a second look asks for them."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from longtake.closeable import Closeable
from longtake.errors import LongtakeError
from longtake.files import hash_file
from longtake.inference.engine import Request
from longtake.library.index import LibraryVideo
from longtake.library.look import Sight
from longtake.links import cache
from longtake.links.addresses import is_link
from longtake.records import Frame
from longtake.timecode import Span, format_time
from longtake.video.choose_frames import Slot
from longtake.video.frames import FrameReader, Picture, open_frames, scale
from longtake.video.probe import Index, probe


class VideoEyes(Closeable):
    """Reads frames of the files that videos of the library came from; to be closed at the end.

    A file is opened once; one that is not the same any more is as good as gone.
    """

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._known: dict[int, tuple[float, Index, Path] | None] = {}
        self._readers: dict[int, FrameReader] = {}

    def find_length(self, video: LibraryVideo) -> float:
        """Seconds of video that can be read; 0 where the file is not here any more."""
        if video.id not in self._known:
            self._known[video.id] = _find(video)
        found = self._known[video.id]
        return found[0] if found else 0.0

    def show(self, sight: Sight, request: Request) -> Request:
        """The request with the frames before its words, each after its number and time."""
        shown: list[str | Frame] = []
        for number, frame in enumerate(self._read(sight), 1):
            if frame:
                shown += [f"Frame {number} at {format_time(frame.time)}:", frame]
        return replace(request, parts=(*shown, *request.parts))

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def _read(self, sight: Sight) -> Sequence[Frame | None]:
        """The frame on display at each time; None where none can be decoded."""
        reader, index = self._open(sight.video)
        side = max(index.size) if sight.box else sight.side
        frames: list[Frame | None] = []
        for time in sight.times:
            span = Span(max(0.0, time - 1), time)
            found = reader.read(span, [Slot((time,))], side)
            frames.append(_cut(found[0], sight) if found else None)
        return frames

    def _open(self, video: LibraryVideo) -> tuple[FrameReader, Index]:
        known = self._known[video.id]
        assert known, "only what has a length is looked at"
        _, index, path = known
        if video.id not in self._readers:
            self._readers[video.id] = self._opened.enter_context(open_frames(path, index))
        return self._readers[video.id], index


def _find(video: LibraryVideo) -> tuple[float, Index, Path] | None:
    """Length, index and path of its file, if that is here and the same."""
    path = Path(video.source)
    if is_link(video.source):
        kept = cache.find(video.source)
        if not kept:
            return None
        path = kept.path
    try:
        if not path.is_file() or hash_file(path) != video.sha256:
            return None
        found, index = probe(path, video.sha256)
    except (OSError, LongtakeError):
        return None
    return found.readable, index, path


def _cut(picture: Picture, sight: Sight) -> Frame:
    """The picture as a frame: the part of it that is wanted, in the size that is wanted."""
    if not sight.box:
        return picture.as_frame()
    from PIL import Image

    height, width = picture.pixels.shape[:2]
    left, top, right, bottom = sight.box
    part = picture.pixels[
        top * height // 1000 : max(top * height // 1000 + 1, bottom * height // 1000),
        left * width // 1000 : max(left * width // 1000 + 1, right * width // 1000),
    ]
    image = Image.fromarray(part)
    larger = max(1.0, sight.side / 2 / max(image.size))
    size = scale(round(image.width * larger), round(image.height * larger), sight.side)
    import numpy as np

    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
    return replace(picture, pixels=pixels).as_frame()
