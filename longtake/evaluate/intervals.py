"""How sure a rate is that was measured on some films: by a bootstrap over films."""

from collections.abc import Callable, Sequence
from dataclasses import astuple

import numpy as np

from longtake.evaluate.score import Score

RESAMPLES, SEED = 2000, 6
OUTER = (2.5, 97.5)
"""Percentiles that 95 % lie between."""
FEWEST_FILMS = 5
"""Fewer tell nothing of how much films differ."""

Rate = Callable[[Score], float]
Interval = tuple[float, float]


def find_interval(scores: Sequence[Score], rate: Rate) -> Interval | None:
    """Between what the rate of the sum lies, 95 % of the time, for other films of this kind.

    None for too few films.
    """
    return _bound(_resample(scores, rate)) if len(scores) >= FEWEST_FILMS else None


def find_difference(
    scores: Sequence[Score], base: Sequence[Score], rate: Rate
) -> tuple[float, Interval | None]:
    """How much more the rate is than that of `base`, the same films in the same order.

    Paired: each draw takes the same films of both, so that what is hard in a film counts for none.
    """
    difference = rate(sum(scores, Score())) - rate(sum(base, Score()))
    if len(scores) < FEWEST_FILMS:
        return difference, None
    drawn = [
        one - other
        for one, other in zip(_resample(scores, rate), _resample(base, rate), strict=True)
    ]
    return difference, _bound(drawn)


def _resample(scores: Sequence[Score], rate: Rate) -> list[float]:
    """The rate of so many draws of films; always the same draws for as many films."""
    counts = np.array([astuple(score) for score in scores])
    films = len(scores)
    drawn = np.random.default_rng(SEED).integers(0, films, (RESAMPLES, films))
    return [rate(Score(*map(int, row))) for row in counts[drawn].sum(axis=1)]


def _bound(values: Sequence[float]) -> Interval:
    low, high = np.percentile(values, OUTER)
    return float(low), float(high)
