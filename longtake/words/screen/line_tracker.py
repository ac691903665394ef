"""Joins what is read in single pictures into captions: a line of text and the time it stands.

Decodes and reads nothing; is told what was read, and looks whether its strokes still stand.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np

from longtake.records import ScreenText
from longtake.timecode import Span
from longtake.words.screen.reader import Line
from longtake.words.screen.strokes import Rect, compare_strokes, cut_out, find_again

SAME_PART = 0.85
"""How alike the strokes of each letter must be to stand for the same text unread. Tried over street
footage, animation and photos: a 3 that becomes an 8 comes to 0.84, and letters behind which the
picture changes to 0.82 or more in half of the cases; the others are read again in vain."""
STANDS_WHOLE, STANDS_PART = 0.5, 0.2
"""How alike they must be to be those of a caption whose text is known to be near in time: it may be
faded, or have something pass behind it."""
REACH = 0.08
"""Of the picture's height: how far a caption moves from one picture to the next."""
SAME_TEXT, SAME_SIZE = 0.8, 1.5
"""Two readings are of one caption where so many of their letters are alike, and where the letters'
heights differ by no more: a title that comes back as a footer is another."""
FAR = 0.5
"""Of the picture's height: how far a line moves from one sample to the next."""
RIM = 3
"""Pixels from the picture's rim at which letters may be cut off."""
COVERED = 0.7
"""Of the smaller of two boxes; then both are in one place."""
LEAST_SHARED, SHARED, CUT_LETTERS, LONGEST_RUN = 6, 0.3, 3, 400
"""Letters that two readings of a running line share at least, and of the second one's; how many of
them may be cut off at the ends; and how long it may become before another begins."""
PAUSE_SECONDS = 1.0
"""A caption that is away for no longer was only misread, or something passed before it."""
SURE_SCORE, SURE_ALONE = 0.8, 0.95
"""What the reader's score must come to, for a line that was seen in several samples, and in one.
Below 0.8, textures of foliage and brick are read as letters (tried on street footage)."""
LEAST_SECONDS = 0.5
"""Nobody reads what stands for less; of what was seen in one sample, mostly crossing strokes do."""
CROSSING_SECONDS = 0.25
"""What reaches into a chunk by no more is not told of it: starts and ends are known no better."""


@dataclass(frozen=True)
class GreyPicture:
    """A picture at `time`, as grey levels, uint8 of shape (height, width)."""

    time: float
    grey: np.ndarray = field(repr=False)


@dataclass
class Caption:
    """A line of text as far as it is known; `end` is None while it stands."""

    start: float
    rect: Rect
    crop: np.ndarray = field(repr=False)
    text: str
    """As it was read last."""
    score: float
    best: float = 0.0
    """The highest score that any reading had."""
    readings: dict[str, float] = field(default_factory=dict)
    """The scores of each reading, added up over the samples in which it stood."""
    run: str = ""
    """All that has passed by, where the line runs through the picture."""
    samples: int = 0
    end: float | None = None

    def see(self, line: Line | None = None, picture: GreyPicture | None = None) -> None:
        """It stands in one more sample; as `line`, where it was read anew."""
        if line and picture:
            before = self.run or max(self.readings, key=len, default="")
            self.run = join_running(before, line.text) or self.run
            self.text, self.score = line.text, line.score
            self.rect = upright(line)
            self.crop = cut_out(picture.grey, self.rect).copy()
            self.best = max(self.best, line.score)
        self.samples += 1
        self.end = None
        self.readings[self.text] = self.readings.get(self.text, 0.0) + self.score

    @property
    def is_sure(self) -> bool:
        """Whether its scores and its samples make it likely to be text."""
        if self.samples > 1:
            return self.best >= SURE_SCORE
        is_short = self.end is not None and self.end - self.start < LEAST_SECONDS
        return self.best >= SURE_ALONE and not is_short

    def as_text(self, until: float, height: int) -> ScreenText:
        """What it says; of several readings, the one that stood longest and surest."""
        text = self.run or max(self.readings, key=lambda text: (self.readings[text], text))
        end = until if self.end is None else self.end
        return ScreenText(
            Span(round(self.start, 3), round(max(self.start, end), 3)),
            text,
            round(max(0, self.rect.top) / height, 3),
            round(self.rect.height / height, 3),
        )


