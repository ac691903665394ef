"""How many requests to have under way at once: finds the width of the engine by its answers.

Doubles while that brings more answers in the same time, goes back where it does not, and halves on
trouble (busy, no reply in time, out of memory). Knows no engine; thread-safe.
"""

import threading
import time
from collections.abc import Callable

GAIN = 1.1
"""A wider step stands if it brings at least so many times the answers."""
FEWEST = 4
"""Answers that a rate is taken from, at least."""
LOOK_AGAIN = 16
"""So many times the width in answers pass before a step that brought nothing is tried again."""


class Width:
    """The width now, between 1 and `most`; `start` = `most` holds it unless there is trouble."""

    def __init__(self, start: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = min(start, most)
        self.most = most
        self._clock = clock
        self._lock = threading.Lock()
        self.epoch = 0
        """Counts the changes: trouble of a request begun before the last one is known already."""
        self._answers = 0
        self._since = clock()
        self._kept: tuple[int, float] | None = None
        """The width that the one now must be better than, and its answers a second."""
        self._wait = 0

    def take_answer(self) -> None:
        """Count an answer; the rate leaves out those to requests begun before the last change."""
        with self._lock:
            self._answers += 1
            if self._answers == self.now:
                self._since = self._clock()
            if self._answers >= self.now + max(self.now, FEWEST) + self._wait:
                seconds = self._clock() - self._since
                self._weigh((self._answers - self.now) / max(seconds, 1e-9))

    def take_trouble(self, epoch: int, *, lasting: bool = False) -> None:
        """A request begun in that epoch was too much; `lasting`: never grow so wide again."""
        with self._lock:
            if epoch != self.epoch:
                return
            if lasting:
                self.most = max(1, self.now // 2)
            self._kept = None
            self._change(max(1, self.now // 2), wait=LOOK_AGAIN)

    def _weigh(self, rate: float) -> None:
        """Grow further, or go back to the width before where this one's rate is no better."""
        if self._kept and rate < GAIN * self._kept[1]:
            narrow, self._kept = self._kept[0], None
            self._change(narrow, wait=LOOK_AGAIN)
        elif self.now < self.most:
            self._kept = self.now, rate
            self._change(min(2 * self.now, self.most))
        else:
            self._kept = None
            self._change(self.now, wait=LOOK_AGAIN)

    def _change(self, width: int, wait: int = 0) -> None:
        self.now = width
        self._wait = wait * width
        self.epoch += 1
        self._answers = 0
        self._since = self._clock()
