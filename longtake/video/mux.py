"""Picture and sound that came apart, put into one file that browsers play.

Packets are copied, none is decoded.
"""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import SourceError
from longtake.video.container import demux, film_streams, open_container

if TYPE_CHECKING:
    from av.container import InputContainer

PLAYED = {
    "mp4": {"h264", "av1", "vp9", "aac", "mp3", "opus", "flac", ""},
    "webm": {"vp8", "vp9", "av1", "opus", "vorbis", ""},
}
"""What today's browsers play in each container; HEVC only some."""


def plays_in_browsers(path: Path) -> bool:
    """Whether its container and its first picture and sound are such."""
    with open_container(path) as container:
        names = set(container.format.name.split(","))
        kind = "webm" if "webm" in names else "mp4" if "mp4" in names else ""
        # By ffmpeg's name for what it is, not for who decodes it; ? for one that it does not know.
        codecs = {
            stream.codec_context.codec.canonical_name if stream.codec_context else "?"
            for stream in _find_streams([container])
        }
        return bool(kind) and codecs <= PLAYED[kind]


def _find_streams(opened: Sequence["InputContainer"]) -> list[Any]:
    """The first film and the first sound, as far as there are some."""
    moving = [film for container in opened for film in film_streams(container)[:1]]
    heard = [stream for container in opened for stream in container.streams.audio]
    return [*moving[:1], *heard[:1]]


def join_streams(parts: Sequence[Path], out: Path) -> None:
    """The first picture and the first sound of these files in one .mp4, its index at the front.

    Times begin at 0 and keep their distance. SourceError where a file can't be read or copied.
    """
    import av

    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(open_container(part)) for part in parts]
            options = {"movflags": "+faststart", "strict": "experimental"}
            target: Any = stack.enter_context(av.open(str(out), "w", format="mp4", options=options))
            chosen = _find_streams(opened)
            if any(stream.codec_context is None for stream in chosen):
                raise ValueError("it is in a format that is not known")
            made = {id(stream): target.add_stream_from_template(stream) for stream in chosen}
            begins = [Fraction(s.start_time or 0) * Fraction(s.time_base) for s in chosen]
            begin = min(begins, default=Fraction(0))
            packets = heapq.merge(
                *(_demux(c, [s for s in chosen if s in c.streams.get()], begin) for c in opened),
                key=lambda found: found[0],
            )
            for _, stream, packet in packets:
                packet.stream = made[id(stream)]
                target.mux(packet)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise SourceError(
            f"what was loaded can't be put together: {error}",
            "Load it anew; if it stays so, download it and name the file.",
        ) from error


def _demux(
    container: "InputContainer", streams: Sequence[Any], begin: Fraction
) -> Iterator[tuple[Fraction, Any, Any]]:
    """Packets in the order of their decoding times, with times that begin at 0."""
    if not streams:
        return
    last = Fraction(-1)
    for packet in demux(container, *streams):
        if packet.dts is None:
            continue
        unit = Fraction(packet.time_base)
        shift = round(begin / unit)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        if not packet.duration and (rate := getattr(packet.stream, "average_rate", None)):
            packet.duration = round(1 / rate / unit)  # else the last picture has no length
        last = max(last, packet.dts * unit)
        yield last, packet.stream, packet
