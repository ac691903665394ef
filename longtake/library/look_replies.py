"""Replies to a second look: the schemas that ask for them, and what is read from one, leniently.

What can't be made sense of is no step at all: it says that the moment does not show it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longtake.errors import BadReply
from longtake.reconcile.replies import Schema, make_object, read_numbers, read_object, read_text
from longtake.timecode import parse_time

ACTIONS = ("answer", "view", "zoom", "read", "not_here")
VERDICTS = ("yes", "no", "unclear")
WHOLE = 1000
"""A frame's width, and its height, in the units of a box."""
LEAST_BOX = 40
"""A box is made no narrower than this."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a frame, in thousandths of its width or height."""


@dataclass(frozen=True)
class LookReply:
    """What is to be done next; `start`, `end` and `box` only where they are told."""

    action: str = "not_here"
    text: str = ""
    frames: tuple[int, ...] = ()
    start: float | None = None
    end: float | None = None
    box: Box | None = None


def look_schema() -> Schema:
    """Of a reply to frames of a moment."""
    number = {"type": "number"}
    whole = {"type": "array", "items": {"type": "integer"}}
    return make_object(
        action={"type": "string", "enum": list(ACTIONS)},
        text={"type": "string"},
        frames={**whole, "maxItems": 16},
        start=number,
        end=number,
        box={**whole, "maxItems": 4},
    )


def verdict_schema() -> Schema:
    """Of a reply that says whether frames show what a sentence says."""
    return make_object(shown={"type": "string", "enum": list(VERDICTS)})


def read_look(text: str, shown: int) -> LookReply:
    """What a reply wants done; `shown` is how many frames it may cite."""
    found = _read(text)
    action = found.get("action")
    if action not in ACTIONS:
        return LookReply()
    numbers = [number for number in read_numbers(found.get("frames")) if 1 <= number <= shown]
    return LookReply(
        action,
        read_text(found.get("text")),
        tuple(sorted(numbers)),
        _read_seconds(found.get("start")),
        _read_seconds(found.get("end")),
        _read_box(found.get("box")),
    )


def read_verdict(text: str) -> str:
    """Whether the frames show it; "unclear" where the reply does not say."""
    verdict = _read(text).get("shown")
    return verdict if verdict in VERDICTS else "unclear"


def _read(text: str) -> Mapping[str, Any]:
    try:
        return read_object(text, complete=True)
    except BadReply:
        return {}


def _read_seconds(found: Any) -> float | None:
    """A time as a number or as people write it."""
    try:
        return parse_time(str(found))
    except ValueError:
        return None


def _read_box(found: Any) -> Box | None:
    """A part of a frame inside of it; None where it is none, or the whole."""
    numbers = found if isinstance(found, list) and len(found) == 4 else []
    if not numbers or not all(_is_number(number) for number in numbers):
        return None
    left, top, right, bottom = (min(WHOLE, max(0, round(number))) for number in numbers)
    if left >= right or top >= bottom or (right - left, bottom - top) == (WHOLE, WHOLE):
        return None
    (left, right), (top, bottom) = _widen(left, right), _widen(top, bottom)
    return left, top, right, bottom


def _is_number(found: Any) -> bool:
    # What is no number, or endless, compares false.
    return isinstance(found, int | float) and -1e6 < found < 1e6


def _widen(first: int, last: int) -> tuple[int, int]:
    """At least as long as the least box, and inside the frame."""
    start = min(first, max(0, (first + last - LEAST_BOX) // 2), WHOLE - LEAST_BOX)
    return start, max(last, start + LEAST_BOX)
