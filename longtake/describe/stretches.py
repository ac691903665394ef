"""Where a video is divided into stretches that may be described side by side: at strong changes."""

from collections.abc import Sequence

from longtake.records import Chunk, Join, Scan

STRETCH_CHUNKS = 20
MOST_STRETCHES = 8
JOINS: dict[Join, float] = {"start": 0.0, "cut": 0.4, "dissolve": 0.6, "fade": 1.0}
"""How strong a change of scene each of them is."""
LIGHT_SECONDS = 3.0
"""So much on both sides of a change tells how different the light is."""


def plan_stretches(chunks: Sequence[Chunk], scan: Scan, wanted: int) -> list[list[Chunk]]:
    """So many stretches of neighbouring chunks, about equally long (0: one for about twenty).

    Each begins at the strongest change of scene near where an equal part would.
    """
    usual = min(MOST_STRETCHES, round(len(chunks) / STRETCH_CHUNKS))
    count = max(1, min(wanted or usual, len(chunks)))
    starts = [0]
    for number in range(1, count):
        due = number * len(chunks) / count
        reach = len(chunks) / count / 3
        first = max(starts[-1] + 1, round(due - reach))
        last = min(len(chunks) - (count - number), round(due + reach))
        places = range(first, max(first, last) + 1)
        strengths = {
            place: _strength(scan, chunks[place].span.start) - 0.1 * abs(place - due) / reach
            for place in places
        }
        starts.append(max(strengths, key=lambda place: strengths[place]))
    ends = [*starts[1:], len(chunks)]
    return [list(chunks[start:end]) for start, end in zip(starts, ends, strict=True)]


def _strength(scan: Scan, time: float) -> float:
    """How strong a change of scene is at that time; no more than its light, where no shot ends."""
    begins = [JOINS[shot.begins] for shot in scan.shots[1:] if abs(shot.span.start - time) < 0.05]
    before = _light(scan, time - LIGHT_SECONDS, time)
    after = _light(scan, time, time + LIGHT_SECONDS)
    return max(begins, default=0.0) + abs(before - after)


def _light(scan: Scan, start: float, end: float) -> float:
    """The mean brightness between two times, from 0 to 1."""
    first, last = max(0, int(start / scan.step)), max(0, int(end / scan.step))
    values = scan.brightness[first : max(last, first + 1)]
    return sum(values) / len(values) if values else 0.0
