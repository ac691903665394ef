"""From cues to segments: what is shown again and again is said once. Knows no file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from longtake.records import Segment
from longtake.timecode import Span
from longtake.words.speech.cues import Cue

ROLL_SHARE = 0.25
"""So many of the cues repeat the last lines of the one before and add to them where captions roll;
in YouTube's, every second one does. As many add to its last line where captions grow."""
ROLL_ROWS = 4
TOUCHING_SECONDS = 0.1
FLASH_SECONDS = 0.2
"""Signs that move are drawn as a row of cues, one for each picture: each this short, at most."""
HIGHLIGHTS = 3
"""As many cues in a row that show the same, each marked otherwise, point at one word after another;
two may be said twice."""
HURRIED_LETTERS = 30
"""In a second, more than anybody says; the fastest speakers say some twenty."""


def as_segments(cues: Iterable[Cue], delay: float = 0.0) -> tuple[Segment, ...]:
    """One segment for each cue that holds words, in order of start; nothing is said twice.

    `delay` is when the first picture comes on the cues' clock: what ends before it is left out.
    """
    ordered = sorted((cue for cue in cues if cue.lines), key=lambda cue: cue.start)
    segments = []
    for cue in _merge_twins(_unroll(_join_growing(_join_highlights(ordered)))):
        start, end = round(cue.start - delay, 3), round(cue.end - delay, 3)
        if end > 0 or start >= 0:
            segments.append(Segment(Span(max(start, 0.0), end), " ".join(cue.lines)))
    return tuple(segments)


def _join_highlights(cues: Iterable[Cue]) -> list[Cue]:
    """One cue of a row that shows the same, and marks one word after another in it."""
    return [
        cue for row in _list_rows(cues) for cue in ([_join(row)] if _is_highlighted(row) else row)
    ]


def _list_rows(cues: Iterable[Cue]) -> Iterator[list[Cue]]:
    """Cues that show the same, each right after the other."""
    row: list[Cue] = []
    for cue in cues:
        if row and not (cue.lines == row[-1].lines and _follows(row[-1], cue)):
            yield row
            row = []
        row.append(cue)
    if row:
        yield row


def _is_highlighted(row: Sequence[Cue]) -> bool:
    if len(row) < HIGHLIGHTS:
        return False
    seconds = max(cue.end for cue in row) - row[0].start
    hurried = len(row) * sum(map(len, row[0].lines)) > HURRIED_LETTERS * seconds
    return hurried or all(a.written != b.written for a, b in pairwise(row))


def _join(row: Sequence[Cue]) -> Cue:
    return replace(row[0], end=max(cue.end for cue in row))


def _join_growing(cues: list[Cue]) -> list[Cue]:
    """Captions that grow by a word or a letter show each beginning first: the whole alone stays."""
    grown = [_has_grown(*pair) for pair in pairwise(cues)]
    if not any(grown) or sum(grown) < ROLL_SHARE * len(cues):
        return cues
    kept = cues[:1]
    for cue, grows in zip(cues[1:], grown, strict=True):
        if grows:
            before = kept.pop()
            cue = replace(cue, start=before.start, end=max(before.end, cue.end))
        kept.append(cue)
    return kept


def _has_grown(before: Cue, cue: Cue) -> bool:
    """Whether something stands behind the very words of the cue before, not just a line more."""
    if not _follows(before, cue) or cue.lines[: len(before.lines)] == before.lines:
        return False
    return " ".join(cue.lines).startswith(" ".join(before.lines))


def _follows(before: Cue, cue: Cue) -> bool:
    return cue.start <= before.end + TOUCHING_SECONDS


def _unroll(cues: list[Cue]) -> list[Cue]:
    """Captions that roll up show each line again until it is gone: each stays where it is new."""
    if not cues:
        return cues
    repeats = [0, *(_repeated_lines(*pair) for pair in pairwise(cues))]
    grown = sum(0 < n < len(cue.lines) for n, cue in zip(repeats, cues, strict=True))
    if not grown or grown < ROLL_SHARE * len(cues):
        return cues
    pairs = zip(cues, repeats, strict=True)
    return [replace(cue, lines=cue.lines[n:]) for cue, n in pairs if n < len(cue.lines)]


def _repeated_lines(before: Cue, cue: Cue) -> int:
    """How many of its first lines are the last ones of the cue before, which it follows."""
    if not _follows(before, cue):
        return 0
    most = min(ROLL_ROWS, len(before.lines), len(cue.lines))
    return next((n for n in range(most, 0, -1) if cue.lines[:n] == before.lines[-n:]), 0)


def _merge_twins(cues: Iterable[Cue]) -> list[Cue]:
    """One cue of those that show the same at the same time (layers), or in a row of flashes."""
    kept: list[Cue] = []
    places: dict[tuple[str, ...], int] = {}
    for cue in cues:
        place = places.get(cue.lines)
        if place is not None and _is_twin(kept[place], cue):
            kept[place] = replace(kept[place], end=max(kept[place].end, cue.end))
        else:
            places[cue.lines] = len(kept)
            kept.append(cue)
    return kept


def _is_twin(before: Cue, cue: Cue) -> bool:
    if (cue.start, cue.end) == (before.start, before.end) or cue.start < before.end:
        return True
    flash = cue.end - cue.start <= FLASH_SECONDS
    return flash and _follows(before, cue)
