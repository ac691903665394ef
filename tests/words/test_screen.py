"""On-screen text: every line once, in its time, read only where letters came or changed."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from longtake.records import Scan, ScreenText, Shot
from longtake.timecode import Span
from longtake.words.screen import LONG_FROZEN_SECONDS, plan_pictures
from longtake.words.screen.line_tracker import (
    SAME_PART,
    CaptionTracker,
    GreyPicture,
    is_same_text,
    join_running,
)
from longtake.words.screen.reader import Box, Line, TextReader
from longtake.words.screen.strokes import compare_strokes, may_hold_more
from tests.captions import (
    FILM,
    SLIDES,
    Caption,
    CountingReader,
    Notebook,
    Told,
    compare,
    draw_caption,
    draw_paper,
    draw_street,
    make_captioned,
    make_film,
    make_slides,
    read_chunks,
)
from tests.conftest import ROOT
from tests.videos import cut, draw_noisy, make_photo, make_video

WIDTH, HEIGHT = 640, 360
BIKES = ROOT / "examples" / "bikes.mp4"


def write(*captions: Caption, ground: np.ndarray | None = None) -> np.ndarray:
    """A picture of these captions, on paper if nothing else is given."""
    paper = draw_paper(0, WIDTH, HEIGHT)
    image = Image.fromarray(paper if ground is None else ground)
    for caption in captions:
        draw_caption(image, caption, 0)
    return np.asarray(image)


def read(image: np.ndarray) -> list[Line]:
    reader = TextReader()
    return reader.read(image, reader.find(image))


# One picture


def test_lines_come_from_top_to_bottom_with_their_boxes() -> None:
    lines = read(
        write(
            Caption("Lower words", 0, 1, 0.08, y=0.8, style="plain"),
            Caption("Upper words", 0, 1, 0.08, y=0.2, style="plain"),
        )
    )
    assert [line.text for line in lines] == ["Upper words", "Lower words"]
    assert all(line.score > 0.9 for line in lines)
    tops = [min(y for _, y in line.box) / HEIGHT for line in lines]
    assert 0.1 < tops[0] < 0.2 and 0.7 < tops[1] < 0.8


def test_shapes_and_strokes_are_not_taken_for_text() -> None:
    image = Image.fromarray(draw_paper(0, WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    pen.ellipse((100, 100, 160, 160), outline=(0, 0, 0), width=6)
    pen.line((300, 80, 300, 200), fill=(0, 0, 0), width=8)
    assert not any(line.text for line in read(np.asarray(image)))


def test_number_of_four_digits_is_text_and_a_page_number_is_none() -> None:
    lines = read(
        write(
            Caption("12,500", 0, 1, 0.08, y=0.3, style="plain"),
            Caption("3/7", 0, 1, 0.08, y=0.7, style="plain"),
        )
    )
    assert [line.text for line in lines if line.text] == ["12,500"]


# Strokes


def crops(ground: np.ndarray, *texts: str) -> list[np.ndarray]:
    """Grey levels of the same stretch of a picture with each text in turn: that of the first."""
    captions = [Caption(text, 0, 1, 0.07) for text in texts]
    letters = write(captions[0], ground=np.full_like(ground, 128)) != 128
    rows, columns, _ = letters.nonzero()
    there = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    return [
        np.asarray(Image.fromarray(write(caption, ground=ground)).convert("L"))[there]
        for caption in captions
    ]


def test_letters_are_mostly_known_again_whatever_passes_behind_them() -> None:
    grounds = [draw_street(number, WIDTH, HEIGHT) for number in range(0, 200, 20)]
    seen = [crops(ground, "Where are the boats")[0] for ground in grounds]
    parts = [compare_strokes(one, other)[1] for one, other in pairwise(seen)]
    assert all((one != other).any() for one, other in pairwise(seen))
    assert np.median(parts) >= SAME_PART


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where are the boats", "Where are the goats"),
        ("Population 48,213", "Population 48,218"),
        ("Wait for me", "Wait for us"),
    ],
)
def test_one_other_letter_is_another_text(one: str, other: str) -> None:
    ground = make_photo(1, WIDTH, HEIGHT)
    assert compare_strokes(*crops(ground, one, other))[1] < SAME_PART


def test_letters_that_come_are_seen_and_those_that_stand_are_not() -> None:
    before, after = (
        np.asarray(Image.fromarray(write(*captions)).convert("L"))
        for captions in (FILM[:1], FILM[:2])
    )
    assert may_hold_more(before, after, [])
    assert not may_hold_more(after, after, [])


# Captions, told what was read

BOX: Box = ((90, 270), (400, 270), (400, 340), (90, 340))


class Watch:
    """Samples of pictures with at most one line, told of what a reader makes of it."""

    def __init__(self) -> None:
        self.captions = CaptionTracker()
        self._before: list[GreyPicture] = []

    def see(self, time: float, drawn: str, text: str, score: float = 0.99) -> None:
        """What is drawn, and what it is read as where it must be read."""
        image = write(*[Caption(drawn, 0, 1, 0.08)] * bool(drawn))
        look = GreyPicture(time, np.asarray(Image.fromarray(image).convert("L")))
        known = self.captions.check(look)
        lines = [Line(BOX, text, score)] * bool(text and not known)
        self.captions.note(look, lines, self._before)
        self._before = [look]

    def end(self, time: float) -> list[tuple[str, float, float]]:
        return [(t.text, t.span.start, t.span.end) for t in self.captions.list_lines(Span(0, time))]


def test_line_that_was_seen_once_must_be_surer_than_one_seen_twice() -> None:
    for score, samples, told in ((0.85, 1, 0), (0.97, 1, 1), (0.85, 2, 1), (0.75, 2, 0)):
        watch = Watch()
        watch.see(1, "", "")
        for k in range(samples):
            watch.see(2 + k, "some texture", "some texture", score)
        watch.see(2 + samples, "", "")
        assert len(watch.end(9)) == told, (score, samples)


def test_caption_that_is_away_for_one_sample_stays_one() -> None:
    watch = Watch()
    for time in (1.0, 1.4, 1.8, 2.2):
        text = "Wait for me!" if time != 1.4 else ""
        watch.see(time, text, text)
    assert watch.end(3) == [("Wait for me!", 0.0, 3)]


def test_caption_that_comes_back_after_a_pause_is_another() -> None:
    watch = Watch()
    for time, text in ((1, ""), (2, "Wait for me!"), (3, ""), (4, ""), (5, "Wait for me!")):
        watch.see(time, text, text)
    assert watch.end(6) == [("Wait for me!", 1.5, 2.5), ("Wait for me!", 4.5, 6)]


def test_reading_that_stood_longest_wins() -> None:
    watch = Watch()
    watch.see(1, "Harbour n", "Harbour n")
    for time in (2, 3, 4):
        watch.see(time, "Harbour news", "Harbour news" if time > 2 else "Harbour newa")
        watch.see(time + 0.5, "Harbour now", "Harbour news")
    assert [text for text, _, _ in watch.end(5)] == ["Harbour news"]


def test_change_lies_on_a_cut_that_is_near() -> None:
    captions = CaptionTracker(cuts=[1.3])
    watch = Watch()
    watch.captions = captions
    watch.see(1, "", "")
    watch.see(2, "Wait for me!", "Wait for me!")
    assert watch.end(3) == [("Wait for me!", 1.3, 3)]


def test_texts_with_other_digits_are_not_the_same() -> None:
    assert is_same_text("Welcome to Berlin", "Welcorne to Berlin")
    assert not is_same_text("Population 48,213", "Population 48,218")
    assert not is_same_text("push", "pull")


def test_running_line_is_joined_from_what_is_read_of_it() -> None:
    first, second = "STOCKS FALL AFTER BANK REP", "CKS FALL AFTER BANK REPORT; RA"
    assert join_running(first, second) == "STOCKS FALL AFTER BANK REPORT; RA"
    assert join_running(first, "Rain is expected in the north") == ""
    assert join_running(first, first) == ""


# Whole videos


@pytest.fixture(scope="module")
def reader() -> CountingReader:
    return CountingReader()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", (480, 270))


@pytest.fixture(scope="module")
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture(scope="module")
def told(film: Path, notebook: Notebook) -> Told:
    """What is told of the film's chunks."""
    return read_chunks(film, TextReader(), notebook=notebook)


