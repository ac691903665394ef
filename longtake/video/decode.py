"""Decoded pictures of a video, forward in the order of display; seeks where that is shorter.

Told which pictures will be wanted, it goes through a group of pictures at most once, leaves it
behind the last wanted one, and decodes no other on which none rests. Holds two decoded pictures,
whatever the length of the video or of its groups.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longtake.errors import SourceError
from longtake.video.container import list_faults, picture_stream
from longtake.video.packets import follow_pictures
from longtake.video.probe import RESTART_SECONDS, Index

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CLOSE_SECONDS = 0.0005
"""Times closer than this are the same: containers round them to their own ticks."""
SEEK_BACK_SECONDS = (0.0, 2.0, 10.0)
LATE_SECONDS = 0.5
"""How much older than the picture that is due a picture may be, where that one is broken."""
SPARSE_CODECS = {"h264", "mpeg2video"}
"""Those that mark truly each picture on which no other rests."""


@dataclass(frozen=True)
class Shown:
    """A decoded picture and when it is due, in seconds of the video."""

    time: float
    decoded: "VideoFrame"


class Decoder:
    """The decoded pictures of one file, each at its time; cheapest where asked in time order."""

    def __init__(self, container: "InputContainer", path: Path, index: Index) -> None:
        self.stream = picture_stream(container, path)
        self.sent = 0
        """Packets that went to the decoder so far; it passes over some of them."""
        self.decoded = 0
        """Pictures that came out of it."""
        self._container, self._path = container, path
        self._index = index
        self._tick = self.stream.time_base or Fraction(1, 1)
        self._shown: Shown | None = None
        self._next: Shown | None = None
        self._wanted: np.ndarray | None = None
        """Whether each picture of the index is; None: nobody has said, so that all may be."""
        self._sparse = index.codec in SPARSE_CODECS and len(index.keys) > 0
        """Whether those that are not wanted may be passed over."""
        self._due = 0
        """The place of the picture that was asked for last."""
        self._begin_pass()

    def _begin_pass(self, dense: bool = False) -> None:
        """Decode from where the container is now: all pictures, where `dense`."""
        self._dense = dense or self._wanted is None or not self._sparse
        self._left = False
        """Whether the pass ended behind the last picture that is wanted of a group."""
        self._skipped = False
        self._key = 0.0
        """The last key frame that was sent."""
        self._ahead: set[int] = set()
        """Places of wanted pictures that were sent, from the one that is due on."""
        self._pictures = self._decode()

    def expect(self, times: Iterable[float]) -> None:
        """Say that from here on the pictures on display at these times are wanted, and no others.

        Another may be asked for all the same; that costs the more the more it comes out of turn.
        """
        self._wanted = np.zeros(len(self._index.times), bool)
        self._wanted[[self._place(self.due(time)) for time in times]] = True
        self._shown = self._next = None
        self._begin_pass()
        self._left = self.sent > 0

    def at(self, time: float, since: float) -> Shown | None:
        """The picture on display at `time`; none where it can't be known or decoded.

        A broken one may be stood in for by one shortly before, but by none from before `since`.
        """
        due = self.due(time)
        self._due = self._place(due)
        self._ahead = {place for place in self._ahead if place >= self._due}
        if self._wanted is not None:
            self._wanted[self._due] = True
        if self._must_seek(due):
            self._seek(due)
        self._advance(due)
        if self._skipped and not self._shows(due):
            # The one that stands in for it may have been passed over.
            self._seek(due, dense=True)
            self._advance(due)
            # Where it is not there even so, the packets of this file don't keep their word.
            self._sparse = self._shows(due)
        if self.is_lost(time, due):
            return None
        oldest = max(due - LATE_SECONDS, min(due, since)) - CLOSE_SECONDS
        return self._shown if self._shown and oldest <= self._shown.time else None

    def between(self, start: float, end: float) -> Iterator[Shown]:
        """All pictures that can be decoded between two times, both included."""
        shown = self.at(start, start)
        if shown and shown.time >= start - CLOSE_SECONDS:
            yield shown
        while self._next and self._next.time <= end + CLOSE_SECONDS:
            self._shown, self._next = self._next, next(self._pictures, None)
            if self._shown.time >= start - CLOSE_SECONDS:
                yield self._shown

    def keys(self, least_seconds: float) -> Iterator[Shown]:
        """Key frames at least so far apart; for a decoder that is new.

        A picture that rests on others is left out, whatever its packet says of itself.
        """
        from av.video.frame import PictureType

        alone = {PictureType.NONE, PictureType.I, PictureType.SI}
        last = float("-inf")
        for packet in self._packets():
            if packet is not None:
                stamp = packet.pts if packet.pts is not None else packet.dts
                if not packet.is_keyframe or stamp is None:
                    continue
                time = float(stamp * self._tick)
                if time < last + least_seconds:
                    continue
                last, packet.pts = time, stamp
            for picture in self._send(packet):
                whole = not picture.is_corrupt and picture.pict_type in alone
                if picture.pts is not None and whole:
                    yield Shown(float(picture.pts * self._tick) - self._index.start, picture)

    def due(self, time: float) -> float:
        """The time of the picture that is on display at `time`."""
        return last_up_to(self._index.times, time) or 0.0

    def is_lost(self, time: float, due: float) -> bool:
        """Whether what came after `due` and is on display at `time` could not be read."""
        hole = last_up_to(self._index.holes, time - LATE_SECONDS)
        return hole is not None and hole > due

    def _place(self, time: float) -> int:
        """The number of the picture that is due at `time`, or of the next one."""
        return int(np.searchsorted(self._index.times, time - CLOSE_SECONDS))

    def _shows(self, due: float) -> bool:
        return self._shown is not None and abs(self._shown.time - due) <= CLOSE_SECONDS

    def _must_seek(self, due: float) -> bool:
        """Whether the picture lies behind, or forward where a key frame is nearer to it."""
        if self._shown and due < self._shown.time - CLOSE_SECONDS:
            return True
        if self._shows(due) or self._due in self._ahead:
            return False
        key = last_up_to(self._index.keys, due)
        furthest = self._next or self._shown
        reached = max(self._key, furthest.time if furthest else 0.0)
        return self._left or (key is not None and key > reached + CLOSE_SECONDS)

    def _advance(self, due: float) -> None:
        """Decode until the picture after the one that is due is known."""
        while self._next is None or self._next.time <= due + CLOSE_SECONDS:
            self._shown = self._next or self._shown
            self._next = next(self._pictures, None)
            if self._next is None:
                break

    def _seek(self, due: float, dense: bool = False) -> None:
        """Go to the key frame before; some containers land late, so try from further back.

        Where nothing else works, or no key frame is known: back to the first byte.
        """
        key = last_up_to(self._index.keys, due)
        if key is not None:
            for back in SEEK_BACK_SECONDS:
                ticks = round(self._index.file_time(key - back) / self._tick)
                if self._land(ticks, due, dense, stream=self.stream):
                    return
        if not self._land(0, due, dense, unsupported_byte_offset=True):
            begin = round(self._index.start / self._tick)
            self._land(begin, due, dense, stream=self.stream)

    def _land(
        self,
        offset: int,
        due: float,
        dense: bool,
        stream: "VideoStream | None" = None,
        unsupported_byte_offset: bool = False,
    ) -> bool:
        """Seek there; whether decoding now starts in time for the picture that is due."""
        try:
            self._container.seek(
                offset, stream=stream, unsupported_byte_offset=unsupported_byte_offset
            )
        except list_faults():
            return False
        self._begin_pass(dense)
        self._shown, self._next = None, next(self._pictures, None)
        return self._next is not None and self._next.time <= due + CLOSE_SECONDS

    def _decode(self) -> Iterator[Shown]:
        """Whole pictures with their times; broken ones and broken packets are passed over.

        Pictures come in the order of display. Where their times don't (AVI knows only the order of
        decoding), the one before is right.
        """
        count, last = 0, float("-inf")
        for packet in self._packets():
            self._note(packet)
            for picture in self._send(packet):
                pts, counted = picture.pts, count * self._index.step
                time = counted if pts is None else float(pts * self._tick)
                if time < last - RESTART_SECONDS:
                    return
                count, last = count + 1, max(last, time)
                if not picture.is_corrupt:
                    yield Shown(last - self._index.start, picture)

    def _note(self, packet: "Packet[VideoStream] | None") -> None:
        """Take down what is sent, and say whether it may be passed over if nothing rests on it."""
        wanted = True
        if packet is not None and packet.pts is not None:
            time = float(packet.pts * self._tick) - self._index.start
            if packet.is_keyframe:
                self._key = max(self._key, time)
            place = self._place(time)
            times = self._index.times
            if self._wanted is not None and place < len(times):
                wanted = self._dense or bool(self._wanted[place])
                if self._wanted[place] and place >= self._due:
                    self._ahead.add(place)
        self._skipped |= not wanted
        self.stream.codec_context.skip_frame = "DEFAULT" if wanted else "NONREF"

    def _send(self, packet: "Packet[VideoStream] | None") -> "list[VideoFrame]":
        """What comes out of the decoder next; nothing for a packet that is broken."""
        self.sent += packet is not None
        try:
            pictures = (packet.stream if packet else self.stream).decode(packet)
        except list_faults():
            return []
        self.decoded += len(pictures)
        return pictures

    def _packets(self) -> "Iterator[Packet[VideoStream] | None]":
        """What is left of the stream, to where it breaks or is left; None: the decoder's rest."""
        with suppress(*list_faults(), SourceError):
            pieces = self._index.pieces
            for packet in follow_pictures(self._container, self.stream, self._path, pieces):
                yield packet
                if self._is_done():
                    self._left = True
                    break
        yield None

    def _is_done(self) -> bool:
        """Whether the next picture that is wanted and not sent is in a later group, if any is."""
        if self._dense or self._due not in self._ahead:
            return False
        place = self._next_wanted(self._due)
        while place in self._ahead:
            place = self._next_wanted(place + 1)
        if place is None:
            return True
        key = last_up_to(self._index.keys, self._index.times[place])
        return key is not None and key > self._key + CLOSE_SECONDS

    def _next_wanted(self, place: int) -> int | None:
        """The first wanted picture from that place on."""
        assert self._wanted is not None
        rest = self._wanted[place:]
        step = int(rest.argmax()) if len(rest) else 0
        return place + step if len(rest) and rest[step] else None


def last_up_to(times: np.ndarray, time: float) -> float | None:
    """The last of sorted `times` that is not later than `time`."""
    place = int(np.searchsorted(times, time + CLOSE_SECONDS, side="right"))
    return float(times[place - 1]) if place else None
