"""What differs between several ways to go through one video, and what a difference is worth.

Pairs every arm with flow I chunk by chunk. Knows no engine and no report.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from longtake.records import Arm, Cost, Description, Result, Worth
from longtake.text.entity_marks import MARKED
from longtake.text.words import count_words
from longtake.timecode import Span

if TYPE_CHECKING:
    import numpy as np

STAGES = ("describe", "reconcile", "check")
FEWEST_PAIRS = 8
"""Fewer tell nothing: their spread is as unknown as their mean."""
RESAMPLES, SEED = 4000, 6
OUTER = (2.5, 97.5)
"""Percentiles that 95 % lie between."""


@dataclass(frozen=True)
class Measure:
    """Something of a chunk that two arms are compared by.

    Of chunks of other lengths, amounts are shared out by time, and rates are averaged over it. A
    value that is not known is nan.
    """

    name: str
    unit: str
    amount: bool
    take: Callable[[Result], list[float]]


def measure_arm(
    name: str,
    settings: Sequence[tuple[str, object]],
    result: Result,
    seconds: float,
    base: Result | None = None,
) -> Arm:
    """The figures of one arm; `base` is flow I, where it is another one."""
    stages = tuple((stage, cost_of(result, stage)) for stage in STAGES)
    own = [cost.input_tokens for _, cost in stages]
    flow_one = [cost_of(base or result, stage).input_tokens for stage in STAGES]
    described = [d for d in result.descriptions if d.text]
    return Arm(
        name=name,
        settings=tuple(settings),
        result=result,
        seconds=round(seconds, 3),
        stages=stages,
        context_tokens=sum(d.context_tokens for d in described),
        overhead=_divide(sum(own), sum(flow_one)),
        describe_overhead=_divide(own[0], flow_one[0]),
        duplicates=sum(value == 1 for value in _repeated(result)),
        marks=len(list_returning(result.descriptions)),
    )


def _divide(tokens: int, others: int) -> float | None:
    return tokens / others if others else None


def cost_of(result: Result, stage: str) -> Cost:
    """What the answers of a stage cost, whether they were given in this run or before."""
    parts = (part.cost + part.stored for part in result.usage if part.stage == stage)
    return sum(parts, Cost())


def list_returning(descriptions: Sequence[Description]) -> set[str]:
    """The marks that stand in the descriptions of two chunks or more."""
    chunks = Counter(mark for d in descriptions for mark in {*MARKED.findall(d.text)})
    return {mark for mark, count in chunks.items() if count > 1}


def weigh_arms(arms: Sequence[Arm]) -> tuple[Worth, ...]:
    """What each arm after the first one has more of than that one, a chunk."""
    base = arms[0].result
    return tuple(
        weigh(arm.name, measure.name, pair(base, arm.result, measure))
        for arm in arms[1:]
        for measure in MEASURES
    )


def pair(base: Result, other: Result, measure: Measure) -> list[float]:
    """The differences, a value for each chunk of the one that has fewer, where both are known.

    One long chunk against several short ones is one pair: as several it would seem sure of itself.
    """
    spans, theirs = ([d.chunk.span for d in r.descriptions] for r in (base, other))
    own, values = measure.take(base), measure.take(other)
    if len(theirs) < len(spans):
        own = [_overlap(span, spans, own, amount=measure.amount) for span in theirs]
    elif spans != theirs:
        values = [_overlap(span, theirs, values, amount=measure.amount) for span in spans]
    pairs = zip(own, values, strict=True)
    return [that - this for this, that in pairs if this == this and that == that]


def _overlap(span: Span, spans: Sequence[Span], values: Sequence[float], *, amount: bool) -> float:
    """What falls into a span of values that belong to other spans, which are in time order."""
    total = weights = 0.0
    first = max(0, bisect_right(spans, span.start, key=lambda one: one.start) - 1)
    for place in range(first, len(spans)):
        if spans[place].start >= span.end:
            break
        shared = min(span.end, spans[place].end) - max(span.start, spans[place].start)
        if shared > 0:
            total += values[place] * shared / (spans[place].seconds if amount else 1)
            weights += shared
    if not weights:
        return float("nan")
    return total if amount else total / weights


def weigh(arm: str, measure: str, differences: Sequence[float]) -> Worth:
    """The mean difference and its interval, by a bootstrap over blocks of neighbouring chunks.

    Blocks (Künsch 1989, around the end), because neighbours are alike; always the same draws. The
    draws' deviations are widened as small samples need it.
    """
    import numpy as np

    values = np.asarray(differences, float)
    count = len(values)
    if not count:
        return Worth(arm, measure, 0, 0.0, 0.0, 0.0, told=False)
    mean = float(values.mean())
    low, high = _interval(values) if count > 1 else (mean, mean)
    told = count >= FEWEST_PAIRS and not low <= 0 <= high
    return Worth(arm, measure, count, mean, low, high, told)


def _interval(values: "np.ndarray") -> tuple[float, float]:
    import numpy as np

    count = len(values)
    length = max(1, round(count ** (1 / 3)))
    drawn = max(2, round(count / length))
    wrapped = np.concatenate([values, values[: length - 1]])
    blocks = np.convolve(wrapped, np.ones(length), "valid") / length
    # Differences that are all equal are equal to the last digit.
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    starts = np.random.default_rng(SEED).integers(0, count, (RESAMPLES, drawn))
    deviations = blocks[starts].mean(axis=1) - values.mean()
    wider = np.sqrt(drawn / (drawn - 1)) * _small_sample(drawn - 1)
    low, high = np.percentile(deviations * wider, OUTER) + values.mean()
    return float(low), float(high)


def _small_sample(freedom: int) -> float:
    """Student's 97.5 % point over the normal one, by the first terms of its series."""
    normal = 1.959964
    first = (normal**2 + 1) / 4
    second = (5 * normal**4 + 16 * normal**2 + 3) / 96
    third = (3 * normal**6 + 19 * normal**4 + 17 * normal**2 - 15) / 384
    return 1 + first / freedom + second / freedom**2 + third / freedom**3