@pytest.fixture(scope="module")
def lines_of_film(film: Path, told: Told, notebook: Notebook) -> tuple[ScreenText, ...]:
    """All that is written in it, as one chunk."""
    assert told
    return whole(film, TextReader(), notebook)


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_slides(tmp_path_factory.mktemp("slides") / "slides.mp4")


def whole(
    path: Path, reader: TextReader, notebook: Notebook | None = None
) -> tuple[ScreenText, ...]:
    ((_, lines),) = read_chunks(path, reader, float("inf"), notebook)
    return lines


def test_captions_over_moving_pictures_are_read_once_each(
    lines_of_film: tuple[ScreenText, ...],
) -> None:
    score = compare(FILM, lines_of_film)
    assert score.recall >= 0.9, score.missed
    assert score.precision >= 0.9, score.false


def test_captions_start_and_end_when_they_are_shown(lines_of_film: tuple[ScreenText, ...]) -> None:
    score = compare(FILM, lines_of_film)
    assert score.worst <= 0.5
    assert score.usual <= 0.15


def test_places_and_sizes_are_shares_of_the_height(lines_of_film: tuple[ScreenText, ...]) -> None:
    lines = {line.text: line for line in lines_of_film}
    for caption in FILM:
        line = lines.get(caption.text)
        if line and not caption.rise:
            assert abs(line.top + line.height / 2 - caption.y) < 0.03, caption.text
            assert 0.6 * caption.size < line.height < 2 * caption.size, caption.text


