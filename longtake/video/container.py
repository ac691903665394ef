"""The one door to PyAV (ffmpeg's libraries): nothing of theirs leaves this folder unmapped."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from longtake.errors import SourceError
from longtake.timecode import parse_time
from longtake.video.watchdog import find_pulse

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

MOST_PIXELS = 1 << 27
"""In one picture, a little more than 16K: a header that says more would fill the memory."""

LOCKED_ENTRIES = (b"encv", b"drmi")
"""What an MP4 calls pictures that only a player with the key may show: common encryption, Apple."""
MOST_HEADER_BYTES = 1 << 20

STILL_CODECS = {"mjpeg", "png", "bmp", "tiff", "webp", "jpeg2000", "jpegxl", "gif"}
"""Those of pictures that stand alone; beside a film, such a stream is its cover or its slides."""
SHORT_SHARE = 0.5
"""A stream that lasts less than this share of the longest of its kind is not the film."""
OPTIONS = {
    "protocol_whitelist": "none",
    "merge_pmt_versions": "1",  # a broadcast that moves its streams goes on in the same ones
}


@contextmanager
def open_container(
    path: Path, first_byte: int = 0, hwaccel: "HWAccel | None" = None
) -> Iterator["InputContainer"]:
    """The opened file, or what is in it from a byte on; SourceError for all that PyAV may raise.

    FFmpeg is given the bytes alone and may open nothing itself: neither the file's name nor what
    it holds (a playlist, a script of concat) leads it to other files or to the network.
    """
    import av
    import av.logging

    # Not PANIC: even there PyAV's own logging takes Python's lock, from a thread of a decoder that
    # is being freed by one who holds it, and both wait for ever.
    av.logging.set_level(None)
    with (
        mapped_errors(path),
        path.open("rb") as named,
        open(named.fileno(), "rb", closefd=False) as file,
        av.open(
            _Rest(file, first_byte) if first_byte else file,
            "r",
            options=dict(OPTIONS),
            metadata_errors="replace",
            hwaccel=hwaccel,
        ) as container,
    ):
        yield container


class _Rest:
    """A file that begins at a byte of another."""

    def __init__(self, file: IO[bytes], first: int) -> None:
        self._file, self._first = file, first
        self.read = file.read
        self.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        there = offset + self._first if whence == os.SEEK_SET else offset
        return self._file.seek(there, whence) - self._first

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell() - self._first


def demux(container: "InputContainer", *streams: "Stream") -> Iterator["Packet[Any]"]:
    """Its packets, of these streams or of all; at the end an empty one of each, for its decoder."""
    pulse = find_pulse()
    try:
        for packet in container.demux(*streams):
            pulse.beat(packet)
            yield packet
    except IndexError:  # PyAV 18 stumbles over streams that began later; all others are through
        return


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Turn what PyAV raises into SourceError."""
    import av.error

    try:
        yield
    except av.error.FFmpegError as error:
        raise SourceError(
            f"{path} can't be read as a video: {error.strerror or error}",
            "A download may have broken off, or it is no video, only a list of other files.",
        ) from error
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror}", "Check its permissions and the disk."
        ) from error


def picture_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """The stream of moving pictures that is the film (see `film_streams`), ready to decode."""
    films = film_streams(container)
    if not films:
        kinds = sorted({str(stream.type) for stream in container.streams}) or ["nothing"]
        raise SourceError(
            f"{path} has no moving pictures (it holds: {', '.join(kinds)})",
            "Longtake needs a file with a video stream.",
        )
    stream = films[0]
    if stream.codec_context is None:
        if _names_locked_pictures(path):
            raise encrypted(path)
        raise SourceError(
            f"{path} has pictures in a format that this build can't decode",
            "Convert it to H.264 first.",
        )
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def film_streams(container: "InputContainer") -> "list[VideoStream]":
    """Its streams of pictures, cover art left out, the film first.

    That is one which can be decoded and is no single picture; of those about as long as the longest
    the one that the file calls its default; else the largest, else the first.
    """
    from av.stream import Disposition

    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    longest = max(map(stream_seconds, found), default=0.0)

    def rank(stream: "VideoStream") -> tuple[bool, bool, bool, bool, int, int]:
        context = stream.codec_context
        still = context is not None and context.codec.canonical_name in STILL_CODECS
        return (
            context is None,
            still or stream.frames == 1,
            0 < stream_seconds(stream) < SHORT_SHARE * longest,
            not stream.disposition & Disposition.default,
            -(context.width * context.height if context else 0),
            stream.index,
        )

    return sorted(found, key=rank)


def stream_seconds(stream: "Stream") -> float:
    """How long it lasts, as the file says or ffmpeg estimates; 0 where neither knows."""
    return tagged_end(stream) or float((stream.duration or 0) * (stream.time_base or 0))


def tagged_end(stream: "Stream") -> float:
    """When Matroska says that it ends, which ffmpeg does not read; 0 where nothing says so."""
    try:
        return parse_time(stream.metadata.get("DURATION", "0"))
    except ValueError:
        return 0.0


def encrypted(path: Path) -> SourceError:
    """The error of a file whose pictures are locked, whatever their codec."""
    return SourceError(
        f"{path} is encrypted (DRM): its pictures can't be read without the key",
        "No conversion helps; use a copy that is not protected.",
    )


def _names_locked_pictures(path: Path) -> bool:
    """Whether the header of an MP4 says so where FFmpeg is not told which codec lies below."""
    with suppress(OSError), path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind == b"moov":
                header = file.read(MOST_HEADER_BYTES)
                return any(entry in header for entry in LOCKED_ENTRIES)
            if size == 1:  # a long box: its size follows
                size = int.from_bytes(file.read(8), "big") - 8
            if size < 8:
                return False
            file.seek(size - 8, 1)
    return False
