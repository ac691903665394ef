"""Words the measurements of a chunk's frames; says nothing of objects, colours or text."""

from longtake.engines.sketch.changes import FrameChanges
from longtake.records import MEASURED

LITTLE_MOVEMENT = 4.0
MUCH_MOVEMENT = 18.0
"""Mean difference of grey levels from frame to frame, half a second apart."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def say(changes: FrameChanges, cuts: int = 0) -> str:
    """What comparing the frames has shown; `cuts` is how many the scan found there."""
    if changes.plain:
        if len(changes.pictures) > 1:
            return f"{MEASURED}plain pictures that change."
        return f"{MEASURED}a {'black' if changes.dark else 'plain'} picture."
    parts = ["dark"] if changes.dark and not changes.fade else []
    if cuts:
        number = _NUMBERS[cuts] if cuts < len(_NUMBERS) else cuts
        parts.append(f"{number} cut{'' if cuts == 1 else 's'}")
    return f"{MEASURED}{', '.join([*parts, _say_movement(changes, cuts)])}."


def _say_movement(changes: FrameChanges, cuts: int) -> str:
    if changes.fade:
        return "fades in from black" if changes.fade == "in" else "fades to black"
    if len(changes.pictures) == 1 and not cuts:
        several = changes.pictures[0].frames > 1
        return "the picture stands still" if several else "one picture"
    if changes.difference < LITTLE_MOVEMENT:
        return "little movement"
    return "much movement" if changes.difference > MUCH_MOVEMENT else "some movement"
