"""What is said and written in each chunk, found in threads beside the describe step.

Joins subtitles, listening and reading to the store; knows no engine and no prompt.
"""

import json
import logging
import threading
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from longtake.errors import SourceError, UsageError
from longtake.machine import count_cores
from longtake.records import (
    Chunk,
    Cost,
    Description,
    Scan,
    ScreenText,
    Segment,
    StageUsage,
    Transcript,
    Video,
    Words,
)
from longtake.settings import Settings
from longtake.store import Answer, Store, make_key
from longtake.text.clauses import CROSSES
from longtake.timecode import Span
from longtake.video.probe import Index
from longtake.video.sound import has_sound, read_sound
from longtake.words import screen
from longtake.words.screen.reader import TextReader
from longtake.words.speech.subtitles import find_subtitles, read_subtitles
from longtake.words.speech.whisper import choose_speech_model, open_recognizer, recognize

LOG = logging.getLogger("longtake")

BEFORE_SECONDS = 10.0
"""So much of what was said before a chunk is told with it."""
CROSSING_SECONDS = 0.3
"""What lies over a chunk's edge by no more may be a word's time that is a little off."""
CLOSE_SECONDS = 10.0
POLL_SECONDS = 0.2
"""A thread that waits without an end can't be interrupted on every system."""
END = float("inf")

Item = TypeVar("Item", Segment, ScreenText)
Finding = Generator[tuple[float, Sequence[Item]], None, None]
"""A time, and what was found: with it all is known that begins before that time."""


class StoreNotes:
    """What the store keeps of one video by facts; counts the dear steps."""

    def __init__(self, store: Store, video: Video, stage: str) -> None:
        self._store, self._video, self._stage = store, video, stage
        self._made = 0
        self._known = 0

    def recall(self, facts: Mapping[str, object]) -> str | None:
        """What a dear step gave, if it was ever made."""
        kept = self.get(facts)
        self._known += kept is not None
        return kept

    def keep(self, facts: Mapping[str, object], text: str) -> None:
        """Keep what a dear step gave, on disk when this returns."""
        self._made += 1
        self.put(facts, text)

    def get(self, facts: Mapping[str, object]) -> str | None:
        """As `recall`, of what cost nothing."""
        kept = self._store.get(self._key(facts))
        return kept.text if kept else None

    def put(self, facts: Mapping[str, object], text: str) -> None:
        """As `keep`, of what cost nothing."""
        self._store.put(self._key(facts), self._stage, Answer(self._stage, text=text, requests=0))

    def as_usage(self, engine: str, seconds: float) -> StageUsage:
        """What the dear steps of this run took."""
        return StageUsage(self._stage, engine, Cost(self._made, seconds=seconds), self._known)

    def _key(self, facts: Mapping[str, object]) -> str:
        return make_key({"stage": self._stage, "video": self._video.sha256, "of": facts})


def find_once(
    notes: StoreNotes,
    facts: Mapping[str, object],
    make: type[Item],
    find: Callable[[], Finding[Item]],
) -> Finding[Item]:
    """What `find` finds, kept whole when it has ended; from then on what was kept."""
    kept = notes.recall(facts)
    found, broken = json.loads(kept) if kept else ([], "")
    for until, rows in found:
        yield until, [make(Span(*row[0]), *row[1:]) for row in rows]
    if not kept:
        try:
            for until, items in find():
                found.append((until, [list(astuple(item)) for item in items]))
                yield until, items
        except SourceError as error:
            broken = error.message
        notes.put(facts, json.dumps([found, broken]))
    if broken:
        raise SourceError(broken)


class Beside(Generic[Item]):
    """A finding that goes on in a thread of its own; what it has found up to a time can be had."""

    def __init__(self, finding: Finding[Item], name: str, notes: StoreNotes | None = None) -> None:
        self._finding: Generator[tuple[float, Sequence[Item]], None, None] = finding
        self._name, self._notes = name, notes
        self._changed = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None
        self.found: list[tuple[float, Sequence[Item]]] = []
        self.until = 0.0
        self.broken = ""
        """Why the source could not be read to its end."""
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self, until: float) -> None:
        """Until all is known up to that time, or can't be; raises what ended it.

        A source that breaks is no reason to stop: what came before stands, and `broken` says it.
        """
        with self._changed:
            while self.until < until:
                self._changed.wait(POLL_SECONDS)
        if self._error:
            raise self._error

    def close(self) -> None:
        """End with the next thing that it finds, and wait a while for that.

        A thread that is inside a model when Python ends can take the process down with it.
        """
        self._stopped = True
        self._thread.join(CLOSE_SECONDS)

    def usage(self) -> list[StageUsage]:
        """What the dear steps of this run took."""
        return [self._notes.as_usage(self._name, self._seconds)] if self._notes else []

    def _run(self) -> None:
        started = time.monotonic()
        try:
            for until, items in self._finding:
                self._put(until, items)
                if self._stopped:
                    return
        except SourceError as error:
            self.broken = error.message
        except BaseException as error:
            self._error = error
        finally:
            self._finding.close()
            self._seconds = round(time.monotonic() - started, 3)
            self._put(END, ())

    def _put(self, until: float, items: Sequence[Item]) -> None:
        with self._changed:
            self.found.append((until, items))
            self.until = max(self.until, until)
            self._changed.notify_all()


