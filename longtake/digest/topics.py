"""Where the subject changes: the row of sentences is cut where the scatter around the parts' means
is least (optimal partitioning, Jackson et al. 2005).

Knows vectors and prices, no text and no time.
"""

from itertools import pairwise

import numpy as np

MOST_UNITS = 1200
"""The work grows with the square of the units; where there are more sentences, runs of them."""
RAISE = 1.2
"""By so much cuts become dearer, as often as there are too many of them."""
BLOCK = 4096
REACH = 4
"""Sentences on either side that tell in which company a sentence stands."""


def find_topics(vectors: np.ndarray, prices: np.ndarray, most: int) -> list[int]:
    """The places at which topics begin, the first one 0; at most so many.

    `vectors` are unit vectors (sentences, size); `prices` what a cut before each must save of the
    scatter, which is 1 for a sentence that is like no other.
    """
    edges = np.unique(np.linspace(0, len(vectors), min(len(vectors), MOST_UNITS) + 1).astype(int))
    places = [a + int(np.argmin(prices[a:b])) for a, b in pairwise(edges)]
    places[0] = 0
    sums = np.add.reduceat(vectors, places, axis=0, dtype=np.float64)
    scatter = _measure_scatter(sums, np.diff([*places, len(vectors)]))
    own = prices[places]
    starts = _cut(scatter, own)
    while len(starts) > most:
        own = own * RAISE
        starts = _cut(scatter, own)
    return [places[start] for start in starts]


def add_company(vectors: np.ndarray, own: float) -> np.ndarray:
    """Unit vectors of the sentences and of the company that their like keep in this text.

    Two sentences without a word in common are near where their words stand beside the same others
    (second-order co-occurrence, as in random indexing). `own` is what a sentence itself counts.
    """
    # In blocks, so that what is made on the way does not grow with the text.
    blocks = [slice(first, first + BLOCK) for first in range(0, len(vectors), BLOCK)]
    shares = 1 - np.abs(np.arange(-REACH, REACH + 1)) / (REACH + 1)
    padded = np.pad(vectors, ((REACH, REACH), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(shares), axis=0)
    near = sum(vectors[block].T @ _as_unit(windows[block] @ shares) for block in blocks)
    company = vectors @ near
    company -= company.mean(axis=0)
    for block in blocks:
        company[block] = _as_unit(_as_unit(company[block]) + own * vectors[block])
    return np.asarray(company)


def _as_unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9))


def _measure_scatter(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of the units from each one up to before another: how far they are from their mean.

    Of shape (units + 1, units + 1), of which the part above the diagonal counts. Of unit vectors
    this is their number less the squared length of their sum over it.
    """
    sums = np.vstack([np.zeros_like(sums[:1]), np.cumsum(sums, axis=0)])
    totals = np.concatenate([[0], np.cumsum(counts)])
    products = sums @ sums.T
    squares = np.diag(products)
    lengths = squares[:, None] + squares[None, :] - 2 * products
    numbers = totals[None, :] - totals[:, None]
    return np.where(numbers > 0, numbers - lengths / np.maximum(numbers, 1), np.inf)


def _cut(scatter: np.ndarray, prices: np.ndarray) -> list[int]:
    """Where the cheapest parts begin: their scatter and the prices of the cuts before them."""
    units = len(prices)
    paid = np.concatenate([[0.0], prices[1:], [0.0]])
    least = np.zeros(units + 1)
    begins = np.zeros(units + 1, dtype=int)
    for end in range(1, units + 1):
        sums = least[:end] + paid[:end] + scatter[:end, end]
        begins[end] = int(np.argmin(sums))
        least[end] = sums[begins[end]]
    starts = []
    place = units
    while place > 0:
        place = int(begins[place])
        starts.append(place)
    return starts[::-1]
