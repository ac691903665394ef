"""What a video file is, found by reading its packets: nothing is decoded, no header is believed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longtake.errors import SourceError
from longtake.records import Video
from longtake.text.plurals import say_count
from longtake.timecode import format_time
from longtake.video.container import film_streams, open_container, picture_stream, tagged_end
from longtake.video.decoding_room import MOST_PIXELS
from longtake.video.packets import Packets, picture_rate, read_packets
from longtake.video.pieces import (
    RESTART_SECONDS,
    ClockPiece,
    file_time,
    find_ahead,
    find_pieces,
    say_pieces,
    tell_by_time,
)
from longtake.video.source import KnownFile
from longtake.video.tone_map import is_hdr
from longtake.video.watchdog import watch

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["RESTART_SECONDS", "Index", "check_pictures", "probe"]

TRUNCATED_SECONDS = 1.0
"""A file that ends this much before its own header says is taken as cut off."""
STANDS_SECONDS = 2.0
"""Sound that goes on so much longer than the pictures goes with the last of them."""
LEFT_BYTES = 1 << 20
"""So much that holds nothing at a file's end is worth telling: broadcasts are filled up, too."""
FALSE_SECONDS = 10.0
"""A header that promises no more than a time that can't be, and this, may have it from there."""
TS_DISCONT = 0x0200
"""ffmpeg's flag of containers whose clock may jump (AVFMT_TS_DISCONT)."""
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
    hdr: bool = False
    """Whether its pictures are of high dynamic range."""
    pieces: tuple[ClockPiece, ...] = ()
    """Where the file's clock jumps; `start` and all times are by that of its beginning."""
    file: KnownFile | None = field(default=None, repr=False, compare=False)
    """The file that was hashed; who reads of it asks whether it still is that one."""

    def file_time(self, time: float) -> float:
        """The file's own time of a moment of the video."""
        return file_time(self.pieces, time + self.start)

    def check_file(self) -> None:
        """FileChanged where what was read by now may be of another content."""
        if self.file:
            self.file.check()


def probe(path: Path, sha256: str) -> tuple[Video, Index]:
    """The facts of a file and the index of its pictures; SourceError where it has none."""
    return watch(path, lambda: _probe(path, sha256))


def check_pictures(path: Path) -> None:
    """SourceError where a file opens to no pictures; its packets are not read."""

    def look() -> None:
        with open_container(path) as container:
            picture_stream(container, path)

    watch(path, look)


def _probe(path: Path, sha256: str) -> tuple[Video, Index]:
    with open_container(path) as container:
        stream = picture_stream(container, path)
        packets = read_packets(container, stream, path)
        if not packets.times:
            raise SourceError(
                f"{path} has a video stream without a single picture",
                "The recording may have failed; make or fetch the file anew.",
            )
        if not (stream.codec_context.width and stream.codec_context.height):
            raise SourceError(
                f"{path} does not say how large its pictures are, or says that they have more"
                f" than {MOST_PIXELS / 1e6:.0f} million pixels",
                "Convert it to H.264 first; if that fails, it is broken.",
            )
        pieces = _find_pieces(container, stream, packets)
        begins, ends = _place(packets, pieces, float(stream.time_base or 1))
        start = float(begins.min())
        readable = round(max(float(ends.max()) - start, 0.001), 3)
        promised = _promised_seconds(container, stream, packets, start)
        if _is_false(start + promised, container, packets, pieces):
            promised = 0.0
        notes = say_pieces(pieces, begins - start)
        notes += _say_colours(stream) + _say_rate(stream, packets)
        notes += _say_unused(container, packets)
        index = _make_index(container, stream, packets, pieces, begins, ends)
    cut_off = promised > readable + TRUNCATED_SECONDS
    stands = 0.0 if cut_off or pieces else _standing(packets, start, readable)
    if stands:
        when = format_time(readable)
        notes.append(f"its pictures end at {when}: the last one stands to the end of the sound")
        readable = stands
    duration = round(promised, 3) if cut_off else readable
    return Video(path, sha256, duration, readable, tuple(notes)), index


def _place(
    packets: Packets, pieces: Sequence[ClockPiece], tick: float
) -> tuple[np.ndarray, np.ndarray]:
    """When each picture begins and ends, on the clock of the file's beginning."""
    begins, ends = np.array(packets.times), packets.ends()
    for piece in pieces:
        if piece.lone:  # it is shown when it is decoded
            begins[piece.first] = packets.orders[piece.first]
            ends[piece.first] = begins[piece.first] + packets.lengths[piece.first]
    shifts = np.array([0.0, *(round(piece.shift / tick) * tick for piece in pieces)])
    starts = [piece.first for piece in pieces]
    moved = shifts[np.searchsorted(starts, np.arange(len(begins)), side="right")]
    return begins + moved, ends + moved


