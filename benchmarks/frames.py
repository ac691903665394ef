"""Frames that are sent and requests that are made, against six frames in each chunk of six seconds.

An event is a shot, or what a slide or a screen shows until it changes. It is seen where a frame
of it is sent.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.scenes import (
    CLIPS,
    PHOTOS,
    RATE,
    SIZE,
    Film,
    clip_length,
    make_camera,
    make_clip,
    make_pages,
    write_films,
    write_line,
)
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.pipeline.summarize import run
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.choose_frames import spread_evenly
from longtake.video.chunks import cut_evenly

CHUNK_SECONDS, FRAMES = 6.0, 6
"""Of the plain way that Longtake is held against."""
EDGE = 0.02
"""Seconds by which times are rounded."""
MOVES = ("slow pan", "handheld", "whip")
SCREEN = (1280, 720)
MINUTES = 10


@dataclass
class Recording:
    """A film and the pictures of its events: first, and one past the last."""

    name: str
    size: tuple[int, int] = SIZE
    film: Film = field(default_factory=Film)
    events: list[tuple[int, int]] = field(default_factory=list)

    def add(self, pictures: Sequence[np.ndarray] | Film) -> None:
        """One event more."""
        start = len(self.film)
        drawn = (
            pictures.pictures if isinstance(pictures, Film) else [lambda p=p: p for p in pictures]
        )
        self.film.pictures += drawn
        self.events.append((start, len(self.film)))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.film) / RATE


class Counting(Engine):
    """Says when the first frame is, and remembers when all are."""

    def __init__(self) -> None:
        super().__init__("counting", Capabilities(images=None, context_tokens=8192))
        self.sent: list[list[float]] = []
        """Times of the frames, by request."""

    def answer(self, request: Request) -> Reply:
        """A sentence of its own for each request."""
        self.sent.append([frame.time for frame in request.frames])
        return Reply(f"Something happens at {request.frames[0].time} seconds.")

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())


def measure() -> None:
    """Make the recordings, run over each, print a table."""
    head = f"{'recording':24}{'minutes':>8}{'events':>8}{'seen':>6}{'plain':>7}"
    print(f"\n{head}{'frames':>8}{'plain':>7}{'fewer':>7}{'requests':>10}{'plain':>7}{'fewer':>7}")
    for recording in (
        make_talk("mostly slides", 51, (1, 3), (3, 6)),
        make_talk("half footage, half slides", 52, (4, 7), (2, 3)),
        make_talk("mostly footage", 53, (8, 10), (1, 1)),
        make_screen("one slide", 0),
        make_screen("screen, 4 changes", 4),
        make_screen("screen, 19 changes", 19),
    ):
        _print_row(recording)


def make_talk(name: str, seed: int, shots: tuple[int, int], stages: tuple[int, int]) -> Recording:
    """Turns of so many shots of footage, and a slide that is built in so many stages."""
    random = Random(seed)  # noqa: S311
    recording, clips = Recording(name), list(CLIPS)
    random.shuffle(clips)
    while recording.seconds < 240:
        for _ in range(random.randint(*shots)):
            _add_shot(recording, clips, random)
        _add_slide(recording, random.randint(*stages), random)
    return recording


def _add_shot(recording: Recording, clips: list[str], random: Random) -> None:
    """A clip, each at most once, or a camera over a photograph."""
    if clips and random.random() < 0.5:
        name = clips.pop()
        shot, length = make_clip(name, SIZE), clip_length(name)
    else:
        shot = make_camera(
            random.choice(MOVES), random.choice(PHOTOS), random.randint(0, 1 << 30), SIZE
        )
        length = random.randint(40, 150)
    recording.add(Film([partial(shot, n) for n in range(length)]))


def _add_slide(recording: Recording, stages: int, random: Random) -> None:
    """Each stage stays for some seconds."""
    for page in make_pages(random.randint(0, 1 << 30), SIZE, 1, stages - 1):
        recording.add([page] * random.randint(4 * RATE, 12 * RATE))


def make_screen(name: str, changes: int) -> Recording:
    """A screen on which a line of text appears so many times."""
    recording = Recording(name, SCREEN)
    page = np.full((SCREEN[1], SCREEN[0], 3), 24, np.uint8)
    write_line(page, "notes of the day", 0, (200, 220, 200))
    length = MINUTES * 60 * RATE // (changes + 1)
    for change in range(changes + 1):
        recording.add([page] * length)
        page = page.copy()
        _write_small(page, f"{change + 1}. beam and cable hold", change)
    return recording


def _write_small(page: np.ndarray, text: str, line: int) -> None:
    import cv2

    place = 80, 180 + 26 * line
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (220, 220, 220), 1, cv2.LINE_AA)


def _print_row(recording: Recording) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_films(recording.film, Path(folder), ["x264"], recording.size)["x264"]
        sent = _run(path, Path(folder))
    chunks = cut_evenly(recording.seconds, CHUNK_SECONDS)
    plain = [time for span in chunks for time in spread_evenly(span, FRAMES)]
    frames = [time for times in sent for time in times]
    print(
        f"{recording.name:24}{recording.seconds / 60:8.1f}{len(recording.events):8}"
        f"{_seen(recording, frames):6}{_seen(recording, plain):7}"
        f"{len(frames):8}{len(plain):7}{len(plain) / len(frames):7.1f}"
        f"{len(sent):10}{len(chunks):7}{len(chunks) / len(sent):7.1f}",
        flush=True,
    )


def _run(path: Path, folder: Path) -> list[list[float]]:
    """The frames of each request of a whole run."""
    engine = Counting()
    settings = Settings(out=str(folder / "out"), chunk_seconds=CHUNK_SECONDS, read_text="off")
    with Store(folder / "store.sqlite") as store:
        for _ in run(path, settings, store, engine, None):
            pass
    return engine.sent


def _seen(recording: Recording, frames: Sequence[float]) -> int:
    """How many events have a frame."""
    return sum(
        any(first / RATE - EDGE <= time < end / RATE - EDGE for time in frames)
        for first, end in recording.events
    )
