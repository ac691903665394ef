"""What is said and written, put to the chunks it belongs to, found once, and never lost."""

import threading
from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import LongtakeError, ModelError, SourceError, UsageError
from longtake.records import Chunk, Description, ScreenText, Segment, Transcript, Video
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.words.background import END, BackgroundFinder, StoreNotes
from longtake.words.chunks import ChunkWords
from longtake.words.speech.transcript import Speech, check_settings

VIDEO = Video(Path("talk.mp4"), "0" * 64, 30, 30)


def say(start: float, end: float, text: str = "") -> Segment:
    return Segment(Span(start, end), text or f"from {start} to {end}")


def cut(*edges: float) -> list[Chunk]:
    return [Chunk(n, Span(a, b)) for n, (a, b) in enumerate(pairwise((0.0, *edges)), start=1)]


class Told(Speech):
    """Speech that is known from the beginning."""

    def __init__(self, *segments: Segment, remark: str = "") -> None:
        self.finder = None
        self.segments = sorted(segments, key=lambda segment: segment.span.start)
        self._transcript = Transcript("told", tuple(self.segments), "en", remark)


def place(chunks: Sequence[Chunk], *segments: Segment) -> dict[int, list[Segment]]:
    """Which chunk each sentence is put to."""
    words = ChunkWords(Told(*segments), None, chunks)
    return {chunk.number: list(words.of(chunk).speech) for chunk in chunks}


# Which chunk a sentence belongs to


def test_sentence_over_an_edge_is_whole_where_most_of_it_lies() -> None:
    early, late = say(3, 8), say(5.5, 9)
    assert place(cut(6, 12), early, late) == {1: [early], 2: [late]}


def test_sentence_over_an_edge_is_marked_at_that_side() -> None:
    chunks = cut(6, 12, 18)
    words = ChunkWords(Told(say(3, 8, "First."), say(8.1, 11, "Second."), say(11, 20, "Third.")),
                       None, chunks)  # fmt: skip
    told = [words.add_to(Description(c, "described", "fake", text="x")).speech for c in chunks]
    assert told == ["First. ⟶", "Second.", "⟶ Third. ⟶"]


def test_what_is_said_after_the_last_picture_is_told_of_the_last_chunk() -> None:
    late = say(14, 16)
    chunks = cut(6, 12)
    assert place(chunks, late)[2] == [late]
    words = ChunkWords(Told(say(1, 2), late), None, chunks)
    assert "1 of them after the last picture" in words.say_speech()


@given(
    st.lists(st.floats(0.1, 9), min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 20)), max_size=30),
)
def test_every_sentence_is_told_of_one_chunk_and_in_order(
    lengths: list[float], times: list[tuple[float, float]]
) -> None:
    edges = [round(sum(lengths[: k + 1]), 3) for k in range(len(lengths))]
    segments = [say(round(a, 3), round(a + b, 3)) for a, b in sorted(times)]
    placed = place(cut(*edges), *segments)
    told = [segment for said in placed.values() for segment in said]
    assert sorted(told, key=lambda s: s.span) == sorted(segments, key=lambda s: s.span)
    for said in placed.values():
        assert said == sorted(said, key=lambda s: s.span.start)


def test_what_was_said_a_little_before_comes_with_a_chunk() -> None:
    chunks = cut(6, 12, 18, 24)
    long_ago, just_now = say(1, 2), say(16, 17)
    words = ChunkWords(Told(long_ago, just_now, say(19, 20)), None, chunks)
    assert [words.of(chunk).before for chunk in chunks] == [
        (), (long_ago,), (), (just_now,)
    ]  # fmt: skip


# Found once


def find(*steps: tuple[float, Sequence[Segment]]) -> Iterator[tuple[float, Sequence[Segment]]]:
    yield from steps


def test_what_was_found_is_not_looked_for_again(store: Store) -> None:
    notes = StoreNotes(store, VIDEO, "listen")
    steps = [(6.0, [say(1, 2)]), (12.0, []), (18.0, [say(13, 14)])]
    assert list(notes.find_once({"by": "ear"}, Segment, lambda: find(*steps))) == steps
    again: list[str] = []
    known = list(notes.find_once({"by": "ear"}, Segment, lambda: again.append("asked") or find()))  # type: ignore[func-returns-value]
    assert known == steps and again == []


def test_lines_on_screen_come_back_from_the_store_as_they_were(store: Store) -> None:
    notes = StoreNotes(store, VIDEO, "read")
    line = ScreenText(Span(1.25, 3.5), "EXIT", 0.25, 0.1)
    steps = [(6.0, [line])]
    for _ in "12":
        assert list(notes.find_once({}, ScreenText, lambda: iter(steps))) == steps


