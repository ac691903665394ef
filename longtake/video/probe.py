"""What a video file is, found by reading its packets: nothing is decoded, no header is believed."""

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.errors import SourceError
from longtake.records import Video
from longtake.timecode import parse_time
from longtake.video.container import encrypted, mapped_errors, open_container, picture_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

TRUNCATED_SECONDS = 1.0
"""A file that ends this much before its own header says is taken as cut off."""
RESTART_SECONDS = 1.0
"""Times that go back this far start anew, as where two recordings were joined byte by byte."""
SKIPPED_BYTES = 4096
"""So many bytes between two packets are more than a container needs: some could not be read."""
UNSEEKABLE = {"mpeg"}
"""Containers in which ffmpeg gives pictures wrong times after a seek."""


@dataclass(frozen=True)
class Index:
    """When each picture is due and where decoding can start: seconds, sorted, shape (pictures,)."""

    times: np.ndarray = field(repr=False)
    keys: np.ndarray = field(repr=False)
    """Empty where nothing can be sought in this file."""
    start: float
    """The file's own time of the first picture, which Longtake calls 0."""
    step: float
    """Seconds from picture to picture, for the rare file that gives its pictures no times."""
    holes: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    """When bytes that could not be read begin: what is on display from there on is not known."""
    sizes: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    """Bytes of each picture's packets, shape (pictures,)."""
    reach: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    """How many pictures a picture is ahead of all that were decoded before it, shape (pictures,);
    0 for one that is shown between two of those (a B-frame)."""
    size: tuple[int, int] = (0, 0)
    """Width and height in pixels, as coded."""
    codec: str = ""
    """As ffmpeg names it."""


@dataclass
class _Packets:
    """What reading all packets of a file has shown; times are the file's own, in seconds."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    sizes: "array[float]" = field(default_factory=lambda: array("d"))
    keys: "array[float]" = field(default_factory=lambda: array("d"))
    holes: "array[float]" = field(default_factory=lambda: array("d"))
    end: float = float("-inf")
    last_byte: int = 0
    last_order: float = float("-inf")
    lost: float = 0.0
    """Seconds of pictures after times that start anew: when they are due can't be told."""
    others_end: float = 0.0
    """Where the last stream that is not the picture ends."""


def probe(path: Path, sha256: str) -> tuple[Video, Index]:
    """The facts of a file and the index of its pictures; SourceError where it has none."""
    with open_container(path) as container:
        stream = picture_stream(container, path)
        packets = _read_packets(container, stream, path)
        if not packets.times:
            raise SourceError(
                f"{path} has a video stream without a single picture",
                "The recording may have failed; make or fetch the file anew.",
            )
        start = min(packets.times)
        readable = round(max(packets.end - start, 0.001), 3)
        promised = _promised_seconds(container, stream, packets, start)
        duration = promised if promised > readable + TRUNCATED_SECONDS else readable + packets.lost
        if not (stream.codec_context.width and stream.codec_context.height):
            raise SourceError(
                f"{path} does not say how large its pictures are",
                "Convert it to H.264 first; if that fails, it is broken.",
            )
        video = Video(path=path, sha256=sha256, duration=round(duration, 3), readable=readable)
        step = float(1 / _rate(stream))
        seekable = not packets.lost and container.format.name not in UNSEEKABLE
        keys = np.array(packets.keys if seekable else [])
        codec = stream.codec_context.codec.canonical_name
        size = stream.codec_context.width, stream.codec_context.height
    decoded = np.array(packets.times) - start
    times, places = np.unique(decoded, return_inverse=True)
    return video, Index(
        times=times,
        keys=np.unique(keys - start),
        start=start,
        step=step,
        holes=np.unique(np.array(packets.holes) - start),
        sizes=np.bincount(places, weights=np.array(packets.sizes)),
        reach=_reach(places, len(times)),
        size=size,
        codec=codec,
    )


def _reach(places: np.ndarray, pictures: int) -> np.ndarray:
    """From the place in time of each packet, in decoding order; see Index."""
    furthest = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]])
    reach = np.zeros(pictures, int)
    np.maximum.at(reach, places, places - furthest)
    return reach


def _read_packets(container: "InputContainer", stream: "VideoStream", path: Path) -> _Packets:
    """All packets up to the end, or to where the file breaks or is encrypted.

    What came before still counts.
    """
    found = _Packets()
    step = float(1 / _rate(stream))
    try:
        with mapped_errors(path):
            for packet in container.demux():
                if packet.size == 0 or packet.is_discard:
                    continue
                _note_place(found, packet)
                if packet.stream is stream:
                    if packet.has_sidedata("encryption_info"):
                        raise encrypted(path)
                    _note_picture(found, packet, step)
                elif packet.pts is not None and packet.time_base:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    found.others_end = max(found.others_end, end)
    except SourceError:
        if not found.times:
            raise
    return found


def _note_place(found: _Packets, packet: "Packet[Any]") -> None:
    if packet.pos is not None:
        if packet.pos > found.last_byte + SKIPPED_BYTES and found.times:
            found.holes.append(found.end)
        found.last_byte = packet.pos + packet.size


def _note_picture(found: _Packets, packet: "Packet[Any]", step: float) -> None:
    stamp = packet.pts if packet.pts is not None else packet.dts
    base = packet.time_base or Fraction(1, 1)
    time = float(stamp * base) if stamp is not None else len(found.times) * step
    length = float(packet.duration * base) if packet.duration else step
    order = found.last_order if packet.dts is None else float(packet.dts * base)
    if order < found.last_order - RESTART_SECONDS:
        found.lost += length
        return
    found.last_order = max(found.last_order, order)
    found.times.append(time)
    found.sizes.append(packet.size)
    found.end = max(found.end, time + length)
    if packet.is_keyframe and stamp is not None:
        found.keys.append(time)


def _rate(stream: "VideoStream") -> Fraction:
    """Pictures a second as the file says, 25 where it says nothing that can be."""
    rate = stream.average_rate or stream.guessed_rate
    return rate if rate and 0 < rate <= 1000 else Fraction(25)


def _promised_seconds(
    container: "InputContainer", stream: "VideoStream", packets: _Packets, start: float
) -> float:
    """How long the header says that the pictures last; 0 where it can't tell.

    A container's own duration is that of its longest stream, so it says something about the
    pictures only where no other stream reaches it. Of an AVI that is cut off, ffmpeg shortens the
    duration, and leaves the number of pictures as it was.
    """
    if container.format.name == "avi" and stream.frames:
        return float(stream.frames / _rate(stream))
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if tag := stream.metadata.get("DURATION"):
        try:
            return parse_time(tag) - start
        except ValueError:
            return 0.0
    whole = (container.duration or 0) / 1_000_000
    return 0.0 if packets.others_end > whole - TRUNCATED_SECONDS else whole