def test_chunk_is_told_what_stands_in_it(told: Told) -> None:
    assert [until for until, _ in told] == [6, 12, 18, 24, 30, 36, 40]
    for (until, lines), start in zip(told, range(0, 40, 6), strict=True):
        texts = {"".join(line.text.split()) for line in lines}
        for caption in FILM:
            shared = min(caption.end, until) - max(caption.start, start)
            written = "".join(caption.text.split())
            if shared >= 0.8 and not caption.rise:
                assert written in texts, (until, caption)
            if shared < 0:
                assert written not in texts or written == "Waitforme!", (until, caption)
    first = told[0][1][0]
    assert first.text == FILM[0].text and first.span.end == 6


def test_second_run_reads_no_picture(film: Path, told: Told, notebook: Notebook) -> None:
    reader, again = CountingReader(), Notebook()
    again.notes = dict(notebook.notes)
    assert read_chunks(film, reader, notebook=again) == told
    assert (reader.searched, reader.lines) == (0, 0)


@pytest.fixture(scope="module")
def undisturbed(slides: Path, reader: CountingReader) -> tuple[Told, int]:
    """What a run that is not killed tells, and how many pictures it searches."""
    before = reader.searched
    return read_chunks(slides, reader, 3), reader.searched - before


@pytest.mark.parametrize("kept", [1, 4])
def test_run_that_was_killed_reads_no_picture_twice_and_tells_the_same(
    slides: Path, reader: CountingReader, undisturbed: tuple[Told, int], kept: int
) -> None:
    told, needed = undisturbed
    before = reader.searched
    notebook = Notebook()
    assert read_chunks(slides, reader, 3, notebook, most=kept) == told[:kept]
    assert read_chunks(slides, reader, 3, notebook) == told
    assert reader.searched - before == needed > 0


def test_lines_of_slides_are_read_as_they_appear_and_only_then(
    slides: Path, reader: CountingReader
) -> None:
    searched, lines = reader.searched, reader.lines
    found = whole(slides, reader)
    score = compare(SLIDES, found)
    assert (score.recall, score.precision) == (1, 1), (score.missed, score.false)
    assert score.worst <= 0.3
    assert reader.searched - searched <= 7
    assert reader.lines - lines <= len(SLIDES) + 2
    texts = [line.text for line in found]
    assert texts == [caption.text for caption in SLIDES]


def test_textless_video_has_no_lines(tmp_path: Path, reader: CountingReader) -> None:
    street = make_captioned(tmp_path / "street.mp4", (), 5, draw_street)
    noise = make_video(tmp_path / "noise.mp4", seconds=4, size=(320, 240), draw=draw_noisy)
    assert whole(street, reader) == ()
    assert whole(noise, reader) == ()


