"""Videos with known captions over moving pictures, and what was read held against them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from longtake.records import Scan, ScreenText, Video
from longtake.video.probe import Index, probe
from longtake.video.scan import scan
from longtake.words.screen import read_text
from longtake.words.screen.reader import Box, Line, TextReader
from tests.videos import Draw, draw_shots, make_video

RATE = 10


@dataclass(frozen=True)
class Caption:
    """A line that stands from `start` to `end` seconds, its left end and middle at `x` and `y`.

    Places, `size` (of the letters), `rise` and `run` (a second) are fractions of the picture's
    height.
    """

    text: str
    start: float
    end: float
    size: float = 0.07
    x: float = 0.15
    y: float = 0.85
    style: str = "outline"
    """Or box (a bar behind it), plain (dark letters alone), bare (white letters alone)."""
    rise: float = 0.0
    run: float = 0.0
    """How fast it moves upwards, and to the left."""


FILM = (
    Caption("Harbour news at seven", 1, 11, 0.08, 0.15, 0.82, "box"),
    Caption("Anna Schmidt, fisher", 3, 5.5, 0.055, 0.15, 0.93, "box"),
    Caption("Where are the boats?", 12, 13, 0.07, 0.4),
    Caption("They left at dawn.", 13.5, 14.5, 0.07, 0.4),
    Caption("I saw 2,000 gulls", 15, 17.2, 0.07, 0.4, 0.78),
    Caption("and one old man", 15, 17.2, 0.07, 0.4, 0.88),
    Caption("Wait for me!", 18, 20, 0.07, 0.5),
    Caption("Wait for me!", 22.5, 24.5, 0.07, 0.5),
    Caption("THE LONG WINTER", 21, 26, 0.16, 0.2, 0.3),
    Caption("Copyright Harbour Films 1987", 26.5, 31, 0.045, 0.9, 0.06),
    Caption("Directed by Maria Lopez", 27, 33, 0.065, 0.4, 1.05, rise=0.19),
    Caption("Music by Peter Brandt", 29, 35, 0.065, 0.4, 1.05, rise=0.19),
    Caption("Population 48,213", 35, 38.5, 0.06, 0.2, 0.2, "box"),
    Caption("Next stop: Central Station", 36, 39, 0.05, 0.5, 0.5, "bare"),
)
"""Over three shots of moving pictures, 40 s."""
FILM_SECONDS, FILM_CUTS = 40, (120, 210, 340)

SLIDES = (
    Caption("Three Reasons to Sleep", 0, 12, 0.1, 0.1, 0.15, "plain"),
    Caption("The brain sorts what it learned", 2, 12, 0.06, 0.15, 0.4, "plain"),
    Caption("The body repairs itself", 5, 12, 0.06, 0.15, 0.55, "plain"),
    Caption("Moods grow steadier", 8, 12, 0.06, 0.15, 0.7, "plain"),
    Caption("How Much Is Enough?", 12, 18, 0.1, 0.1, 0.15, "plain"),
    Caption("Adults need 7 to 9 hours", 12, 18, 0.06, 0.15, 0.4, "plain"),
    Caption("Teenagers need 8 to 10", 15, 18, 0.06, 0.15, 0.55, "plain"),
)
"""Two slides whose lines appear one by one, 18 s."""
SLIDES_SECONDS = 18


@lru_cache
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)


def draw_caption(image: Image.Image, caption: Caption, seconds: float) -> None:
    """Write the caption as it looks at that time."""
    pen, height = ImageDraw.Draw(image), image.height
    since = seconds - caption.start
    x, y = caption.x - caption.run * since, caption.y - caption.rise * since
    place = x * height, y * height
    font = _font(max(6, round(caption.size * height)))
    if caption.style == "box":
        left, top, right, bottom = pen.textbbox(place, caption.text, font=font, anchor="lm")
        pad = 0.25 * caption.size * height
        pen.rectangle((left - pad, top - pad, right + pad, bottom + pad), fill=(20, 30, 70))
    dark = caption.style == "plain"
    stroke = max(1, round(height / 240)) if caption.style == "outline" else 0
    pen.text(
        place,
        caption.text,
        fill=(25, 25, 30) if dark else (250, 250, 250),
        font=font,
        anchor="lm",
        stroke_width=stroke,
        stroke_fill=(10, 10, 10),
    )


def draw_captions(draw: Draw, captions: Sequence[Caption], rate: int = RATE) -> Draw:
    """The captions over what `draw` draws, each while it is due."""

    def write(number: int, width: int, height: int) -> np.ndarray:
        seconds = number / rate
        image = Image.fromarray(draw(number, width, height))
        for caption in captions:
            if caption.start - 1e-6 <= seconds < caption.end - 1e-6:
                draw_caption(image, caption, seconds)
        return np.asarray(image)

    return write


def draw_paper(number: int, width: int, height: int) -> np.ndarray:
    """A light ground that stands still."""
    return np.full((height, width, 3), (240, 238, 230), np.uint8)


def draw_street(number: int, width: int, height: int) -> np.ndarray:
    """Things with hard edges that pass by: bars, discs and tiles over a photo."""
    photo = draw_shots(pan=2, seed=7)(number, width, height)
    image = Image.fromarray(photo)
    pen = ImageDraw.Draw(image)
    random = np.random.default_rng(11)
    for _ in range(60):
        x, y, size, aspect, speed = random.random(5)
        left = (x * 2 * width + number * (2 + 6 * speed)) % (1.4 * width) - 0.2 * width
        top, tall = y * height, (0.02 + 0.15 * size**2) * height
        wide = tall * (0.3 + 2 * aspect)
        colour = tuple(random.integers(20, 235, 3).tolist())
        shape = pen.ellipse if size > 0.6 else pen.rectangle
        shape((left, top, left + wide, top + tall), fill=colour)
    noise = np.random.default_rng(number).integers(-6, 7, (height, width, 1))
    return (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)


def make_captioned(
    path: Path,
    captions: Sequence[Caption],
    seconds: float,
    ground: Draw | None = None,
    size: tuple[int, int] = (640, 360),
) -> Path:
    """A video of these captions over a ground (moving pictures, if none is given)."""
    draw = draw_captions(ground or draw_shots(pan=2), captions)
    options = {"preset": "veryfast", "crf": "26"}
    return make_video(path, seconds=seconds, rate=RATE, size=size, draw=draw, options=options)


def make_film(path: Path, size: tuple[int, int] = (640, 360)) -> Path:
    """FILM over moving pictures, with cuts."""
    return make_captioned(path, FILM, FILM_SECONDS, draw_shots(*FILM_CUTS, pan=3, seed=5), size)


def make_street(path: Path, size: tuple[int, int] = (640, 360)) -> Path:
    """FILM over hard edges that move; bare letters are not among it."""
    return make_captioned(path, FILM, FILM_SECONDS, draw_street, size)


def make_slides(path: Path, size: tuple[int, int] = (640, 360)) -> Path:
    """SLIDES on paper."""
    return make_captioned(path, SLIDES, SLIDES_SECONDS, draw_paper, size)


@dataclass(frozen=True)
class Score:
    """What was read, held against the truth; errors of starts and ends in seconds."""

    wanted: int
    found: int
    read: int
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    missed: tuple[str, ...]
    false: tuple[str, ...]

    @property
    def recall(self) -> float:
        """The share of the captions that were read, letter by letter, once, in their time."""
        return self.found / max(1, self.wanted)

    @property
    def precision(self) -> float:
        """The share of the lines read that are such a caption."""
        return self.found / max(1, self.read)

    @property
    def worst(self) -> float:
        """The largest error of a start or an end."""
        return max((abs(error) for error in (*self.starts, *self.ends)), default=0.0)

    @property
    def usual(self) -> float:
        """The median error of starts and ends."""
        return median([abs(error) for error in (*self.starts, *self.ends)] or [0.0])


def compare(captions: Sequence[Caption], lines: Sequence[ScreenText]) -> Score:
    """Each caption takes one line of the same letters that overlaps it most; blanks don't count."""
    left, starts, ends, missed = list(lines), [], [], []
    for caption in captions:
        near = [line for line in left if _bare(line.text) == _bare(caption.text)]
        near = [line for line in near if _overlap(caption, line) > 0]
        if not near:
            missed.append(caption.text)
            continue
        best = max(near, key=lambda line: _overlap(caption, line))
        left.remove(best)
        if not (caption.rise or caption.run):
            starts.append(round(best.span.start - caption.start, 3))
            ends.append(round(best.span.end - caption.end, 3))
    return Score(
        wanted=len(captions),
        found=len(captions) - len(missed),
        read=len(lines),
        starts=tuple(starts),
        ends=tuple(ends),
        missed=tuple(missed),
        false=tuple(line.text for line in left),
    )