def check_settings(settings: Settings) -> None:
    """UsageError or SourceError for what `--speech` or `--subtitles` can't name."""
    if not (settings.speech and settings.subtitles):
        raise UsageError("--speech and --subtitles must not be empty", "Leave them out: auto.")
    if settings.speech not in ("auto", "off"):
        choose_speech_model(settings.speech)
    if settings.subtitles not in ("auto", "off"):
        read_subtitles(Path(settings.subtitles).expanduser())


def _find_transcript(settings: Settings, video: Video, index: Index) -> Transcript | None:
    """What the site published with a link's video comes before what is in the file."""
    if video.captions and settings.subtitles == "auto":
        try:
            found = find_subtitles(video.path, index.start, str(video.captions))
        except SourceError as error:
            LOG.info("%s are not used: %s", video.captions_source, error.message)
        else:
            return found and replace(found, source=video.captions_source)
    return find_subtitles(video.path, index.start, settings.subtitles)


class Speech:
    """What is said in a video: in subtitles where there are some, else recognised."""

    def __init__(self, settings: Settings, store: Store, video: Video, index: Index) -> None:
        self._notes = StoreNotes(store, video, "listen")
        self.beside: Beside[Segment] | None = None
        self._taken = 0
        self.segments: list[Segment] = []
        """Those that are known by now, in the order in which they begin."""
        self._transcript = _find_transcript(settings, video, index)
        if self._transcript:
            self.segments += self._transcript.segments
            LOG.info("speech: %s", self._transcript.source)
        elif settings.speech == "off":
            self._transcript = Transcript("", remark="nobody listened (--speech off)")
        elif not has_sound(video.path):
            self._transcript = Transcript("", remark="the file has no sound")
        else:
            self._listen(settings, video, index)

    def _listen(self, settings: Settings, video: Video, index: Index) -> None:
        threads = max(1, count_cores() // 2)
        name = choose_speech_model(settings.speech)
        self._recognizer = recognizer = open_recognizer(name, settings.device, threads)
        LOG.info("speech: %s %s", recognizer.name, recognizer.why)
        notes = self._notes

        def find() -> Finding[Segment]:
            sound = read_sound(video.path, index.start)
            try:
                yield from recognize(sound, recognizer, notes.recall, notes.keep)
            except SourceError:
                keep_language()
                raise
            keep_language()

        def keep_language() -> None:
            if recognizer.language:
                notes.put({"language": dict(recognizer.facts)}, recognizer.language)

        facts = {"whole": dict(recognizer.facts)}
        self.beside = Beside(find_once(notes, facts, Segment, find), recognizer.name, notes)

    @property
    def heard_by(self) -> str:
        """The model that recognises it; empty where nobody has to."""
        return self._recognizer.name if self.beside else ""

    @property
    def may_come(self) -> bool:
        """Whether there may be any."""
        return bool(self.beside or self.segments)

    @property
    def until(self) -> float:
        """The time up to which it is known."""
        return self.beside.until if self.beside else END

    def wait(self, until: float) -> None:
        """Until all that begins before that time is among the segments."""
        if self.beside:
            self.beside.wait(until)
            for _, segments in self.beside.found[self._taken :]:
                self._taken += 1
                self.segments += segments

    def finish(self) -> Transcript:
        """All that is said, once it is known."""
        self.wait(END)
        if not self._transcript:
            assert self.beside
            language = self._notes.get({"language": dict(self._recognizer.facts)}) or ""
            source = f"recognised by {self._recognizer.name}"
            found = tuple(self.segments)
            self._transcript = Transcript(source, found, language, self.beside.broken)
        return self._transcript


class Writing:
    """What is written in the pictures, chunk by chunk."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        video: Video,
        index: Index,
        scan: Scan,
        chunks: Sequence[Chunk],
    ) -> None:
        self._notes = notes = StoreNotes(store, video, "read")
        self._reader = reader = TextReader()
        self.beside: Beside[ScreenText] | None = None
        self._taken = 0
        self._lines: dict[float, Sequence[ScreenText]] = {}
        edges = [chunk.span.end for chunk in chunks if not chunk.missing]

        def find() -> Finding[ScreenText]:
            yield from screen.read_text(
                video.path, index, scan, reader, edges, notes.recall, notes.keep
            )

        if settings.read_text != "off" and edges:
            facts = {"whole": dict(reader.facts), "version": screen.VERSION, "edges": edges}
            self.beside = Beside(find_once(notes, facts, ScreenText, find), reader.name, notes)

    @property
    def may_come(self) -> bool:
        """Whether there may be any."""
        return self.beside is not None

    @property
    def until(self) -> float:
        """The time up to which it is known."""
        return self.beside.until if self.beside else END

    def of(self, chunk: Chunk) -> tuple[ScreenText, ...]:
        """What is written in that chunk, once it is known."""
        if self.beside and not chunk.missing:
            self.beside.wait(chunk.span.end)
            for until, lines in self.beside.found[self._taken :]:
                self._taken += 1
                self._lines[until] = lines
        lines = self._lines.get(chunk.span.end, ())
        return tuple(sorted(lines, key=partial(_reading_order, chunk.span)))

    def say(self, written: Sequence[ScreenText]) -> str:
        """In one sentence, what became of what is written."""
        if not self.beside:
            return "nobody read the pictures (--read-text off)"
        self.beside.wait(END)  # or not all of it would be kept
        lines = len({(line.span.start, line.text) for line in written})
        said = f"{_count(lines, 'line')} read by {self._reader.name}" if lines else "none was found"
        return "; ".join(filter(None, (said, self.beside.broken)))


class ChunkWords:
    """What is said and written in each chunk of a video."""

    def __init__(self, speech: Speech, writing: Writing, chunks: Sequence[Chunk]) -> None:
        self.speech, self.writing = speech, writing
        self._chunks = chunks
        self._edges = [chunk.span.end for chunk in chunks]
        self._placed = 0
        self._said: dict[int, list[Segment]] = defaultdict(list)
        self._words: dict[int, Words] = {}

    def are_known(self, chunk: Chunk) -> bool:
        """Whether `of` need not wait."""
        last = chunk is self._chunks[-1]
        return (
            self.speech.until >= (END if last else chunk.span.end)
            and self.writing.until >= chunk.span.end
        )

    def of(self, chunk: Chunk) -> Words:
        """Its words, once they are known; a sentence is whole where most of it lies."""
        number = chunk.number
        if number not in self._words:
            # What goes on after the last picture is the last chunk's.
            self.speech.wait(END if chunk is self._chunks[-1] else chunk.span.end)
            for segment in self.speech.segments[self._placed :]:
                self._placed += 1
                self._said[self._home(segment.span)].append(segment)
            text = self.writing.of(chunk)
            self._words[number] = Words(tuple(self._said[number]), text, self._before(chunk))
        return self._words[number]

    def _home(self, span: Span) -> int:
        """The number of the chunk in which most of the span lies; of several, of the first."""
        last = len(self._edges) - 1
        first = min(bisect_right(self._edges, span.start), last)
        end = min(max(first, bisect_left(self._edges, span.end)), last)
        homes = self._chunks[first : end + 1]
        return max(homes, key=lambda chunk: _overlap(chunk.span, span)).number

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
            count = _count(len(transcript.segments), "sentence")
            parts.insert(0, f"{count}{language}, {transcript.source}")
            late = [s for s in transcript.segments if s.span.start >= self._edges[-1]]
            if late:
                parts.append(f"{len(late)} of them after the last picture, told of the last chunk")
        elif not transcript.remark:
            parts.insert(0, f"no words in it, {transcript.source}")
        return "; ".join(filter(None, parts))

    def usage(self) -> list[StageUsage]:
        """What listening and reading took in this run."""
        found = (self.speech.beside, self.writing.beside)
        return [usage for beside in found if beside for usage in beside.usage()]

    def say_text(self) -> str:
        """In one sentence, what became of what is written."""
        return self.writing.say([line for words in self._words.values() for line in words.text])


@contextmanager
def open_speech(settings: Settings, store: Store, video: Video, index: Index) -> Iterator[Speech]:
    """What is said in a video, listened for from now on until the end."""
    speech = Speech(settings, store, video, index)
    with _closing(speech.beside):
        yield speech


@contextmanager
def open_words(
    settings: Settings,
    store: Store,
    video: Video,
    index: Index,
    scan: Scan,
    chunks: Sequence[Chunk],
) -> Iterator[ChunkWords]:
    """The words of a video, listened for and read from now on until the end."""
    with open_speech(settings, store, video, index) as speech:
        writing = Writing(settings, store, video, index, scan, chunks)
        with _closing(writing.beside):
            yield ChunkWords(speech, writing, chunks)


@contextmanager
def _closing(beside: Beside[Item] | None) -> Iterator[None]:
    """Closes it at the end, but not for a user who breaks off: nobody waits any more."""
    waits = True
    try:
        yield
    except KeyboardInterrupt:
        waits = False
        raise
    finally:
        if beside and waits:
            beside.close()


def _reading_order(span: Span, line: ScreenText) -> tuple[int, float]:
    """What comes within a second is read from top to bottom, and so is what was there before."""
    return max(0, int(line.span.start - span.start)), line.top


def _overlap(one: Span, other: Span) -> float:
    return min(one.end, other.end) - max(one.start, other.start)


def _mark_crossing(segment: Segment, span: Span) -> str:
    """The sentence, with an arrow where it begins before the span or ends after it."""
    before = f"{CROSSES} " if segment.span.start < span.start - CROSSING_SECONDS else ""
    after = f" {CROSSES}" if segment.span.end > span.end + CROSSING_SECONDS else ""
    return f"{before}{segment.text.replace(CROSSES, '→')}{after}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
