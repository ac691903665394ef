"""Tells what a model says of itself from what it says of the pictures, by examples in a file.

A naive Bayes classifier on runs of letters: of a language without examples it knows nothing, and
takes what it reads for a description.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

from longtake.text.clauses import QUOTED
from longtake.text.words import SOUTHEAST, WORD

SHORTEST, LONGEST = 2, 5
"""Letters of the runs that are counted. In tenfold cross-validation ranges up to 5 or 6 err alike,
on one lone clause in nine; Chinese needs runs of two."""
DECLINES_FROM, DECLINES_SHARE = 12.0, 0.1
"""From this weight on an opening declines, and from this one for each of its runs. Of 336 sentences
that describe none weighs over 8; of 80 replies that decline none under 20, or 0.16 a run."""
DESCRIBES_SHARE = 0.2
"""What each run behind an opening weighs against declining, where something seen is told: 0.33 and
more of those that were looked at, and 0.12 at most of advice and offers."""
MOST_LETTERS = 4000
"""Of a longer reply, its beginning is looked at."""
_SMOOTHING = 0.5
_BREAK = re.compile(rf"(?<=[.!?;:,])\s+|(?<=[。！？；：，、।؟،؛])\s*|(?<={SOUTHEAST.pattern})\s+")
"""Between clauses; where sentences have no marks, a blank."""


@dataclass(frozen=True)
class Examples:
    """What models say of themselves, what descriptions say, and the words that join the two."""

    declining: tuple[str, ...]
    describing: tuple[str, ...]
    joints: tuple[str, ...]


@cache
def load_examples() -> Examples:
    """All of them, whatever their language."""
    text = files(__package__).joinpath("refusals.txt").read_text(encoding="utf-8")
    lines = [line.partition(" ") for line in text.splitlines()]
    declining, describing, joints = (
        tuple(line for kind, _, line in lines if kind == wanted) for wanted in "-+&"
    )
    joined = {joint.strip() for line in joints for joint in line.split(",")}
    return Examples(declining, describing, tuple(sorted(joined, key=len, reverse=True)))


def take_off_opening(text: str) -> tuple[str, bool]:
    """The text without the clauses at its beginning that decline; and whether any did.

    Empty where nothing that was seen is told behind them.
    """
    bounds = _find_clauses(text[:MOST_LETTERS])
    clauses = [text[start:end] for start, end in bounds]
    sums = list(accumulate(map(_weigh, clauses), initial=0.0))
    opening = max(range(len(sums)), key=sums.__getitem__)
    runs = _count_runs(clauses[:opening])
    if sums[opening] < max(DECLINES_FROM, DECLINES_SHARE * runs):
        return text, False
    against = sums[opening] - sums[-1]
    if against <= DESCRIBES_SHARE * _count_runs(clauses[opening:]):
        return "", True
    return _begin(text[bounds[opening][0] :]), True


def _count_runs(clauses: Sequence[str]) -> int:
    return sum(len(_list_runs(clause)) for clause in clauses)


def _find_clauses(text: str) -> list[tuple[int, int]]:
    """Where each clause begins and ends; what is quoted is one piece, and says nothing."""
    masked = re.sub(QUOTED, lambda found: "\0" * len(found[0]), text)
    breaks = [found.end() for found in _BREAK.finditer(masked)]
    bounds = zip([0, *breaks], [*breaks, len(text)], strict=True)
    return [(start, end) for start, end in bounds if WORD.search(masked, start, end)]


def _begin(text: str) -> str:
    """Without the word that joined it to what went before, and with a capital."""
    for joint in load_examples().joints:
        blank = "" if joint[-1] >= "\u0e00" else r"[\s,،]+"
        if found := re.match(rf"{re.escape(joint)}{blank}[,，、]?\s*", text, re.IGNORECASE):
            text = text[found.end() :]
            break
    return text[:1].upper() + text[1:]


def _weigh(clause: str) -> float:
    """What speaks for its declining: the logarithm of how much likelier that is."""
    known = _learn()
    return sum(known.get(run, 0.0) for run in _list_runs(re.sub(QUOTED, "", clause)))


@cache
def _learn() -> Mapping[str, float]:
    """The weight of each run of letters that stands in an example."""
    examples = load_examples()
    declining, describing = (
        Counter(run for text in some for run in _list_runs(text))
        for some in (examples.declining, examples.describing)
    )
    totals = [len(some) + 2 * _SMOOTHING for some in (examples.declining, examples.describing)]
    return {
        run: math.log((declining[run] + _SMOOTHING) / totals[0])
        - math.log((describing[run] + _SMOOTHING) / totals[1])
        for run in {*declining, *describing}
    }


def _list_runs(text: str) -> set[str]:
    """All runs of letters in the text, over the ends of words too, each once."""
    plain = f" {' '.join(WORD.findall(text.casefold().replace('’', chr(39))))} "
    return {
        plain[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(len(plain) - length + 1)
    }
