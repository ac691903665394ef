"""Cues that no voice says: what a drone, a camera or a tracker measures, picture by picture.

Knows no language and no device: such cues say the same with other numbers again and again.
"""

import re
from collections import Counter
from collections.abc import Sequence

from longtake.words.speech.cues import Cue

RECURS = 3
"""So many cues that differ in nothing but their numbers are a form that is filled in."""
FEWEST_NUMBERS = 2
FEWEST_FIELDS = 2
FEWEST_JOINTS = 4
"""Of each, a voice's cue may hold one fewer: `Luke: 5`, `10:30`, `1-2-3-4`."""
MOST_LETTERS = 1000
"""Of a cue, as far as its form is looked at."""
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_FIELD = re.compile(r'[^\W\d][\w.]{0,30}"?\s?[:=(]\s?[-+]?\d')
"""A name and its value: `iso : 100`, `rel_alt: 1.2`, `GPS(149.0`."""
_CLOCK = re.compile(r"\d:\d+:\d")
_JOINT = re.compile(r"(?<=\w)[^\w\s'’]+(?=\w)")
"""Marks with no blank beside them: of times, dates, addresses, units, decimals."""


def drop_telemetry(cues: Sequence[Cue]) -> list[Cue]:
    """The cues without those that hold measured values in a form that recurs."""
    forms = [_read_form(cue) for cue in cues]
    known = Counter(forms)
    return [
        cue for cue, form in zip(cues, forms, strict=True) if not (form and known[form] >= RECURS)
    ]


def _read_form(cue: Cue) -> str:
    """What stays the same in a cue of measured values; empty for any other."""
    text = " ".join(cue.lines)[:MOST_LETTERS]
    if not _is_measured(text):
        return ""
    return " ".join("0" if token.isdecimal() else token for token in _TOKEN.findall(text))


def _is_measured(text: str) -> bool:
    if sum(token.isdecimal() for token in _TOKEN.findall(text)) < FEWEST_NUMBERS:
        return False
    fields, joints = len(_FIELD.findall(text)), len(_JOINT.findall(text))
    return bool(fields >= FEWEST_FIELDS or joints >= FEWEST_JOINTS or _CLOCK.search(text))
