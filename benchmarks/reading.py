"""How well the text in pictures is read, when it stands, and what that costs.

    python -m benchmarks.reading [--each]

Held against a plain way: all lines of every sample are found and read, and joined by the same
rules. Blanks don't count, and captions that move have no error of time. Films are made once, in
`.cache/bench`; street footage is taken along where `make samples` has fetched it.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from longtake.records import ScreenText
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import open_frames
from longtake.words.screen import READ_SIDE, plan_pictures
from longtake.words.screen.line_tracker import CaptionTracker, GreyPicture
from longtake.words.screen.strokes import Rect
from tests.captions import (
    FILM,
    FILM_SECONDS,
    SLIDES,
    Caption,
    CountingReader,
    Score,
    compare,
    draw_street,
    make_captioned,
    make_film,
    make_slides,
    read_chunks,
    survey,
)
from tests.voices import load_lecture

ROOT = Path(__file__).parents[1]
MEDIA = ROOT / ".cache" / "bench"
BIKES, LECTURE = ROOT / "examples" / "bikes.mp4", ROOT / "examples" / "lecture.mp4"
LARGE = 1280, 720
WORDS = (
    "harbour window garden market silver engine travel number letter winter bridge people"
    " 2,000 48,213 1987 station morning doctor river music"
).split()
SMALL_SIZES = (0.018, 0.022, 0.026, 0.03, 0.035)
LABELS = (
    (),
    ("compression", "tension"),
    (),
    ("weight",),
    ("folds", "holds"),
    (),
    ("beam", "arch", "truss", "cable"),
)
"""What is written in the lecture's diagrams, slide by slide, beside the legend."""
LEGEND = "push", "pull"


@dataclass(frozen=True)
class Case:
    """A video and what is written in it."""

    name: str
    path: Path
    captions: tuple[Caption, ...]


@dataclass(frozen=True)
class Measured:
    """What one way of reading found and took."""

    lines: tuple[ScreenText, ...]
    seconds: float
    searched: int
    read: int