class CaptionTracker:
    """The captions of a video up to the sample that was noted last; `cuts` are in seconds."""

    def __init__(self, cuts: Sequence[float] = ()) -> None:
        self._cuts = cuts
        self._height = 1
        self._standing: list[Caption] = []
        self.doubted: list[Caption] = []
        """Those that do not stand as they did, by the last check."""
        self._gone: list[Caption] = []
        """Those that may come back, or that belong to the chunk at hand."""
        self._first = float("inf")
        """The time of the first sample."""

    def check(self, picture: GreyPicture) -> list[Rect]:
        """See which captions stand unchanged in a sample; the places of those, to be left out."""
        self._height = picture.grey.shape[0]
        self._first = min(self._first, picture.time)
        self.doubted = []
        for caption in self._standing:
            _, part = compare_strokes(caption.crop, cut_out(picture.grey, caption.rect))
            if part >= SAME_PART:
                caption.see()
            else:
                self.doubted.append(caption)
        return [c.rect for c in self._standing if c not in self.doubted]

    def note(
        self, picture: GreyPicture, lines: Sequence[Line], between: Sequence[GreyPicture]
    ) -> None:
        """What was read in the sample that was checked last; `between` are the pictures before it,
        from the sample before on.
        """
        left = [line for line in lines if line.text]
        for caption, line in _pair(self.doubted, left, self._height):
            caption.see(line, picture)
            self.doubted.remove(caption)
            left.remove(line)
        for caption in self.doubted:
            self._miss(caption, picture, left, between)
        for line in left:
            self._add(line, picture, between)
        self.doubted = []

    def _miss(
        self,
        caption: Caption,
        picture: GreyPicture,
        lines: Sequence[Line],
        between: Sequence[GreyPicture],
    ) -> None:
        """A caption that was not read again: it stands all the same, or has ended."""
        replaced = any(upright(line).cover(caption.rect) >= COVERED for line in lines)
        if _stands(caption.crop, cut_out(picture.grey, caption.rect)) and not replaced:
            caption.see()
            return
        caption.end = self._edge(caption, [*between, picture])
        self._standing.remove(caption)
        self._gone.append(caption)

    def _add(self, line: Line, picture: GreyPicture, between: Sequence[GreyPicture]) -> None:
        """A line that belongs to no caption that stands: one that was away, or a new one."""
        caption = Caption(0.0, upright(line), picture.grey[:0, :0], line.text, line.score)
        caption.see(line, picture)
        caption.start = self._edge(caption, [picture, *reversed(between)])
        back = [
            other
            for other in self._gone
            if other.end is not None
            and caption.start - other.end <= PAUSE_SECONDS
            and is_same_text(other.text, line.text)
            and other.rect.cover(caption.rect) >= COVERED
        ]
        if back:
            caption = back[-1]
            caption.see(line, picture)
            self._gone.remove(caption)
        self._standing.append(caption)

    def _edge(self, caption: Caption, pictures: Sequence[GreyPicture]) -> float:
        """When the caption ends, going through the pictures in order; they may go back in time."""
        rect, last = caption.rect, pictures[0]
        for picture in pictures[1:]:
            reach = round(REACH * self._height)
            rect = find_again(caption.crop, picture.grey, rect, reach)
            if not _stands(caption.crop, cut_out(picture.grey, rect)):
                return self._between(*sorted((last.time, picture.time)))
            last = picture
        return last.time if last.time > self._first else 0.0

    def _between(self, before: float, after: float) -> float:
        """When something changed that had not at the one time and had at the other."""
        place = bisect_right(self._cuts, before)
        if place < len(self._cuts) and self._cuts[place] <= after:
            return self._cuts[place]
        return round((before + after) / 2, 3)

    def list_lines(self, span: Span, end: float = float("inf")) -> tuple[ScreenText, ...]:
        """What stands in a stretch, in the order in which it came and then from top to bottom.

        Stretches must be asked for in order; what has ended before this one is let go. What still
        stands does so at most until `end`.
        """
        found = [
            caption.as_text(min(span.end, end), self._height)
            for caption in (*self._gone, *self._standing)
            if caption.is_sure
        ]
        # Those that can't come back are of no more use.
        self._gone = [c for c in self._gone if (c.end or 0.0) + PAUSE_SECONDS >= span.end]
        found = [text for text in found if _is_in(text.span, span)]
        return tuple(sorted(found, key=lambda text: (text.span.start, text.top, text.text)))


