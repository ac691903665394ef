"""The one door to PyAV (ffmpeg's libraries): nothing of theirs leaves this folder unmapped."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import SourceError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.stream import VideoStream

MOST_PIXELS = 1 << 27
"""In one picture, a little more than 16K: a header that says more would fill the memory."""

LOCKED_ENTRIES = (b"encv", b"drmi")
"""What an MP4 calls pictures that only a player with the key may show: common encryption, Apple."""
MOST_HEADER_BYTES = 1 << 20


@contextmanager
def open_container(path: Path, hwaccel: "HWAccel | None" = None) -> Iterator["InputContainer"]:
    """The opened file; SourceError for all that PyAV may raise about it.

    FFmpeg is given the bytes alone and may open nothing itself: neither the file's name nor what
    it holds (a playlist, a script of concat) leads it to other files or to the network.
    """
    import av
    import av.logging

    # Not PANIC: even there PyAV's own logging takes Python's lock, from a thread of a decoder that
    # is being freed by one who holds it, and both wait for ever.
    av.logging.set_level(None)
    options = {"protocol_whitelist": "none"}
    with (
        mapped_errors(path),
        path.open("rb") as named,
        open(named.fileno(), "rb", closefd=False) as file,
        av.open(
            file, "r", options=options, metadata_errors="replace", hwaccel=hwaccel
        ) as container,
    ):
        yield container


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
    """The first stream of moving pictures (cover art does not count), ready to decode."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
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
    kinds = sorted({str(stream.type) for stream in container.streams}) or ["nothing"]
    raise SourceError(
        f"{path} has no moving pictures (it holds: {', '.join(kinds)})",
        "Longtake needs a file with a video stream.",
    )


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