def main() -> None:
    """Print a row for each film and each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", action="store_true", help="name what is missed and what is false")
    each = parser.parse_args().each
    print(
        f"{'':22} {'':8} {'precision':>9} {'recall':>7} {'error of times':>15}"
        f" {'samples':>8} {'searched':>8} {'lines':>6} {'s/min':>6}"
    )
    for case in make_cases():
        video, _, scan = survey(case.path)
        samples = sum(is_sample for _, is_sample in plan_pictures(scan))
        for way, measure in (("Longtake", read_ours), ("plain", read_plainly)):
            found = measure(case.path)
            score = compare(case.captions, found.lines)
            print(
                f"{case.name:22} {way:8} {say_share(score.precision, score.read)}"
                f" {say_share(score.recall, score.wanted)[2:]} {say_times(score)} {samples:8}"
                f" {found.searched:8} {found.read:6} {60 * found.seconds / video.readable:6.1f}",
                flush=True,
            )
            if each and (score.missed or score.false):
                print(f"    missed: {list(score.missed)}\n    false: {list(score.false)}")


def say_share(share: float, of: int) -> str:
    return f"{share:9.2f}" if of else f"{'-':>9}"


def say_times(score: Score) -> str:
    """Median and worst."""
    return f"{score.usual:7.2f} {score.worst:7.2f}" if score.starts else f"{'-':>7} {'-':>7}"


def make_cases() -> Iterator[Case]:
    """The films, made where they are not there yet."""
    MEDIA.mkdir(parents=True, exist_ok=True)

    def made(name: str, make: Callable[[Path], Path]) -> Path:
        path = MEDIA / f"{name}.mp4"
        return path if path.exists() else make(path)

    yield Case("film 640x360", made("text-film", make_film), FILM)
    yield Case("film 1280x720", made("text-film-720", lambda p: make_film(p, LARGE)), FILM)
    street = made("text-street", lambda p: make_captioned(p, FILM, FILM_SECONDS, draw_street))
    yield Case("film over hard edges", street, FILM)
    small = make_small()
    path = made("text-small", lambda p: make_captioned(p, small, 24, draw_street, LARGE))
    yield Case("small, 1280x720", path, small)
    yield Case("slides 1280x720", made("text-slides", lambda p: make_slides(p, LARGE)), SLIDES)
    yield Case("lecture.mp4", LECTURE, list_lecture())
    textless = made("text-none", lambda p: make_captioned(p, (), 20, draw_street))
    yield Case("hard edges, no text", textless, ())
    if BIKES.exists():
        yield Case("bikes.mp4, no text", BIKES, ())


def make_small() -> tuple[Caption, ...]:
    """Lines of 13 to 25 pixels at a height of 720, five at a time, for two seconds each."""
    chance = random.Random(3)  # noqa: S311
    styles = "outline", "box", "bare", "plain"
    return tuple(
        Caption(
            " ".join(chance.choices(WORDS, k=4)).capitalize(),
            2 * second,
            2 * second + 2,
            size,
            0.1 + 0.3 * chance.random(),
            0.15 + 0.17 * row,
            styles[second % len(styles)],
        )
        for second in range(12)
        for row, size in enumerate(SMALL_SIZES)
    )


def list_lecture() -> tuple[Caption, ...]:
    """All that is written in the lecture; its slides change at the cuts, as another test holds."""
    slides = load_lecture().SLIDES
    video, _, scan = survey(LECTURE)
    edges = [0.0, *scan.cuts, video.readable]
    assert len(edges) == len(slides) + 1
    found = []
    for slide, labels, (start, end) in zip(slides, LABELS, pairwise(edges), strict=True):
        texts = (slide.title, *slide.bullets, *labels)
        found += [Caption(text, start, end) for text in texts]
    found.append(Caption(slides[0].title, edges[1], edges[-1]))
    for start, end in ((edges[2], edges[3]), (edges[4], edges[6])):
        found += [Caption(text, start, end) for text in LEGEND]
    return tuple(found)


def read_ours(path: Path) -> Measured:
    """As the pipeline does; the scan, which it has made before, is not counted."""
    reader = warm_reader()
    survey_started = time.perf_counter()
    survey(path)
    survey_seconds = time.perf_counter() - survey_started
    started = time.perf_counter()
    ((_, lines),) = read_chunks(path, reader, float("inf"))
    seconds = time.perf_counter() - started - survey_seconds
    return Measured(lines, seconds, reader.searched, reader.lines)


class PlainCaptions(CaptionTracker):
    """Captions that are never known to stand unread."""

    def check(self, look: GreyPicture) -> list[Rect]:
        super().check(look)
        for caption in self._standing:
            if caption not in self.doubted:
                caption.samples -= 1
                caption.readings[caption.text] -= caption.score
        self.doubted = [*self._standing]
        return []


def read_plainly(path: Path) -> Measured:
    """Every sample is searched, and all its lines are read."""
    import cv2

    reader = warm_reader()
    _, index, scan = survey(path)
    started = time.perf_counter()
    captions, before = PlainCaptions(scan.cuts), list[GreyPicture]()
    with open_frames(path, index) as frames:
        for moment, is_sample in plan_pictures(scan):
            if not is_sample:
                continue
            (picture,) = frames.read(Span(moment, moment), [Slot((moment,))], READ_SIDE)
            look = GreyPicture(moment, cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY))
            captions.check(look)
            captions.note(look, reader.read(picture.pixels, reader.find(picture.pixels)), before)
            before = [look]
    lines = captions.list_lines(Span(0, scan.shots[-1].span.end))
    seconds = time.perf_counter() - started
    return Measured(lines, seconds, reader.searched, reader.lines)


def warm_reader() -> CountingReader:
    """A reader whose models are loaded."""
    reader = CountingReader()
    blank = np.full((64, 256, 3), 255, np.uint8)
    reader.find(blank)
    reader.read(blank, [((8, 8), (248, 8), (248, 56), (8, 56))])
    reader.searched = reader.lines = 0
    return reader


if __name__ == "__main__":
    main()
