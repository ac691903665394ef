"""The frames of a stretch of chunks: read from the video, and the chunks known that look the same.

One reader goes through a stretch from its beginning to its end. Another reads again what is to be
compared and was too long ago to be kept.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from longtake.errors import SourceError
from longtake.records import Chunk, Overview, Words
from longtake.video.choose_frames import Slot, group_repeats, is_still, most_motion, plan_still
from longtake.video.frame_similarity import is_same
from longtake.video.frames import FrameReader, Picture, open_frames
from longtake.video.hwaccel import find_devices
from longtake.video.probe import Index
from longtake.video.same_chunks import CELL_DIFFERENCE, ChunkLook, Repeats

if TYPE_CHECKING:
    import numpy as np

LOOKS_KEPT = 150
"""Frames whose looks are kept to compare later chunks with: 8 MiB."""


class ChunkFrames:
    """Reads the pictures of chunks that lie one after the other; to be closed at the end."""

    def __init__(
        self, overview: Overview, index: Index, side: int, *, repeats: bool, hwaccel: str = "off"
    ) -> None:
        """With `repeats` the engine measures movement: pictures that show the same are kept."""
        self._path, self._index, self._scan = overview.video.path, index, overview.scan
        find_devices(hwaccel)  # so that one that can't be is refused before anything is read
        self._side, self._repeats, self._hwaccel = side, repeats, hwaccel
        self._starts: list[float] = index.keys.tolist()
        """Where decoding can start."""
        self._opened = ExitStack()
        self._reader: FrameReader | None = None
        self._again: FrameReader | None = None
        self._slots: dict[int, tuple[Chunk, Sequence[Slot]]] = {}
        self._looks: OrderedDict[int, list[np.ndarray]] = OrderedDict()
        """By chunk, the last ones last."""
        self._times: list[float] = []
        self._known = Repeats(self._looks_of)

    def plan(self, planned: Iterable[tuple[Chunk, Sequence[Slot]]]) -> None:
        """Say in order which chunks will be read, and where."""
        self._times = [
            time
            for chunk, slots in planned
            for slot in (self._still_slots(chunk) or slots)
            for time in slot.times
        ]

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
        self._reader = self._again = None

    @property
    def packets(self) -> int:
        """How many packets were sent to decoders so far, before `close`."""
        readers = [reader for reader in (self._reader, self._again) if reader]
        return sum(reader.decoder.sent for reader in readers)

    def read(self, chunk: Chunk, slots: Sequence[Slot]) -> list[Picture]:
        """The pictures of a chunk that are sent; after an error the file is opened anew."""
        try:
            return self._read_chunk(chunk, slots)
        except SourceError:
            self.close()
            raise

    def _read_chunk(self, chunk: Chunk, slots: Sequence[Slot]) -> list[Picture]:
        if self._reader is None:
            self._reader = self._open()
            self._reader.expect(self._times)
        return self._read(self._reader, chunk, slots)

    def _open(self) -> FrameReader:
        return self._opened.enter_context(open_frames(self._path, self._index, self._hwaccel))

    def _read(self, reader: FrameReader, chunk: Chunk, slots: Sequence[Slot]) -> list[Picture]:
        if still := self._read_still(chunk, reader):
            return still
        pictures = reader.read(chunk.span, slots, self._side)
        if self._repeats:
            return pictures
        return [
            replace(pictures[same[0]], again=pictures[same[-1]].time if len(same) > 1 else 0.0)
            for same in group_repeats(_looks(pictures))
        ]

    def _looks_of(self, number: int) -> Sequence["np.ndarray"]:
        """The looks of an earlier chunk's frames."""
        if number in self._looks:
            return self._looks[number]
        self._again = self._again or self._open()
        return _looks(self._read(self._again, *self._slots[number]))

    def _still_slots(self, chunk: Chunk) -> tuple[Slot, ...]:
        """Where to look for the proof that a chunk stands still, where one is asked for."""
        if not self._repeats or not is_still(chunk, self._scan):
            return ()
        return plan_still(chunk, self._scan, self._starts)

    def _read_still(self, chunk: Chunk, reader: FrameReader) -> list[Picture]:
        """Two pictures that prove that it stands still, where the scan says so and it is true."""
        slots = self._still_slots(chunk)
        pictures = reader.read(chunk.span, slots, self._side)
        if len(pictures) != 2:
            return []
        same = is_same(pictures[0].look, pictures[1].look, CELL_DIFFERENCE)
        return pictures if same else []

    def find_same(self, look: ChunkLook, pictures: Sequence[Picture]) -> int | None:
        """The number of an earlier chunk that looks and says the same."""
        return self._known.find(look, _looks(pictures))

    def add(
        self,
        chunk: Chunk,
        slots: Sequence[Slot],
        look: ChunkLook,
        pictures: Sequence[Picture] = (),
    ) -> None:
        """Remember a chunk that is asked about, or was; with its pictures, where they were read."""
        self._slots[chunk.number] = chunk, slots
        self._known.add(look)
        if pictures:
            self._looks[chunk.number] = _looks(pictures)
            while sum(map(len, self._looks.values())) > LOOKS_KEPT:
                self._looks.popitem(last=False)

    def look_of(self, chunk: Chunk, words: Words, coarse: bytes) -> ChunkLook:
        """What a chunk looks like and says; `coarse` is `make_coarse` of its pictures."""
        return ChunkLook(
            chunk.number,
            chunk.span.seconds,
            is_still(chunk, self._scan),
            most_motion(chunk, self._scan),
            coarse,
            (*(said.text for said in words.speech), *(line.text for line in words.text)),
        )


def _looks(pictures: Sequence[Picture]) -> list["np.ndarray"]:
    return [picture.look for picture in pictures]