def test_line_that_runs_through_the_picture_is_not_told_again_and_again(
    tmp_path: Path, reader: CountingReader
) -> None:
    text = "STOCKS FALL AFTER BANK REPORT; RAIN EXPECTED"
    line = Caption(text, 0, 9, 0.06, 1.78, 0.92, "box", run=0.3)
    found = whole(make_captioned(tmp_path / "run.mp4", (line,), 9), reader)
    assert [line.text for line in found] == [text]


@pytest.mark.parametrize("seconds", [0.1, 0.3, 1.4])
def test_short_video_is_read(tmp_path: Path, reader: CountingReader, seconds: float) -> None:
    line = Caption("Wait for me!", 0, 5)
    path = make_captioned(tmp_path / "short.mp4", (line,), seconds)
    ((until, lines),) = read_chunks(path, reader)
    assert until == pytest.approx(seconds)
    assert [line.text for line in lines] == ["Wait for me!"]


def test_video_that_is_cut_off_tells_what_came_before(
    tmp_path: Path, reader: CountingReader
) -> None:
    path = tmp_path / "cut.mkv"
    make_captioned(path, FILM, 9, draw_street)
    cut(path, 0.6)
    found = whole(path, reader)
    assert [line.text for line in found] == [caption.text for caption in FILM[:2]]
    assert all(line.span.end < 8 for line in found)


# When to look


def plan(
    seconds: float, *cuts: float, frozen: tuple[Span, ...] = (), keys: Sequence[float] = ()
) -> list[tuple[float, bool]]:
    edges = pairwise([0.0, *cuts, seconds])
    shots = tuple(Shot(Span(start, end)) for start, end in edges)
    return list(plan_pictures(Scan(shots, 0.5, (), (), frozen=frozen), keys))


def test_there_is_a_sample_in_each_second_and_soon_after_each_cut() -> None:
    looks = plan(60, 7.3, 8.1, 31)
    samples = [time for time, is_sample in looks if is_sample]
    assert all(b - a <= 1.05 for a, b in pairwise(samples))
    for start in (0, 7.3, 8.1, 31):
        assert any(start <= time <= start + 0.4 for time in samples)
    assert looks == sorted(looks)


def test_picture_that_stands_still_is_hardly_looked_at() -> None:
    looks = plan(120, frozen=(Span(10, 110),))
    inside = [time for time, _ in looks if 12 < time < 109.5]
    assert len(inside) <= 25
    assert any(109.5 <= time < 110 for time, _ in looks)


def test_picture_that_stands_still_is_looked_at_where_decoding_can_start() -> None:
    keys = [10.0 * k for k in range(13)]
    looks = plan(120, frozen=(Span(5, 120),), keys=keys)
    assert [time for time, _ in looks if 8 < time < 119] == keys[1:-1]
    assert looks == sorted(looks)
    dense = [0.5 * k for k in range(240)]
    inside = [t for t, _ in plan(120, frozen=(Span(5, 120),), keys=dense) if 8 < t < 119]
    assert len(inside) <= 28 and set(inside) <= set(dense)


@pytest.mark.parametrize("keys", [(), (0.0,), (0.0, 60.0)])
def test_still_picture_with_hardly_a_key_frame_is_looked_at_all_the_same(
    keys: Sequence[float],
) -> None:
    looks = plan(120, frozen=(Span(5, 120),), keys=keys)
    times = [0, *(time for time, _ in looks), 120]
    assert max(b - a for a, b in pairwise(times)) <= LONG_FROZEN_SECONDS
    assert sum(time < 40 for time in times) >= 16
    assert looks == sorted(looks)


def test_long_films_have_samples_two_seconds_apart_at_most() -> None:
    hours = [time for time, is_sample in plan(7200) if is_sample]
    assert 3500 <= len(hours) <= 3800


def test_still_picture_without_an_end_needs_little_memory(reader: CountingReader) -> None:
    captions = CaptionTracker()
    grey = np.asarray(Image.fromarray(write(FILM[0])).convert("L"))
    for second in range(200):
        look = GreyPicture(second, grey)
        captions.check(look)
        captions.note(look, [] if second else [Line(BOX, "Harbour news", 0.99)], [])
        captions.list_lines(Span(second, second + 1))
    assert len(captions.list_lines(Span(200, 201))) == 1


@pytest.mark.real
def test_street_footage_has_no_lines() -> None:
    assert BIKES.exists(), "make samples fetches it"
    assert whole(BIKES, TextReader()) == ()
