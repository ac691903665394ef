"""Where the clock of a file jumps, and its packets brought onto one clock.

A *piece* is a stretch of a file whose times don't go on from those before: two recordings that were
joined byte by byte, a recorder that stood still, a picture with a time that can't be. An ordinary
file has none, and its packets pass as they are.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from longtake.text.plurals import say_count
from longtake.timecode import format_time

if TYPE_CHECKING:
    import numpy as np
    from av.packet import Packet

RESTART_SECONDS = 1.0
"""Times that go back this far start anew, as where two recordings were joined byte by byte."""
JUMP_SECONDS, RUNNING_JUMP_SECONDS = 60.0, 10.0
"""A jump that sound and picture share is none of the video's time from here on; in a broadcast,
whose times are those of a running clock, from the second (where ffmpeg's own program mends it)."""
APART_SECONDS = 2.0
"""Sound and picture that jump together do so no farther apart,"""
SOUND_SECONDS = 10.0
"""and sound that follows a piece begins no farther from where it should."""
SAME_SECONDS = 0.0005
"""Times that are closer are the same."""
LONE = 8
"""Times that can't be, of so few pictures in a row, are a fault; of more, they are a piece."""
FAR = 10
"""The last pictures come so many times later than all before took: their times can't be."""
AHEAD_SECONDS = 10.0
"""A picture that is due this long after it is decoded may have a time that can't be."""
REORDERED = 17
"""Pictures, and one more than a decoder may hold back to put them in order."""
MOST_BREAKS = 200
"""Of a stream of sound; what comes after so many is held to be where it says."""
MOST_JUMPS = 10_000
"""The same of pictures: one each nine seconds of a day."""


@dataclass(frozen=True)
class ClockPiece:
    """The pictures from number `first` on, in decoding order, and what brings them in line.

    The file says that the first of them is decoded at `start`; `at` is where it belongs, by the
    clock of the file's beginning. From `byte` on, if not 0, the file has other streams.
    """

    first: int
    start: float
    at: float
    byte: int = 0
    lone: bool = False
    """Whether it is a picture whose time can't be: it is shown when it is decoded."""
    by_time: bool = False
    """Whether pictures tell by their own times which piece they are of, wherever reading begins."""

    @property
    def shift(self) -> float:
        """Seconds to add to the file's own times."""
        return self.at - self.start


@dataclass(frozen=True)
class Break:
    """When the packet at `place` is due after the one before, and the time that the file gives it.

    `hole` says whether bytes before it could not be read, `byte` whether its streams are others.
    """

    place: int
    due: float
    time: float
    hole: bool = False
    byte: int = 0
    lone: bool = False
    """Whether it is known to be the time of this one picture that can't be."""


@dataclass
class Clock:
    """The times of a stream's packets as they are read, and where they break; in seconds."""

    most: int = MOST_BREAKS
    """So many breaks are taken down."""
    breaks: list[Break] = field(default_factory=list)
    last: float = float("-inf")
    due: float = float("-inf")

    def note(
        self, place: int, time: float, seconds: float, *, hole: bool = False, byte: int = 0
    ) -> None:
        """The next packet, and how long it lasts."""
        goes_on = self.last - RESTART_SECONDS <= time <= self.due + RESTART_SECONDS
        broken = self.due > float("-inf") and (byte or not goes_on)
        if broken and len(self.breaks) < self.most:
            self.breaks.append(Break(place, self.due, time, hole, byte))
        self.last, self.due = time, time + seconds


def find_pieces(
    breaks: Sequence[Break],
    orders: Sequence[float],
    sounds: Sequence[Clock],
    step: float,
    *,
    running: bool,
    promised: float,
) -> tuple[ClockPiece, ...]:
    """The pieces of a file, from where its pictures' decoding times (`orders`) break.

    `step` is the usual time from picture to picture, `running` says that times are those of a
    clock, and `promised` when the header says that all ends, 0 where it says nothing.
    """
    pieces: list[ClockPiece] = []
    shift, after = 0.0, 0
    jump: Break | None = None
    for broken in breaks:
        if broken.place < after and not broken.byte:
            continue
        goes_back = broken.time < broken.due
        if back := _find_back(broken, orders, sounds, running, promised):
            pieces += _put_lone(broken, back, orders, shift, step)
            after = back + 1
        elif broken.byte or goes_back or _is_shared(broken, sounds, running):
            if goes_back and jump and broken.time >= jump.due - RESTART_SECONDS:
                # Times that had jumped are as before again: it was no time of the video's.
                pieces.append(ClockPiece(jump.place, jump.time, jump.due + shift))
                shift += jump.due - jump.time
            shift += broken.due - broken.time
            pieces.append(ClockPiece(broken.place, broken.time, broken.time + shift, broken.byte))
            jump = None
        elif not broken.hole and broken.time > broken.due + JUMP_SECONDS:
            jump = broken
    return tuple(sorted(pieces, key=lambda piece: piece.first))


def tell_by_time(pieces: Sequence[ClockPiece], orders: Sequence[float]) -> tuple[ClockPiece, ...]:
    """The pieces, marked where no time of the file stands for two: its clock only jumps ahead."""
    joined = [piece for piece in pieces if not piece.lone]
    ahead = all(a.shift >= b.shift for a, b in pairwise(joined)) and all(
        piece.shift <= 0 and not piece.byte for piece in joined
    )
    lone = {piece.start for piece in pieces if piece.lone}
    alone = sum(order in lone for order in orders) == sum(piece.lone for piece in pieces)
    return tuple(replace(piece, by_time=ahead and alone) for piece in pieces)


def file_time(pieces: Sequence[ClockPiece], time: float) -> float:
    """The file's own time of a moment on the clock of its beginning."""
    before = [piece for piece in pieces if not piece.lone and piece.at <= time + SAME_SECONDS]
    return time - before[-1].shift if before else time


def _put_lone(
    broken: Break, back: int, orders: Sequence[float], shift: float, step: float
) -> list[ClockPiece]:
    """Each picture up to `back` where it lies in the file; from there on all is as before."""
    pieces = [
        ClockPiece(n, orders[n], broken.due + shift + (n - broken.place) * step, lone=True)
        for n in range(broken.place, back)
    ]
    if back < len(orders):
        pieces.append(ClockPiece(back, orders[back], orders[back] + shift))
    return pieces


def _find_back(
    broken: Break,
    orders: Sequence[float],
    sounds: Sequence[Clock],
    running: bool,
    promised: float,
) -> int:
    """The number of the picture with which times go on as before; 0 where they never do.

    At the end of a file it is the number of all pictures, where nothing else tells of such times.
    """
    if broken.byte or broken.lone:
        return broken.place + 1 if broken.lone else 0
    near = range(broken.place + 1, min(broken.place + 1 + LONE, len(orders)))
    for number in near:
        late = abs(orders[number] - broken.due)
        if late <= 2 * RESTART_SECONDS and late < abs(orders[number] - broken.time):
            return number
    if broken.place + LONE < len(orders) or broken.time < broken.due + JUMP_SECONDS:
        return 0
    heard = any(clock.due > broken.time - APART_SECONDS for clock in sounds)
    far = broken.time - broken.due > FAR * (broken.due - orders[0]) and broken.place > LONE
    beyond = running or far or 0 < promised < broken.time
    return 0 if heard or not beyond else len(orders)


def _is_shared(broken: Break, sounds: Sequence[Clock], running: bool) -> bool:
    """Whether the sound jumps with the picture; where there is none, whether clocks do so."""
    least = RUNNING_JUMP_SECONDS if running else JUMP_SECONDS
    if broken.hole or broken.time - broken.due < least:
        return False
    for clock in sounds:
        for other in clock.breaks:
            if (
                other.due <= broken.due + APART_SECONDS
                and other.time >= broken.time - APART_SECONDS
            ):
                return True
    ended = all(clock.due <= broken.due + APART_SECONDS for clock in sounds)
    return ended and running


def find_ahead(
    times: Sequence[float], orders: Sequence[float], places: Sequence[int]
) -> list[Break]:
    """Of these pictures those that are said to be shown long after all that are decoded later."""
    found = []
    for place in places:
        later = times[place + 1 : place + 1 + 2 * REORDERED]
        settled = later[REORDERED:]
        others = settled or (*times[max(0, place - 2 * REORDERED) : place], *later)
        if not others:
            continue
        least = RESTART_SECONDS if settled else JUMP_SECONDS + 3 * _widest(others)
        if times[place] > max(others) + least:
            found.append(Break(place, orders[place], times[place], lone=True))
        if len(found) == MOST_JUMPS:
            break
    return found


def _widest(times: Sequence[float]) -> float:
    ordered = sorted(times)
    return max((after - before for before, after in pairwise(ordered)), default=0.0)


class CommonClock:
    """Brings packets onto one clock; for one pass through a file, from its first packet on."""

    def __init__(self, pieces: Sequence[ClockPiece]) -> None:
        self._pieces = pieces
        self._starts = [piece.first for piece in pieces]
        self._by_time = bool(pieces) and pieces[0].by_time
        self._lone = {piece.start: piece for piece in pieces if piece.lone}
        self._line = [piece for piece in pieces if not piece.lone]
        joined = (piece.shift for piece in pieces if not piece.lone)
        self._shifts = list(islice(joined, MOST_BREAKS))
        self._pictures = 0
        self._shift = 0.0
        """Of the sound, which shows by its own times that it is in another piece."""
        self._due: float | None = None

    def move_picture(self, packet: "Packet[Any]") -> None:
        """Give the next packet of the pictures its right times."""
        piece = self._find(packet)
        self._pictures += 1
        if not piece:
            return
        if piece.lone and packet.dts is not None:
            packet.pts = packet.dts
        _move(packet, piece.shift)

    def _find(self, packet: "Packet[Any]") -> ClockPiece | None:
        if not self._by_time:
            place = bisect_right(self._starts, self._pictures) - 1
            return self._pieces[place] if place >= 0 else None
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or not packet.time_base:
            return None
        order = float(stamp * packet.time_base)
        place = bisect_right(self._line, order + SAME_SECONDS, key=lambda piece: piece.start) - 1
        return self._lone.get(order) or (self._line[place] if place >= 0 else None)

    def move_sound(self, packet: "Packet[Any]") -> None:
        """Give the next packet of the sound its right times."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or not packet.time_base:
            return
        time = float(stamp * packet.time_base)
        due = time + self._shift if self._due is None else self._due
        if abs(time + self._shift - due) > RESTART_SECONDS:
            near = [s for s in self._shifts if abs(time + s - due) <= SOUND_SECONDS]
            self._shift = min(near, key=lambda s: abs(time + s - due), default=self._shift)
        self._due = time + self._shift + float((packet.duration or 0) * packet.time_base)
        _move(packet, self._shift)


def _move(packet: "Packet[Any]", seconds: float) -> None:
    ticks = round(seconds / packet.time_base) if packet.time_base else 0
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks


def say_pieces(pieces: Sequence[ClockPiece], times: "np.ndarray") -> list[str]:
    """What a user should know of them, a sentence each; `times` are those of all pictures."""
    said = []
    lone = [piece for piece in pieces if piece.lone]
    joined = [
        piece
        for before, piece in zip((None, *pieces), pieces, strict=False)
        if not (piece.lone or (before and before.lone))
    ]
    if joined:
        first = joined[0]
        what = "its clock starts anew"
        if first.byte:
            what = "it goes on in other streams"
        elif first.shift < 0:
            what = f"its clock jumps by {format_time(round(-first.shift))}"
        more = f", and {say_count(len(joined) - 1, 'time')} more" if len(joined) > 1 else ""
        said.append(f"at {format_time(times[first.first])} {what}{more}: all is told as one film")
    if lone:
        has = "has a time" if len(lone) == 1 else "have times"
        said.append(
            f"{say_count(len(lone), 'picture')} {has} that can't be, the first at"
            f" {format_time(times[lone[0].first])}: shown where the file holds it"
        )
    return said
