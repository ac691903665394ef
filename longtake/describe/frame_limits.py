"""How much of a chunk a model is shown, and what is shown where that is too much."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from longtake.errors import EngineError, OutOfMemory, RequestTooLarge
from longtake.inference.frame_tokens import FRAME_WORD_TOKENS
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

LOG = logging.getLogger("longtake")

STEPS = ((1, 1), (1, 0.75), (0.67, 0.75), (0.5, 0.75), (0.5, 0.5), (0.34, 0.5), (0, 0.5))
"""Shares of the frames and of their side, each step less than the one before; 0: a single frame."""
SMALLEST_SIDE = 224
"""No frame is made smaller than this to fit: most vision encoders look at nothing less."""


@dataclass(frozen=True)
class View:
    """How much of a chunk a model is shown: at most so many frames, of so long a side."""

    frames: int
    side: int

    def __str__(self) -> str:
        return f"{say_count(self.frames, 'frame')} of {self.side} px"


def steps_down(view: View) -> Iterator[View]:
    """The view itself, then less and less of it, down to a single small frame."""
    last = None
    for frames, side in STEPS:
        less = View(
            max(1, round(view.frames * frames)),
            min(view.side, max(SMALLEST_SIDE, round(view.side * side))),
        )
        if less != last:
            yield less
        last = less


class Views:
    """What is shown now, and after it less and less: what one chunk needs, its neighbours do."""

    def __init__(self, view: View) -> None:
        self._left = deque(steps_down(view))
        self.why = ""
        """Why less is shown than was planned."""

    @property
    def now(self) -> View:
        """The view that is shown at present."""
        return self._left[0]

    def step_down(self, error: EngineError, engine: str) -> bool:
        """Show less from now on; False where there is no less."""
        if len(self._left) == 1:
            return False
        shown = self._left.popleft()
        most = error.most_images if isinstance(error, RequestTooLarge) else 0
        if 0 < most < shown.frames:
            self._left = deque(steps_down(View(most, shown.side)))
        memory = isinstance(error, OutOfMemory)
        self.why = "memory did not suffice" if memory else "more was too large for the engine"
        self._say(error, engine)
        return True

    def keep_to(self, fewer: "Fewer", engine: str) -> None:
        """Show no more than was answered after a guess."""
        if fewer.view.frames < self.now.frames:
            self._left = deque(steps_down(fewer.view))
            self.why = fewer.why
            self._say(fewer.error, engine)

    def _say(self, error: EngineError, engine: str) -> None:
        said = one_line(error.message)[:200]
        LOG.info("%s: %s: from here on at most %s a chunk", engine, said, self.now)


@dataclass(frozen=True)
class Fewer:
    """A guess: an engine that refused several frames, not saying why, may take half of them."""

    view: View
    error: EngineError
    why = "the engine refused more of them"


def guess_fewer(shown: View, error: EngineError) -> Fewer | None:
    """Half of the frames that were refused; None where that was one."""
    return Fewer(View(shown.frames // 2, shown.side), error) if shown.frames > 1 else None


def fit_view(wanted: View, room: int, frame_tokens: Callable[[int], int]) -> View | None:
    """The first step whose frames take at most `room` tokens, words included; None: none does.

    `frame_tokens` says what a frame of that side takes.
    """
    for view in steps_down(wanted):
        if view.frames * (frame_tokens(view.side) + FRAME_WORD_TOKENS) <= room:
            return view
    return None
