"""What is said, written and described in a video, as whole sentences with their times.

Joins cues to sentences and cuts what never ends; knows no topic and no model.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import sentencex

from longtake.digest.word_weights import measure
from longtake.records import Description, ScreenText, Segment, Source, Words
from longtake.text.clauses import CROSSES, ELLIPSIS
from longtake.text.untrusted import one_line
from longtake.text.words import count_words
from longtake.timecode import Span

PAUSE_SECONDS = 3.0
"""A silence as long ends a sentence, with a full stop or without one."""
MOST_LETTERS, PIECE_LETTERS = 320, 120
"""A sentence with more may be one that never ends: it is cut into pieces of about so many."""
HEADING_RATIO = 1.25
"""So much larger than the line in the middle is a heading."""
HEADING_WORDS = 10
FEWEST_LETTERS = 3
WINDOW_LETTERS = 4096
"""So much of a text is looked at in one go: in text that isn't ASCII, the library counts letters
from its beginning for each sentence."""
COMMAS = ",;:–—、，；：،؛"
_JOINED = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff01-\uff60]")
"""Letters of scripts that set no space between words."""


@dataclass(frozen=True)
class Quote:
    """Words of the video or of its descriptions, whole, with the chunks in which they stand.

    `source` says whose they are; `heading` whether a line on screen is larger than the others;
    `pause` how long it was silent before, in seconds.
    """

    text: str
    span: Span
    chunks: tuple[int, ...]
    source: Source
    heading: bool = False
    pause: float = 0.0


def list_quotes(
    descriptions: Sequence[Description], words: Mapping[int, Words], language: str = ""
) -> list[Quote]:
    """All that is said, written and described, in time order; `language` is an ISO 639 code.

    `words` has the exact times by chunk; of a chunk that it lacks, the description's cells tell
    what was said and written, with the times of the chunk.
    """
    ends = _find_ends(descriptions)
    known = {
        d.chunk.number: words.get(d.chunk.number) or _read_cells(d, end)
        for d, end in zip(descriptions, ends, strict=True)
    }
    said = [(s, number) for number, found in known.items() for s in found.speech]
    quotes = [
        *_join_speech(said, language),
        *_list_written(known),
        *(quote for d in descriptions if d.is_prose for quote in _split_description(d)),
    ]
    return sorted(quotes, key=lambda quote: (quote.span.start, not quote.heading))


def _find_ends(descriptions: Sequence[Description]) -> list[float]:
    """When what is said in each chunk ends at the latest; what goes on, with the next one's."""
    ends: list[float] = []
    following = 0.0
    for description in reversed(descriptions):
        goes_on = description.speech.rstrip().endswith(CROSSES)
        ends.append(max(description.chunk.span.end, following if goes_on else 0.0))
        following = description.chunk.span.start if description.speech else following
    return ends[::-1]


def _read_cells(description: Description, end: float) -> Words:
    """What was said and written, with the times of the chunk; the first line is largest."""
    span = description.chunk.span
    said = one_line(description.speech.replace(CROSSES, " "))
    lines = [line for line in description.on_screen.split(" / ") if line]
    large = len(lines) > 1 and count_words(lines[0]) <= HEADING_WORDS
    heights = [2.0 if large and not place else 1.0 for place in range(len(lines))]
    return Words(
        (Segment(Span(span.start, end), said),) if said else (),
        tuple(ScreenText(span, line, 0.0, h) for line, h in zip(lines, heights, strict=True)),
    )


@dataclass(frozen=True)
class _Piece:
    """A segment as it stands in the text that is joined of many."""

    start: int
    """Its place in the text, in letters."""
    segment: Segment
    chunk: int

    def time(self, place: int) -> float:
        """The time at which the letter at `place` is said, by its share of the segment."""
        share = (place - self.start) / max(1, len(self.segment.text))
        return self.segment.span.start + min(1.0, max(0.0, share)) * self.segment.span.seconds


def _join_speech(said: Iterable[tuple[Segment, int]], language: str) -> Iterator[Quote]:
    """Sentences of the segments, whichever way the text was cut into these."""
    stretches: list[list[tuple[Segment, int]]] = []
    end = 0.0
    for segment, chunk in sorted(said, key=lambda pair: pair[0].span.start):
        # What lies within another cue is another speaker's.
        apart = segment.span.start - end >= PAUSE_SECONDS or segment.span.end < end
        if apart or not stretches:
            stretches.append([])
        end = max(end, segment.span.end)
        stretches[-1].append((replace(segment, text=one_line(segment.text)), chunk))
    end = 0.0
    for stretch in stretches:
        pause = max(0.0, stretch[0][0].span.start - end)
        end = max(segment.span.end for segment, _ in stretch)
        for place, quote in enumerate(_split_stretch(stretch, language)):
            yield replace(quote, pause=0.0 if place else pause)