def _bare(text: str) -> str:
    return "".join(text.split())


def _overlap(caption: Caption, line: ScreenText) -> float:
    return min(caption.end, line.span.end) - max(caption.start, line.span.start)


class CountingReader(TextReader):
    """A reader that counts the pictures that it searches and the lines that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.searched = 0
        self.lines = 0

    def find(self, image: np.ndarray) -> list[Box]:
        self.searched += 1
        return super().find(image)

    def read(self, image: np.ndarray, boxes: Sequence[Box]) -> list[Line]:
        self.lines += len(boxes)
        return super().read(image, boxes)


class Notebook:
    """What a run keeps, by its facts."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def recall(self, facts: Mapping[str, object], make: Callable[[], Any]) -> Any:
        key = json.dumps(facts)
        if key not in self.notes:
            self.notes[key] = json.dumps(make())
        return json.loads(self.notes[key])


Told = list[tuple[float, tuple[ScreenText, ...]]]


def survey(path: Path) -> tuple[Video, Index, Scan]:
    """What a file is and looks like."""
    video, index = probe(path, "")
    steps = scan(video, index)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return video, index, end.value


def read_chunks(
    path: Path,
    reader: TextReader,
    chunk_seconds: float = 6.0,
    notebook: Notebook | None = None,
    most: int | None = None,
) -> Told:
    """What is told of each chunk; of no more than `most` chunks."""
    video, index, seen = survey(path)
    count = max(1, round(video.readable / chunk_seconds))
    edges = [chunk_seconds * k for k in range(1, count)] + [video.readable]
    notes = notebook or Notebook()
    told = read_text(path, index, seen, reader, edges, notes.recall)
    return list(islice(told, most))
