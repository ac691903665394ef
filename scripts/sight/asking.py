"""Windows of event films as the requests that Longtake sends, and answers held side by side."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from longtake.describe.prompt import make_request
from longtake.evaluate.draw import draw_frame
from longtake.evaluate.script import write_script
from longtake.inference.engine import Engine, Request
from longtake.records import Chunk, Frame
from longtake.timecode import Span
from longtake.video.choose_frames import spread_evenly
from scripts.sight.sentences import LEVEL, read_events, say_event, say_events
from scripts.sight.windows import HEIGHT, SECONDS, WIDTH, encode

FRAMES = 6


@dataclass(frozen=True)
class Said:
    """What is said of a window of a film; `seed` and `start` name it."""

    seed: int
    start: int
    text: str


def make_requests(
    seeds: Iterable[int], frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT
) -> Iterator[tuple[int, int, Request]]:
    """Of each film's windows: the seed, the start in seconds, and the request."""
    for seed in seeds:
        script = write_script(seed, LEVEL)
        for number, start in enumerate(range(0, int(script.seconds), SECONDS), start=1):
            span = Span(start, start + SECONDS)
            shown = [
                Frame(time, encode(draw_frame(script, time, width, height)), width, height)
                for time in spread_evenly(span, frames)
            ]
            yield seed, start, make_request(Chunk(number, span), shown)


def ask(engine: Engine, requests: Iterable[tuple[int, int, Request]]) -> list[Said]:
    """What the engine says of each window."""
    return [Said(seed, start, engine.answer(request).text) for seed, start, request in requests]


def tell_truth(seeds: Iterable[int]) -> Iterator[Said]:
    """What happens in each window."""
    for seed in seeds:
        script = write_script(seed, LEVEL)
        for start in range(0, int(script.seconds), SECONDS):
            events = [e for e in script.events if start <= e.start < start + SECONDS]
            yield Said(seed, start, say_events(map(say_event, events)))


def write_said(path: Path, said: Iterable[Said]) -> None:
    """A table, a row a window."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Said.__dataclass_fields__)
        writer.writerows((each.seed, each.start, each.text) for each in said)


def read_said(path: Path) -> list[Said]:
    """The rows of such a table."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        return [Said(int(seed), int(start), text) for seed, start, text in rows]


def share_alike(some: Iterable[Said], others: Iterable[Said]) -> float:
    """Of how many windows in a hundred the same events are told, in the same order."""
    pairs = list(zip(some, others, strict=True))
    alike = [read_events(one.text) == read_events(other.text) for one, other in pairs]
    return 100 * sum(alike) / len(alike)


def count_right(said: Iterable[Said], truth: Iterable[Said]) -> tuple[int, int, int]:
    """Events that happen, that are told, and that are told and happen."""

    def count(one: Said, other: Said) -> tuple[int, int, int]:
        told, true = Counter(read_events(one.text)), Counter(read_events(other.text))
        return true.total(), told.total(), (true & told).total()

    true, told, right = map(sum, zip(*starmap(count, zip(said, truth, strict=True)), strict=True))
    return true, told, right
