"""What is said and written in each chunk, found in threads beside the describe step.

Puts each sentence to its chunk; knows no engine and no prompt.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from longtake.records import (
    Chunk,
    Description,
    Overview,
    ScreenText,
    Segment,
    StageUsage,
    Words,
)
from longtake.settings import Settings
from longtake.store import Store
from longtake.text.clauses import CROSSES
from longtake.text.plurals import say_count
from longtake.timecode import Span
from longtake.video.probe import Index
from longtake.words.background import END, BackgroundFinder, closing_finder
from longtake.words.screen import in_reading_order, start_reading
from longtake.words.speech.transcript import Speech, open_speech

BEFORE_SECONDS = 10.0
"""So much of what was said before a chunk is told with it."""
CROSSING_SECONDS = 0.3
"""What lies over a chunk's edge by no more may be a word's time that is a little off."""


class ChunkWords:
    """What is said and written in each chunk of a video; `reading` finds what is written."""

    def __init__(
        self,
        speech: Speech,
        reading: BackgroundFinder[ScreenText] | None,
        chunks: Sequence[Chunk],
    ) -> None:
        self.speech, self.reading = speech, reading
        self._chunks = chunks
        self._lines: dict[float, Sequence[ScreenText]] = {}
        """What is written in each chunk, by its end."""
        self._edges = [chunk.span.end for chunk in chunks]
        self._starts = np.array([chunk.span.start for chunk in chunks])
        self._ends = np.array(self._edges)
        self._placed = 0
        self._said: dict[int, list[Segment]] = defaultdict(list)
        self._words: dict[int, Words] = {}

    def are_known(self, chunk: Chunk) -> bool:
        """Whether `of` need not wait."""
        read = not self.reading or self.reading.until >= chunk.span.end
        return read and self.speech.until >= self._heard_at(chunk)

    def _heard_at(self, chunk: Chunk) -> float:
        """When its words are known; what goes on after the last picture is the last chunk's."""
        return END if chunk is self._chunks[-1] else chunk.span.end

    def of(self, chunk: Chunk) -> Words:
        """Its words, once they are known; a sentence is whole where most of it lies."""
        number = chunk.number
        if number not in self._words:
            self.speech.wait(self._heard_at(chunk))
            for segment in self.speech.segments[self._placed :]:
                self._placed += 1
                self._said[self._home(segment.span)].append(segment)
            if self.reading and not chunk.missing:
                self._lines.update(self.reading.take(chunk.span.end))
            text = in_reading_order(self._lines.get(chunk.span.end, ()), chunk.span)
            self._words[number] = Words(tuple(self._said[number]), text, self._before(chunk))
        return self._words[number]

    def _home(self, span: Span) -> int:
        """The number of the chunk in which most of the span lies; of several, of the first."""
        last = len(self._edges) - 1
        first = min(bisect_right(self._edges, span.start), last)
        end = min(max(first, bisect_left(self._edges, span.end)), last)
        ends = np.minimum(self._ends[first : end + 1], span.end)
        overlaps = ends - np.maximum(self._starts[first : end + 1], span.start)
        return self._chunks[first + int(overlaps.argmax())].number

    def _before(self, chunk: Chunk) -> tuple[Segment, ...]:
        """What was said in the chunks before it, a little while ago."""
        since = chunk.span.start - BEFORE_SECONDS
        said: list[Segment] = []
        for other in reversed(self._chunks[: chunk.number - 1]):
            if other.span.end <= since:
                break
            said = [s for s in self._said[other.number] if s.span.end > since] + said
        return tuple(said)

    def add_to(self, description: Description) -> Description:
        """The description with the words of its chunk, as the reports show them."""
        chunk = description.chunk
        words = self.of(chunk)
        return replace(
            description,
            speech=" ".join(_mark_crossing(segment, chunk.span) for segment in words.speech),
            on_screen=" / ".join(dict.fromkeys(line.text for line in words.text)),
        )

    @property
    def known(self) -> Mapping[int, Words]:
        """What was said and written in each chunk that `of` was asked for."""
        return self._words

    @property
    def language(self) -> str:
        """That of what is said, once it is known, as an ISO 639 code; empty where it is not."""
        return self.speech.finish().language

    def say_speech(self) -> str:
        """In one sentence, what became of what is said."""
        transcript = self.speech.finish()
        parts = [transcript.remark]
        if transcript.segments:
            language = f" ({transcript.language})" if transcript.language else ""
            count = say_count(len(transcript.segments), "sentence")
            parts.insert(0, f"{count}{language}, {transcript.source}")
            late = [s for s in transcript.segments if s.span.start >= self._edges[-1]]
            if late:
                parts.append(f"{len(late)} of them after the last picture, told of the last chunk")
        elif not transcript.remark:
            parts.insert(0, f"no words in it, {transcript.source}")
        return "; ".join(filter(None, parts))

    def usage(self) -> list[StageUsage]:
        """What listening and reading took in this run."""
        finders = (self.speech.finder, self.reading)
        return [usage for finder in finders if finder for usage in finder.usage()]

    def say_text(self) -> str:
        """In one sentence, what became of what is written."""
        if not self.reading:
            return "nobody read the pictures (--read-text off)"
        self._lines.update(self.reading.take(END))  # or not all of it would be kept
        written = [line for words in self._words.values() for line in words.text]
        lines = len({(line.span.start, line.text) for line in written})
        said = (
            f"{say_count(lines, 'line')} read by {self.reading.name}" if lines else "none was found"
        )
        return "; ".join(filter(None, (said, self.reading.broken)))


@contextmanager
def open_words(
    settings: Settings, store: Store, overview: Overview, index: Index
) -> Iterator[ChunkWords]:
    """The words of a video, listened for and read from now on until the end."""
    with open_speech(settings, store, overview.video, index) as speech:
        reading = start_reading(settings, store, overview, index)
        with closing_finder(reading):
            yield ChunkWords(speech, reading, overview.chunks)


def _mark_crossing(segment: Segment, span: Span) -> str:
    """The sentence, with an arrow where it begins before the span or ends after it."""
    before = f"{CROSSES} " if segment.span.start < span.start - CROSSING_SECONDS else ""
    after = f" {CROSSES}" if segment.span.end > span.end + CROSSING_SECONDS else ""
    return f"{before}{segment.text.replace(CROSSES, '→')}{after}"
