"""The small model that really sees: what it has said of films by PyTorch, and how it is asked.

What it says is held against the same films by every engine. See `tests/sight/README.md`.
"""

from longtake.inference.engine import Engine
from scripts.sight.asking import (
    Said,
    ask,
    count_right,
    make_requests,
    read_said,
    share_alike,
    tell_truth,
)
from tests.conftest import ROOT

MODEL = ROOT / "tests/sight"
SAID = MODEL / "said.csv"
"""By PyTorch, of the films of the first seeds."""
FLOOR = 80
"""Windows in a hundred of which another engine tells the same events, at least."""


def ask_films(engine: Engine, films: int) -> tuple[list[Said], list[Said]]:
    """What it says now of so many films, and what was said by PyTorch."""
    said = ask(engine, make_requests(range(films)))
    return said, [each for each in read_said(SAID) if each.seed < films]


def check_same(engine: Engine, films: int, floor: float = FLOOR) -> None:
    """It tells the same events as by PyTorch, and no fewer of those that happen."""
    now, before = ask_films(engine, films)
    assert share_alike(now, before) >= floor
    truth = list(tell_truth(range(films)))
    _, _, right = count_right(now, truth)
    assert right >= 0.9 * count_right(before, truth)[2]
