"""The width of an engine is found by its answers, whatever the engine's own width is."""

import heapq
import random
from collections.abc import Callable

import pytest

from longtake.inference.concurrency import FEWEST, Width


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def drive(
    seconds_at: Callable[[int], float], requests: int, start: int = 4, most: int = 64
) -> tuple[list[int], float]:
    """Keep a width's worth of requests under way; the widths after each answer, and the time.

    `seconds_at` says how long an answer takes while so many are under way.
    """
    clock = Clock()
    width = Width(start, most, clock)
    under_way: list[tuple[float, int]] = []
    widths = []
    begun = 0
    while len(widths) < requests:
        while len(under_way) < width.now and begun < requests:
            begun += 1
            took = seconds_at(len(under_way) + 1) * random.Random(begun).uniform(0.9, 1.1)
            heapq.heappush(under_way, (clock.seconds + took, begun))
        clock.seconds, _ = heapq.heappop(under_way)
        width.take_answer()
        widths.append(width.now)
    return widths, clock.seconds


def queue(slots: int, seconds: float = 1.0) -> Callable[[int], float]:
    """A server that works on so many at once; the rest waits in its queue."""
    return lambda under_way: seconds * max(1.0, under_way / slots)


@pytest.mark.parametrize("slots", [1, 2, 4, 8, 16, 32, 64])
def test_width_comes_near_that_of_the_server(slots: int) -> None:
    widths, _ = drive(queue(slots), 600)
    usual = sorted(widths[200:])[200]
    assert max(4, slots) / 2 <= usual <= max(4, 2 * slots)


@pytest.mark.parametrize("slots", [4, 16, 64])
def test_found_width_costs_little_beside_the_best_one(slots: int) -> None:
    _, found = drive(queue(slots), 1000)
    _, best = drive(queue(slots), 1000, start=slots, most=slots)
    assert found <= 1.5 * best


def test_no_width_grows_beyond_the_most_nor_without_answers() -> None:
    widths, _ = drive(queue(64), 500, most=10)
    assert max(widths) == 10
    assert Width(3, 64).now == 3 and Width(8, 2).now == 2


def test_width_of_the_user_stays_as_it_is() -> None:
    widths, _ = drive(queue(64), 300, start=5, most=5)
    assert set(widths) == {5}


def test_one_round_of_trouble_halves_the_width_once() -> None:
    width = Width(16, 64)
    epoch = width.epoch
    for _ in range(16):
        width.take_trouble(epoch)
    assert width.now == 8
    width.take_trouble(width.epoch)
    assert width.now == 4
    for _ in range(9):
        width.take_trouble(width.epoch)
    assert width.now == 1


def test_width_grows_again_after_passing_trouble_but_not_after_lasting() -> None:
    for lasting, grows in ((False, True), (True, False)):
        clock = Clock()
        width = Width(8, 8, clock)
        width.take_trouble(width.epoch, lasting=lasting)
        assert width.now == 4
        for _ in range(400):
            clock.seconds += 1.0 / width.now
            width.take_answer()
        assert (width.now == 8) == grows


def test_few_answers_change_nothing() -> None:
    clock = Clock()
    width = Width(4, 64, clock)
    for _ in range(4 + FEWEST - 1):
        clock.seconds += 1
        width.take_answer()
    assert width.now == 4
