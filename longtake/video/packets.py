"""The packets of a file in the order in which they come: what all of them say, and those of a film.

Nothing is decoded.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.errors import SourceError
from longtake.video.container import (
    demux,
    encrypted,
    film_streams,
    mapped_errors,
    open_container,
    picture_stream,
)
from longtake.video.pieces import AHEAD_SECONDS, MOST_JUMPS, Clock, ClockPiece, CommonClock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

SKIPPED_BYTES = 4096
"""So many bytes between two packets are more than a container needs: some could not be read."""
CHANGING = "mpegts"
"""The container in which other streams may begin anywhere, of which PyAV tells nothing."""
MOST_PICTURES = 6_000_000
"""A day has 5.2 million at 60 a second; the index of so many takes 0.7 GB while it is made."""
REST_BYTES, MOST_PARTS = 1 << 16, 100
"""What is left of such a file is looked at where it is longer, and for so many changes."""


@dataclass
class Packets:
    """What reading all packets of a file has shown; an entry for each picture.

    Times are the file's own, in seconds.
    """

    times: "array[float]" = field(default_factory=lambda: array("d"))
    lengths: "array[float]" = field(default_factory=lambda: array("d"))
    orders: "array[float]" = field(default_factory=lambda: array("d"))
    """When each is decoded; as the one before, where the file doesn't say."""
    sizes: "array[float]" = field(default_factory=lambda: array("d"))
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    """Numbers of pictures at which decoding can start."""
    holes: "array[int]" = field(default_factory=lambda: array("q"))
    """Numbers of pictures before which bytes could not be read."""
    ahead: "array[int]" = field(default_factory=lambda: array("q"))
    """Numbers of pictures that are to be shown long after they are decoded."""
    clock: Clock = field(default_factory=lambda: Clock(MOST_JUMPS))
    """Of the pictures' decoding."""
    sounds: dict[tuple[int, int], Clock] = field(default_factory=dict)
    """Of each stream of sound, by the byte at which its part of the file begins, and its number."""
    unused: dict[int, int] = field(default_factory=dict)
    """How many pictures other streams have that are no cover art, by their number."""
    others_end: float = 0.0
    """Where the last stream that is not the picture ends."""
    left: int = 0
    """Bytes at the end of a broadcast in which nothing was found."""
    guessed: bool = False
    """Whether pictures have no times, so that these are counted by a rate."""
    part: "_Part" = field(default_factory=lambda: _Part())
    most: int = MOST_PICTURES

    def ends(self) -> np.ndarray:
        """When each picture ends, by the file's own times."""
        ends: np.ndarray = np.array(self.times) + np.array(self.lengths)
        return ends


