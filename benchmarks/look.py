"""What a second look adds to descriptions: right answers and requests, by budget.

Films of a hall with a plate whose number is too small for the describing side, at places of their
own, a lamp that flashes for half a second between two described frames, and questions about what is
not there. The eyes are scripted, but see nothing except the pixels that they are sent; so this
measures the way of looking, and no model. `python -m benchmarks.look`.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from longtake.inference.scheduler import Work
from longtake.library.index import list_videos
from longtake.library.search import VectorCache
from longtake.pipeline.ask import Answerers, LibraryAnswer, ask_library
from longtake.pipeline.search import Query
from longtake.pipeline.session import run_to_end
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from tests import looks

FILMS = 8
BUDGETS = (0, 1, 2, 4, 8)
Right = Callable[[LibraryAnswer], bool]


def says_number(number: int, found: LibraryAnswer) -> bool:
    """Whether the plate's number is told, for a time at which it hangs there."""
    return any(
        f"says {number}." in s.text and overlaps(s.proofs[0].span, looks.PLATE_SPAN)
        for s in found.sentences
    )


def tells_flash(found: LibraryAnswer) -> bool:
    """Whether the flash is told, for its time and no more than a second and a half."""
    spans = [s.proofs[0].span for s in found.sentences]
    return any(overlaps(span, looks.FLASH_SPAN) and span.seconds <= 1.5 for span in spans)


def overlaps(one: Span, other: Span) -> bool:
    """Whether both share a moment."""
    return one.start < other.end and other.start < one.end


def ask(folder: Path, film: Path, question: str, budget: int) -> tuple[LibraryAnswer, int]:
    """The answer with that budget, and the requests that were made for looks."""
    with Store(folder / f"{film.stem}-{budget}-{hash(question)}.sqlite") as store:
        looks.put_known(film, store)
        eyes = looks.make_eyes()
        work = Work(Settings(embedder="words", looks=budget), store, lambda seconds: None, [])
        who = Answerers(looks.make_reader(), None, lambda: eyes)
        steps = ask_library(work, Query(question), list_videos(store), VectorCache(), who)
        return run_to_end(steps), len(eyes.asked)


def main() -> None:
    """Print a table: right answers and requests of each kind of question, by budget."""
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films: list[tuple[Path, int]] = []
        for number in range(FILMS):
            place = int(random.integers(20, 560)), int(random.integers(20, 400))
            plate = int(random.integers(1, 1 << 16))
            films.append((looks.make_hall(folder / f"hall{number}.mp4", place, plate), plate))
        print("| budget | plate | flash | requests an answer | not there: made up | requests |")
        print("|---|---|---|---|---|---|")
        for budget in BUDGETS:
            print(measure(folder, films, budget))


def measure(folder: Path, films: list[tuple[Path, int]], budget: int) -> str:
    """A row of the table."""
    plates = flashes = made_up = 0
    asked: list[int] = []
    asked_of_nothing: list[int] = []
    for film, plate in films:
        questions: list[tuple[str, Right]] = [
            (looks.PLATE_ASKED, partial(says_number, plate)),
            (looks.FLASH_ASKED, tells_flash),
        ]
        (plate_found, flash_found) = (ask(folder, film, text, budget) for text, _ in questions)
        plates += questions[0][1](plate_found[0])
        flashes += questions[1][1](flash_found[0])
        asked += [plate_found[1], flash_found[1]]
        nothing, requests = ask(folder, film, looks.GONE_ASKED, budget)
        made_up += bool(nothing.sentences)
        asked_of_nothing.append(requests)
    count = len(films)
    return (
        f"| {budget} | {plates} of {count} | {flashes} of {count} | {np.mean(asked):.1f}"
        f" | {made_up} of {count} | {np.mean(asked_of_nothing):.1f} |"
    )


if __name__ == "__main__":
    main()