def test_source_that_breaks_is_known_to_break_the_second_time_too(store: Store) -> None:
    notes = StoreNotes(store, VIDEO, "listen")

    def break_off() -> Iterator[tuple[float, Sequence[Segment]]]:
        yield 6.0, [say(1, 2)]
        raise SourceError("the sound breaks at 6.0 s")

    for _ in "12":
        found: list[tuple[float, Sequence[Segment]]] = []
        with pytest.raises(SourceError, match="breaks at 6"):
            found.extend(notes.find_once({}, Segment, break_off))
        assert found == [(6.0, [say(1, 2)])]


def test_what_was_not_found_to_the_end_is_looked_for_again(store: Store) -> None:
    notes = StoreNotes(store, VIDEO, "listen")
    finding = notes.find_once({}, Segment, lambda: find((6.0, [say(1, 2)]), (12.0, [])))
    next(finding)
    finding.close()  # type: ignore[attr-defined]
    whole = [(6.0, [say(1, 2)]), (12.0, [say(7, 8)])]
    assert list(notes.find_once({}, Segment, lambda: find(*whole))) == whole


# In the background


def test_waiting_ends_when_enough_is_known() -> None:
    go_on = threading.Event()

    def slow() -> Iterator[tuple[float, Sequence[Segment]]]:
        yield 6.0, [say(1, 2)]
        go_on.wait(10)
        yield 12.0, [say(7, 8)]

    finder = BackgroundFinder(slow(), "test")
    assert [items for _, items in finder.take(5.0)] == [[say(1, 2)]]
    go_on.set()
    assert [s for _, items in finder.take(END) for s in items] == [say(7, 8)]


def test_source_that_breaks_stops_nobody_and_is_told() -> None:
    def break_off() -> Iterator[tuple[float, Sequence[Segment]]]:
        yield 6.0, [say(1, 2)]
        raise SourceError("the sound breaks at 6.0 s")

    finder = BackgroundFinder(break_off(), "test")
    finder.take(END)
    assert finder.broken == "the sound breaks at 6.0 s"


@pytest.mark.parametrize("error", [ModelError("no model"), ZeroDivisionError("a bug")])
def test_what_else_goes_wrong_is_raised_where_the_words_are_wanted(error: Exception) -> None:
    def fail() -> Iterator[tuple[float, Sequence[Segment]]]:
        yield 6.0, []
        raise error

    finder = BackgroundFinder(fail(), "test")
    with pytest.raises(type(error)):
        finder.take(END)


def test_stopped_finding_ends_with_its_next_step() -> None:
    steps: list[int] = []
    go_on = threading.Event()

    def endless() -> Iterator[tuple[float, Sequence[Segment]]]:
        for number in range(1000):
            steps.append(number)
            yield float(number), []
            go_on.wait(10)

    finder = BackgroundFinder(endless(), "test")
    finder.take(0.0)
    go_on.set()
    finder.close()
    finder.take(END)
    assert len(steps) < 5


def test_finding_is_ended_in_its_own_thread() -> None:
    ended: list[str] = []

    def endless() -> Generator[tuple[float, Sequence[Segment]], None, None]:
        try:
            for number in range(10**9):
                yield float(number), []
        finally:
            ended.append(threading.current_thread().name)

    finder = BackgroundFinder(endless(), "listener")
    finder.take(3.0)
    finder.close()
    assert ended == ["listener"]


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"subtitles": "missing.srt"}, SourceError, "there is no file missing.srt"),
        ({"subtitles": ""}, UsageError, "must not be empty"),
        ({"speech": ""}, UsageError, "must not be empty"),
        ({"speech": "nonsense"}, UsageError, "no speech model 'nonsense'"),
    ],
)
def test_what_speech_and_subtitles_can_not_name_is_refused(
    values: dict[str, str], error: type[LongtakeError], said: str
) -> None:
    with pytest.raises(error, match=said):
        check_settings(Settings(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", ["", "[", "[]", "null", "[[[1]], 0]", '[[[1, [["a"]]]], ""]', "7"])
def test_what_is_kept_of_a_finding_and_damaged_is_found_anew(kept: str, store: Store) -> None:
    said, notes = say(1, 2), StoreNotes(store, VIDEO, "listen")
    notes.put({"of": 1}, kept)

    def find() -> Iterator[tuple[float, list[Segment]]]:
        yield 3.0, [said]

    found = list(notes.find_once({"of": 1}, Segment, find))  # type: ignore[arg-type]
    assert found == [(3.0, [said])]