def _make_index(
    container: "InputContainer",
    stream: "VideoStream",
    packets: Packets,
    pieces: tuple[ClockPiece, ...],
    begins: np.ndarray,
    ends: np.ndarray,
) -> Index:
    start = float(begins.min())
    keys = begins[np.array(packets.keys, int)] - start
    unseekable = container.format.name in UNSEEKABLE
    if pieces:
        lone = [piece.first for piece in pieces if piece.lone]
        keys = keys[~np.isin(packets.keys, lone)]
        unseekable |= not pieces[0].by_time
    reached = np.maximum.accumulate(ends) - start
    times, places = np.unique(begins - start, return_inverse=True)
    context = stream.codec_context
    return Index(
        times=times,
        keys=np.empty(0) if unseekable else np.unique(keys),
        start=start,
        step=float(1 / picture_rate(stream)),
        holes=np.unique(reached[np.array(packets.holes, int) - 1]),
        sizes=np.bincount(places, weights=np.array(packets.sizes)),
        reach=_reach(places, len(times)),
        size=(context.width, context.height),
        codec=context.codec.canonical_name,
        hdr=is_hdr(context.color_trc),
        pieces=pieces,
    )


def _find_pieces(
    container: "InputContainer", stream: "VideoStream", packets: Packets
) -> tuple[ClockPiece, ...]:
    breaks = [*packets.clock.breaks, *find_ahead(packets.times, packets.orders, packets.ahead)]
    if not breaks:
        return ()
    pieces = find_pieces(
        sorted(breaks, key=lambda broken: broken.place),
        packets.orders,
        list(packets.sounds.values()),
        float(1 / picture_rate(stream)),
        running=_is_running(container),
        promised=((container.start_time or 0) + (container.duration or 0)) / 1_000_000,
    )
    return tell_by_time(pieces, packets.orders)


def _is_running(container: "InputContainer") -> bool:
    """Whether its times are those of a clock that may jump."""
    return bool(container.format.flags & TS_DISCONT)


def _is_false(
    promised: float, container: "InputContainer", packets: Packets, pieces: Sequence[ClockPiece]
) -> bool:
    """Whether the file's own time of its end is that of a clock which jumps."""
    if not pieces:
        return False
    if _is_running(container) or any(piece.shift and not piece.lone for piece in pieces):
        return True
    latest = max(max(packets.times[piece.first], piece.start) for piece in pieces)
    return promised < latest + FALSE_SECONDS


def _standing(packets: Packets, start: float, readable: float) -> float:
    """When the sound ends, where it goes on long after the pictures; else 0."""
    heard = max((clock.due for clock in packets.sounds.values()), default=0.0) - start
    return round(heard, 3) if heard > readable + STANDS_SECONDS else 0.0


def _say_colours(stream: "VideoStream") -> list[str]:
    if not is_hdr(stream.codec_context.color_trc):
        return []
    return ["its pictures are of high dynamic range: they are shown to models in ordinary colours"]


def _say_rate(stream: "VideoStream", packets: Packets) -> list[str]:
    if not packets.guessed:
        return []
    rate = f"{float(picture_rate(stream)):g}"
    return [f"it gives its pictures no times: {rate} a second are a guess, so all times are"]


def _say_unused(container: "InputContainer", packets: Packets) -> list[str]:
    """Streams of pictures beside the film, and what holds none, a sentence each."""
    notes = []
    for film in film_streams(container):
        if count := packets.unused.get(film.index):
            context = film.codec_context
            form = ""
            if context:
                form = f"{context.codec.canonical_name}, {context.width}×{context.height}, "
            what = f"{form}{say_count(count, 'picture')}"
            notes.append(f"another stream of pictures in it is not used ({what})")
    if packets.left > LEFT_BYTES:
        notes.append(f"in the last {packets.left / 1e6:.1f} MB of it nothing can be read")
    return notes


def _reach(places: np.ndarray, pictures: int) -> np.ndarray:
    """From the place in time of each packet, in decoding order; see Index."""
    furthest = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]])
    reach = np.zeros(pictures, int)
    np.maximum.at(reach, places, places - furthest)
    return reach


def _promised_seconds(
    container: "InputContainer", stream: "VideoStream", packets: Packets, start: float
) -> float:
    """How long the header says that the pictures last; 0 where it can't tell.

    A container's own duration is that of its longest stream, so it says something about the
    pictures only where no other stream reaches it. Of an AVI that is cut off, ffmpeg shortens the
    duration, and leaves the number of pictures as it was.
    """
    if container.format.name == "avi" and stream.frames:
        return float(stream.frames / picture_rate(stream))
    if end := tagged_end(stream):
        return end - start
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    whole = (container.duration or 0) / 1_000_000
    return 0.0 if packets.others_end > whole - TRUNCATED_SECONDS else whole
