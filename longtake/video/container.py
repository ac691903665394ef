"""The one door to PyAV (ffmpeg's libraries): nothing of theirs leaves this folder unmapped."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from longtake.errors import SourceError
from longtake.timecode import parse_time
from longtake.video.decoding_room import MOST_PIXELS, make_room
from longtake.video.watchdog import find_pulse

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

MOST_ALLOCATION = 1 << 28
"""Bytes that FFmpeg may ask for at once. A header of 30 bytes can say that there are 2^32 packets;
this is an index of 11 million, two days at 60 a second."""
FAULTS = (ValueError, IndexError, TypeError, OverflowError, MemoryError)
"""What PyAV may raise of a broken file beside FFmpeg's own errors."""

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
    "max_pixels": str(MOST_PIXELS),  # of what is decoded to find out what the streams are
}


@contextmanager
def open_container(
    path: Path, first_byte: int = 0, hwaccel: "HWAccel | None" = None
) -> Iterator["InputContainer"]:
    """The opened file, or what is in it from a byte on; SourceError for all that PyAV may raise.

    FFmpeg is given the bytes alone and may open nothing itself: neither the file's name nor what
    it holds (a playlist, a script of concat) leads it to other files or to the network.
    """
    import av.logging

    # Not PANIC: even there PyAV's own logging takes Python's lock, from a thread of a decoder that
    # is being freed by one who holds it, and both wait for ever.
    av.logging.set_level(None)
    _bound_allocations()
    with (
        mapped_errors(path),
        path.open("rb") as named,
        open(named.fileno(), "rb", closefd=False) as file,
        _open(_Rest(file, first_byte) if first_byte else file, path, hwaccel) as container,
    ):
        yield container


def _open(file: Any, path: Path, hwaccel: "HWAccel | None") -> "InputContainer":
    import av

    with mapped_faults(path):
        opened: InputContainer = av.open(
            file, "r", options=dict(OPTIONS), metadata_errors="replace", hwaccel=hwaccel
        )
        return opened


@cache
def _bound_allocations() -> None:
    """Have FFmpeg refuse what one broken header would have it reserve."""
    import av._core

    with suppress(AttributeError, OSError):  # a build whose libraries can't be asked
        limit = ctypes.CDLL(av._core.__file__).av_max_alloc
        limit.argtypes, limit.restype = [ctypes.c_size_t], None
        limit(MOST_ALLOCATION)


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
    from av.error import FFmpegError

    pulse = find_pulse()
    packets = container.demux(*streams)
    while True:
        try:
            packet = next(packets, None)
        except IndexError:  # PyAV 18 stumbles over streams that began later; others are through
            return
        except FAULTS as error:
            if isinstance(error, FFmpegError):
                raise
            raise SourceError("its packets can't be read", "It is broken, it seems.") from error
        if packet is None:
            return
        pulse.beat(packet)
        yield packet


def list_faults() -> tuple[type[Exception], ...]:
    """What a call of PyAV may raise of a broken file, as `except` takes it."""
    import av.error

    return av.error.FFmpegError, OSError, *FAULTS


@contextmanager
def mapped_faults(path: Path) -> Iterator[None]:
    """Turn what else PyAV raises of a broken file into SourceError; for calls of PyAV alone."""
    import av.error

    try:
        yield
    except av.error.FFmpegError:
        raise
    except FAULTS as error:
        raise SourceError(
            f"{path} can't be read as a video: {type(error).__name__}", "It is broken, it seems."
        ) from error


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Turn what FFmpeg raises, and the file system, into SourceError."""
    import av.error

    try:
        yield
    except av.error.MemoryError as error:
        raise SourceError(
            f"{path} can't be read: it asks for more memory than {MOST_ALLOCATION >> 20} MiB at"
            " once",
            "It is broken, it seems; convert it to H.264 first.",
        ) from error
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
    make_room(stream, path)
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
