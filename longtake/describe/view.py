"""What a request costs a model, and a model a machine: plain arithmetic, nothing is asked.

Tokens decide whether a chunk fits the context; weights, cache and frames whether it fits memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

STEPS = ((1, 1), (1, 0.75), (0.67, 0.75), (0.5, 0.75), (0.5, 0.5), (0.34, 0.5), (0, 0.5))
"""Shares of the frames and of their side, each step less than the one before; 0: a single frame."""
SMALLEST_SIDE = 224
"""No frame is made smaller than this to fit: most vision encoders look at nothing less."""
LLAMA_WORK_BYTES = 512 << 20
"""For what llama.cpp computes in, besides weights and cache."""
FRAME_WORD_TOKENS = 16
"""For the words around a frame: its time, its markers, line breaks."""


@dataclass(frozen=True)
class Shape:
    """What of a text model decides its memory, as config.json and GGUF headers name it."""

    layers: int
    kv_heads: int
    head_size: int
    context_tokens: int
    """What it was trained for."""


@dataclass(frozen=True)
class View:
    """How much of a chunk a model is shown: at most so many frames, of so long a side."""

    frames: int
    side: int

    def __str__(self) -> str:
        return f"{self.frames} {'frame' if self.frames == 1 else 'frames'} of {self.side} px"


def cache_bytes(shape: Shape, tokens: int, value_bytes: float = 2) -> int:
    """Memory for the keys and values of so many tokens; two bytes each in half precision."""
    return round(2 * shape.layers * shape.kv_heads * shape.head_size * value_bytes * tokens)


def scale(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with its longest side brought to `side`, never made larger."""
    share = min(1.0, side / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


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


def fit_view(wanted: View, room: int, frame_tokens: Callable[[int], int]) -> View | None:
    """The first step whose frames take at most `room` tokens, words included; None: none does.

    `frame_tokens` says what a frame of that side takes.
    """
    for view in steps_down(wanted):
        if view.frames * (frame_tokens(view.side) + FRAME_WORD_TOKENS) <= room:
            return view
    return None