def _split_stretch(stretch: Sequence[tuple[Segment, int]], language: str) -> Iterator[Quote]:
    text, pieces = _join_pieces(stretch)
    starts = [piece.start for piece in pieces]
    for start, end, cut in _find_sentences(text, starts, language):
        first = max(0, bisect_right(starts, start) - 1)
        last = max(first, bisect_right(starts, end - 1) - 1)
        begun, ended = pieces[first].time(start), pieces[last].time(end)
        inside = pieces[first : last + 1]
        homes = [piece.chunk for piece in inside]
        chunks = tuple(range(min(homes), max(homes) + 1))
        ended = max(ended, *(piece.segment.span.end for piece in inside[:-1]), begun)
        shown = f"{ELLIPSIS} " * cut[0] + text[start:end] + f" {ELLIPSIS}" * cut[1]
        yield Quote(shown, Span(round(begun, 3), round(ended, 3)), chunks, "voice")


def _join_pieces(stretch: Sequence[tuple[Segment, int]]) -> tuple[str, list[_Piece]]:
    """The segments' text as one, and where each stands in it."""
    parts: list[str] = []
    pieces: list[_Piece] = []
    length = 0
    for segment, chunk in stretch:
        near = bool(parts and parts[-1] and _JOINED.match(parts[-1][-1]))
        space = "" if not parts or (near and _JOINED.match(segment.text[:1])) else " "
        parts += [space, segment.text]
        length += len(space)
        pieces.append(_Piece(length, segment, chunk))
        length += len(segment.text)
    return "".join(parts), pieces


def _find_sentences(
    text: str, starts: Sequence[int], language: str
) -> Iterator[tuple[int, int, tuple[bool, bool]]]:
    """Where each sentence begins and ends, and whether it was cut there: one that never ends is."""
    base = language.partition("-")[0] or "en"
    start = 0
    for end in find_ends(text, base):
        for first, last in _cut_long(text, start, end, starts):
            lead = len(text[first:last]) - len(text[first:last].lstrip())
            kept = text[first:last].strip()
            if any(letter.isalnum() for letter in kept):
                yield first + lead, first + lead + len(kept), (first > start, last < end)
        start = end


def find_ends(text: str, language: str) -> Iterator[int]:
    """The places behind each sentence."""
    place = 0
    while place < len(text):
        window = text[place : place + WINDOW_LETTERS]
        lengths = [len(sentence) for sentence in sentencex.segment(language, window)]
        if place + len(window) < len(text):
            del lengths[-1]  # it may go on behind the window
        for length in lengths:
            place += length
            yield place
        if not lengths:
            place += len(window)


def _cut_long(text: str, start: int, end: int, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pieces of one that is too long, about equal: cut at commas, segments, or spaces."""
    letters = measure(text[start:end])
    if letters <= MOST_LETTERS:
        yield start, end
        return
    count = -(-letters // PIECE_LETTERS)
    step = (end - start) / count
    begun = start
    for number in range(1, count):
        cut = _find_cut(text, starts, round(start + number * step), round(step / 3))
        if begun < cut < end:
            yield begun, cut
            begun = cut
    yield begun, end


def _find_cut(text: str, starts: Sequence[int], middle: int, reach: int) -> int:
    """The best place near the middle: behind a comma, where a segment begins, at a space."""
    low, high = middle - reach, middle + reach
    commas = [k + 1 for k in range(low, high) if text[k] in COMMAS]
    begun = list(starts[bisect_right(starts, low) : bisect_left(starts, high)])
    spaces = [k for k in range(low, high) if text[k].isspace()]
    for places in (commas, begun, spaces):
        if places:
            return min(places, key=lambda k: abs(k - middle))
    return middle


def _list_written(known: Mapping[int, Words]) -> Iterator[Quote]:
    """Each line on screen once, for as long as it stands there."""
    lines: dict[tuple[str, float], tuple[ScreenText, list[int]]] = {}
    headings: set[tuple[str, float]] = set()
    for number, words in known.items():
        heading = find_heading(words.text)
        for line in words.text:
            key = one_line(line.text).casefold(), line.span.start
            lines.setdefault(key, (line, []))[1].append(number)
            headings |= {key} if line is heading else set()
    for key, (line, chunks) in lines.items():
        shown = one_line(line.text)
        if sum(letter.isalpha() for letter in shown) < FEWEST_LETTERS:
            continue  # a clock, a page number
        yield Quote(shown, line.span, tuple(dict.fromkeys(chunks)), "screen", key in headings)


def find_heading(lines: Sequence[ScreenText]) -> ScreenText | None:
    """The first line, where it is larger than the rest."""
    heights = sorted(line.height for line in lines[1:])
    if heights and lines[0].height >= HEADING_RATIO * heights[len(heights) // 2]:
        return lines[0]
    return None


def _split_description(description: Description) -> Iterator[Quote]:
    """The sentences of a description, each with the chunk's times."""
    chunk, text = description.chunk, one_line(description.text)
    for start, end in pairwise([0, *find_ends(text, "en")]):
        if any(letter.isalnum() for letter in text[start:end]):
            yield Quote(text[start:end].strip(), chunk.span, (chunk.number,), "description")
