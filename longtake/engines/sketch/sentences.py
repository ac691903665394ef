"""Puts what was measured of a chunk into few words; of objects, colours and texts it says none."""

from longtake.engines.sketch.changes import FrameChanges
from longtake.records import MEASURED

LITTLE_MOVEMENT = 4.0
MUCH_MOVEMENT = 18.0
"""Mean difference of grey levels from frame to frame, half a second apart."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def say(changes: FrameChanges, cuts: int = 0) -> str:
    """What comparing the frames has shown; `cuts` is how many the scan found there."""
    if changes.plain:
        return f"{MEASURED}{_say_plain(changes)}."
    parts = ["dark"] if changes.dark and not changes.fade else []
    if cuts:
        number = _NUMBERS[cuts] if cuts < len(_NUMBERS) else cuts
        parts.append(f"{number} cut{'' if cuts == 1 else 's'}")
    return f"{MEASURED}{', '.join([*parts, _say_movement(changes, cuts)])}."


def _say_plain(changes: FrameChanges) -> str:
    if len(changes.pictures) > 1:
        return "plain pictures that change"
    return "a black picture" if changes.dark else "a plain picture"


def _say_movement(changes: FrameChanges, cuts: int) -> str:
    if changes.fade:
        return "fades in from black" if changes.fade == "in" else "fades to black"
    if len(changes.pictures) == 1 and not cuts:
        several = changes.pictures[0].frames > 1
        return "the picture stands still" if several else "one picture"
    if changes.difference < LITTLE_MOVEMENT:
        return "little movement"
    return "much movement" if changes.difference > MUCH_MOVEMENT else "some movement"