def _of_each(field: str) -> Callable[[Result], list[float]]:
    """A field of each description."""
    get = attrgetter(field)
    return lambda result: [get(description) for description in result.descriptions]


def _words(result: Result) -> list[float]:
    return [count_words(d.text) if d.text else float("nan") for d in result.descriptions]


def _repeated(result: Result) -> list[float]:
    """1 where a chunk is described as the one before is, but for letters' case and numbers."""
    folded = [" ".join(re.sub(r"\d+", "0", d.text.casefold()).split()) for d in result.descriptions]
    return [
        float("nan") if not text else float(place > 0 and text == folded[place - 1])
        for place, text in enumerate(folded)
    ]


def _unsupported(result: Result) -> list[float]:
    """1 where a sentence rests on the chunk that the check finds unsupported."""
    sentences = result.summary.sentences if result.summary else ()
    cited = {n for s in sentences if s.support == "unsupported" for n in s.evidence}
    return [float(d.chunk.number in cited) for d in result.descriptions]


def _marks(result: Result) -> list[float]:
    """The returning marks that stand in a chunk."""
    returning = list_returning(result.descriptions)
    return [
        float(len({*MARKED.findall(d.text)} & returning)) if d.text else float("nan")
        for d in result.descriptions
    ]


MEASURES = (
    Measure("input tokens", "", True, _of_each("cost.input_tokens")),
    Measure("output tokens", "", True, _of_each("cost.output_tokens")),
    Measure("engine time", "s", True, _of_each("cost.seconds")),
    Measure("words of the description", "", True, _words),
    Measure("says the same as the chunk before", "%", False, _repeated),
    Measure("returning marks", "", False, _marks),
    Measure("under an unsupported sentence", "%", False, _unsupported),
)
