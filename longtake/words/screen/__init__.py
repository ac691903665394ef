"""The text in the pictures of a video: each line once, with the stretch for which it stands.

Goes through the video once, and reads only where letters may have come or changed.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from longtake.records import Overview, Scan, ScreenText
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import open_frames
from longtake.video.probe import Index
from longtake.words.background import BackgroundFinder, Finding, Recall, StoreNotes
from longtake.words.screen.line_tracker import CaptionTracker, GreyPicture, upright
from longtake.words.screen.reader import Box, Line, TextReader, as_box
from longtake.words.screen.strokes import Rect, may_hold_more

VERSION = 2
"""Part of what a reading is kept under: raised whenever pictures are chosen in another way."""
READ_SIDE = 960
"""The longest side of a picture that is read, in pixels. Tried on captions in 1280x720: letters of
16 pixels are read as from the whole picture, of 13 nearly so; at 640 a quarter of those is lost."""
SAMPLE_SECONDS, LONG_SAMPLE_SECONDS = 1.0, 2.0
LONG_SECONDS = 1200.0
"""A sample for each second, and up to so long a film; in longer ones the samples are as many, until
they are two seconds apart."""
PICTURES = 5
"""So many pictures for each sample: those between tell when text came and went."""
FROZEN_SECONDS, LONG_FROZEN_SECONDS = 4.0, 20.0
"""Between samples while the picture stands still; the longer where a key frame comes by then, so
that pictures that show nothing new need not be decoded."""
COVERED = 0.5
"""Of a box that is found: then it is a line that is known to stand there."""


def read_text(
    path: Path,
    index: Index,
    scan: Scan,
    reader: TextReader,
    edges: Sequence[float],
    recall: Recall,
) -> Finding[ScreenText]:
    """For each of the edges (ends of chunks, ascending) the lines that stand between it and the one
    before, with their spans as far as they are known.

    What is read of a picture is kept under facts, and recalled in place of reading it again.
    """
    captions = CaptionTracker(scan.cuts)
    searcher = _Searcher(reader, captions, recall)
    done, start, last, end = 0, 0.0, 0.0, scan.shots[-1].span.end
    with open_frames(path, index) as frames:
        for time, is_sample in plan_pictures(scan, index.keys.tolist()):
            found = frames.read(Span(time, time), [Slot((time,))], READ_SIDE)
            if not found:
                continue  # it can't be decoded
            searcher.take(time, found[0].pixels, is_sample)
            last = time
            while is_sample and done < len(edges) and edges[done] <= time:
                yield edges[done], captions.list_lines(Span(start, edges[done]))
                start, done = edges[done], done + 1
    # What comes after the last picture that could be decoded is not known.
    end = end if end - last <= SAMPLE_SECONDS else last
    for edge in edges[done:]:
        yield edge, captions.list_lines(Span(start, edge), end)
        start = edge


class _Searcher:
    """Reads samples; keeps the last one, the pictures since, and the last one that was searched."""

    def __init__(self, reader: TextReader, captions: CaptionTracker, recall: Recall) -> None:
        self._reader, self._captions, self._recall = reader, captions, recall
        self._between: list[GreyPicture] = []
        self._searched: np.ndarray | None = None

    def take(self, time: float, rgb: np.ndarray, is_sample: bool) -> None:
        """Take in one more picture, uint8 RGB."""
        import cv2

        picture = GreyPicture(time, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        if is_sample:
            self._sample(picture, rgb)
            self._between = []
        self._between.append(picture)

    def _sample(self, picture: GreyPicture, rgb: np.ndarray) -> None:
        """Read what is new in a picture, and only that."""
        known = self._captions.check(picture)
        before = np.zeros_like(picture.grey) if self._searched is None else self._searched
        same_size = before.shape == picture.grey.shape
        if (
            not self._captions.doubted
            and same_size
            and not may_hold_more(before, picture.grey, known)
        ):
            return
        self._searched = picture.grey
        lines = self._read(picture.time, rgb, known)
        self._captions.note(picture, lines, self._between)

    def _read(self, time: float, rgb: np.ndarray, known: Sequence[Rect]) -> list[Line]:
        """The lines of a picture that lie outside the known places."""
        facts = {
            "stage": "text",
            "time": time,
            "known": [list(vars(rect).values()) for rect in known],
            "side": READ_SIDE,
            "version": VERSION,
            "reader": dict(self._reader.facts),
        }

        def read() -> list[tuple[Box, str, float]]:
            boxes = [
                box
                for box in self._reader.find(rgb)
                if all(upright(Line(box, "", 0)).cover(rect) < COVERED for rect in known)
            ]
            lines = self._reader.read(rgb, boxes)
            return [(line.box, line.text, line.score) for line in lines]

        rows = self._recall(facts, read)
        return [Line(as_box(box), text, score) for box, text, score in rows]


def plan_pictures(scan: Scan, keys: Sequence[float] = ()) -> Iterator[tuple[float, bool]]:
    """When to look at the video, in time order, and whether that picture is a sample to be read.

    Samples come soon after each cut; a picture that stands still is looked at now and then, at one
    of `keys`, the times at which decoding can start, where there are some.
    """
    seconds = scan.shots[-1].span.end
    spacing = min(LONG_SAMPLE_SECONDS, max(SAMPLE_SECONDS, seconds / LONG_SECONDS * SAMPLE_SECONDS))
    frozen = iter([*scan.frozen, Span(float("inf"), float("inf"))])
    still = next(frozen)
    last = float("-inf")
    for shot in scan.shots:
        for time, is_sample in _plan_shot(shot.span, spacing):
            while still.end <= time:
                still = next(frozen)
            inside = still.start + 1.5 * spacing < time < still.end - 1.5 * spacing / PICTURES
            moment = _still_moment(time, last, keys) if inside and is_sample else time
            if inside and not (is_sample and moment):
                continue
            last = moment if is_sample else last
            yield moment, is_sample


def _still_moment(time: float, last: float, keys: Sequence[float]) -> float:
    """When to look next at a picture that stands still, as it is planned for `time`; 0: not yet."""
    if time - last < FROZEN_SECONDS:
        return 0.0
    place = bisect_right(keys, time)
    if place and keys[place - 1] > last:
        return keys[place - 1]
    return 0.0 if place < len(keys) and keys[place] - last <= LONG_FROZEN_SECONDS else time


def _plan_shot(span: Span, spacing: float) -> Iterator[tuple[float, bool]]:
    """Every fifth picture is a sample, from the second on; the last one, too, where that is far."""
    count = max(1, round(span.seconds * PICTURES / spacing))
    step = span.seconds / count
    for place in range(count):
        is_last = place == count - 1 and (place - 1) % PICTURES > PICTURES // 2
        is_sample = place % PICTURES == min(1, count - 1) or is_last
        yield round(span.start + (place + 0.5) * step, 3), is_sample


def start_reading(
    settings: Settings, store: Store, overview: Overview, index: Index
) -> BackgroundFinder[ScreenText] | None:
    """Finds the lines of each chunk, with the time of its end; None where nobody is to read."""
    edges = [chunk.span.end for chunk in overview.chunks if not chunk.missing]
    if settings.read_text == "off" or not edges:
        return None
    video, reader = overview.video, TextReader()
    notes = StoreNotes(store, video, "read")
    find = partial(read_text, video.path, index, overview.scan, reader, edges, notes.recall)
    facts = {"whole": dict(reader.facts), "version": VERSION, "edges": edges}
    return BackgroundFinder(notes.find_once(facts, ScreenText, find), reader.name, notes)


def in_reading_order(lines: Sequence[ScreenText], span: Span) -> tuple[ScreenText, ...]:
    """What comes within a second is read from top to bottom, and so is what was there before."""
    return tuple(
        sorted(lines, key=lambda line: (max(0, int(line.span.start - span.start)), line.top))
    )