def upright(line: Line) -> Rect:
    """The rectangle around a line's box."""
    xs, ys = zip(*line.box, strict=True)
    return Rect(max(0, min(xs)), max(0, min(ys)), max(xs), max(ys))


def is_same_text(one: str, other: str) -> bool:
    """Whether two readings may be of one text: nearly the same letters, and the same digits."""
    first, second = (_letters(text) for text in (one, other))
    if [c for c in first if c.isdigit()] != [c for c in second if c.isdigit()]:
        return False
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= SAME_TEXT


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _stands(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the strokes of a caption in a crop may be those in another."""
    whole, part = compare_strokes(one, other)
    return whole >= STANDS_WHOLE and part >= STANDS_PART


def _pair(
    captions: Sequence[Caption], lines: Sequence[Line], height: int
) -> list[tuple[Caption, Line]]:
    """Which caption each line is, if any; of several the nearest. `height` is the picture's."""
    near = sorted(
        (_away(caption.rect, upright(line)), place, number)
        for place, caption in enumerate(captions)
        for number, line in enumerate(lines)
        if _is_one(caption, line, height)
    )
    pairs: dict[int, int] = {}
    for _, place, number in near:
        if place not in pairs and number not in pairs.values():
            pairs[place] = number
    return [(captions[place], lines[number]) for place, number in pairs.items()]


def _is_one(caption: Caption, line: Line, height: int) -> bool:
    """Whether a line is the caption's: the same text not far off, or a part of it in its place, or
    what follows it where it runs through the picture.
    """
    rect = upright(line)
    if is_same_text(caption.text, line.text):
        return _may_be_moved(caption.rect, rect, height)
    short, long = sorted((_letters(caption.text), _letters(line.text)), key=len)
    if short in long and caption.rect.cover(rect) >= COVERED:
        return True
    in_row = abs(caption.rect.top - rect.top) <= rect.height / 4
    return in_row and bool(join_running(caption.text, line.text))


def _may_be_moved(before: Rect, now: Rect, height: int) -> bool:
    """Whether a line may have come from the one place to the other since the sample before.

    Letters keep their size, but those that come in or go out may be cut off at the picture's rim.
    """
    small, large = sorted((before.height, now.height))
    at_rim = any(rect.top <= RIM or rect.bottom >= height - RIM for rect in (before, now))
    return (at_rim or large <= SAME_SIZE * small) and _away(before, now) <= FAR * height


def join_running(before: str, now: str) -> str:
    """A line that runs leftwards through the picture, joined from what was read of it before and
    what is read of it now; empty where the one does not go on in the other.
    """
    start = max(0, len(before) - len(now) - CUT_LETTERS)
    same = SequenceMatcher(None, before[start:], now, autojunk=False).find_longest_match()
    begin, end = start + same.a, start + same.a + same.size
    follows = same.b <= CUT_LETTERS <= begin and len(before) - end <= CUT_LETTERS
    if not follows or same.size < max(LEAST_SHARED, SHARED * len(now)):
        return ""
    joined = before[:end] + now[same.b + same.size :]
    return joined if len(before) < len(joined) <= LONGEST_RUN else ""


def _away(one: Rect, other: Rect) -> int:
    return abs(one.left - other.left) + abs(one.top - other.top)


def _is_in(one: Span, stretch: Span) -> bool:
    """Whether enough of the one lies in the other to be told of it."""
    shared = min(one.end, stretch.end) - max(one.start, stretch.start)
    return shared >= min(CROSSING_SECONDS, one.seconds) and one.seconds > 0