@dataclass
class _Part:
    """What is read of a file from the byte `first` on; all other bytes count from there."""

    first: int = 0
    place: int = 0
    """The number of its first picture."""
    read: int = 0
    """The end of what was read, and `film` that of the last picture."""
    film: int = 0
    others: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of other streams of pictures: where they begin, and how many pictures they have."""

    def find_rest(self, size: int) -> int:
        """The byte of the file from which on there are other streams; 0 where there are none."""
        if any(begin >= self.film for begin, _ in self.others.values()):
            return self.first + self.film
        end = self.first + self.read
        return end if size - end > REST_BYTES else 0


def read_packets(
    container: "InputContainer", stream: "VideoStream", path: Path, most: int = MOST_PICTURES
) -> Packets:
    """All packets up to the end, or to where the file breaks or is encrypted.

    What came before still counts. Where other streams begin later, the file is opened anew there.
    SourceError where there are more pictures than `most`.
    """
    found = Packets(most=most)
    _read_part(found, container, stream, path)
    first, changes = found.part, container.format.name == CHANGING
    size = path.stat().st_size
    for _ in range(MOST_PARTS if changes else 0):
        rest = found.part.find_rest(size)
        if len(found.times) > most or not rest or not _read_rest(found, path, rest):
            break
    if len(found.times) > most:
        raise SourceError(
            f"{path} has more than {most:,} pictures",
            "No film of a day has so many: convert it to H.264, at 60 pictures a second at most.",
        )
    found.left = size - found.part.first - found.part.read if changes else 0
    follows = found.part is not first
    found.unused = {
        number: count
        for number, (begin, count) in first.others.items()
        if not (follows and begin >= first.film)
    }
    return found


def _read_rest(found: Packets, path: Path, rest: int) -> bool:
    """Go on with what begins at that byte; whether there was anything."""
    before = found.part
    found.part = _Part(rest, len(found.times))
    with suppress(SourceError), open_container(path, rest) as container:
        _read_part(found, container, picture_stream(container, path), path)
    if len(found.times) > found.part.place:
        return True
    found.part = before
    return False


def _read_part(
    found: Packets, container: "InputContainer", stream: "VideoStream", path: Path
) -> None:
    step = float(1 / picture_rate(stream))
    films = {film.index for film in film_streams(container)} - {stream.index}
    try:
        with mapped_errors(path):
            for packet in takewhile(lambda _: len(found.times) <= found.most, demux(container)):
                if packet.size == 0 or packet.is_discard:
                    continue
                hole = _note_place(found, packet)
                if packet.stream is stream:
                    if packet.has_sidedata("encryption_info"):
                        raise encrypted(path)
                    _note_picture(found, packet, step, hole=hole)
                else:
                    _note_other(found, packet, films)
    except SourceError:
        if not found.times:
            raise


def _note_place(found: Packets, packet: "Packet[Any]") -> bool:
    """Whether bytes before the packet could not be read."""
    if packet.pos is None:
        return False
    hole = packet.pos > found.part.read + SKIPPED_BYTES and bool(found.times)
    if hole:
        found.holes.append(len(found.times))
    found.part.read = packet.pos + packet.size
    return hole


def _note_picture(found: Packets, packet: "Packet[Any]", step: float, *, hole: bool) -> None:
    number = len(found.times)
    stamp = packet.pts if packet.pts is not None else packet.dts
    base = packet.time_base or Fraction(1, 1)
    time = float(stamp * base) if stamp is not None else number * step
    length = float(packet.duration * base) if packet.duration else step
    if packet.is_keyframe and stamp is not None:
        found.keys.append(number)
    begins = found.part.first if number == found.part.place else 0
    if packet.dts is not None or begins:
        order = time if packet.dts is None else float(packet.dts * base)
        if time > order + AHEAD_SECONDS:
            found.ahead.append(number)
        found.clock.note(number, order, length, hole=hole, byte=begins)
    found.guessed |= stamp is None
    found.times.append(time)
    found.lengths.append(length)
    found.orders.append(found.clock.last)
    found.sizes.append(packet.size)
    found.part.film = found.part.read


def _note_other(found: Packets, packet: "Packet[Any]", films: set[int]) -> None:
    number = packet.stream.index
    if number in films:
        begin, count = found.part.others.get(number, (packet.pos or 0, 0))
        found.part.others[number] = begin, count + 1
    if packet.pts is None or not packet.time_base:
        return
    time = float(packet.pts * packet.time_base)
    seconds = float((packet.duration or 0) * packet.time_base)
    found.others_end = max(found.others_end, time + seconds)
    if packet.stream.type == "audio":
        clock = found.sounds.setdefault((found.part.first, number), Clock())
        clock.note(0, time, seconds)


def picture_rate(stream: "VideoStream") -> Fraction:
    """Pictures a second as the file says, 25 where it says nothing that can be."""
    rate = stream.average_rate or stream.guessed_rate
    return rate if rate and 0 < rate <= 1000 else Fraction(25)


def follow_pictures(
    container: "InputContainer", stream: "VideoStream", path: Path, pieces: Sequence[ClockPiece]
) -> "Iterator[Packet[Any]]":
    """The packets of the film from here on, on one clock, through all that it is made of.

    An empty one after each part tells its decoder to give what it holds. With pieces, `container`
    must be at its beginning.
    """
    clock = CommonClock(pieces)
    for packet in follow(container, stream, path, pieces, picture_stream):
        if packet.size and not packet.is_discard:
            clock.move_picture(packet)
        yield packet


def follow(
    container: "InputContainer",
    stream: "Stream",
    path: Path,
    pieces: Sequence[ClockPiece],
    choose: "Callable[[InputContainer, Path], Stream]",
) -> "Iterator[Packet[Any]]":
    """The packets of a stream, and of those that `choose` takes of each part that comes later."""
    yield from demux(container, stream)
    for byte in (piece.byte for piece in pieces if piece.byte):
        with suppress(SourceError), open_container(path, byte) as rest:
            yield from demux(rest, choose(rest, path))
