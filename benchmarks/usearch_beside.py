"""How long an approximate index takes to build and to search, beside numpy's product of all.

    python3 -m venv .cache/bench-usearch && .cache/bench-usearch/bin/python -m pip install usearch
    .cache/bench-usearch/bin/python -m benchmarks.usearch_beside [--vectors 10000 100000]

Knows nothing of Longtake: runs in an environment of its own. Vectors of 384 numbers lie around
centres, 500 around each, as the passages of a video do; both sides keep them as eight bits. numpy
reads them as the library does, a video at a time. `same` is how many of numpy's first 100 usearch
(HNSW, its own settings) finds.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIZE, OF_VIDEO, MOST, QUERIES = 384, 500, 100, 20
CENTRE = 0.7
"""Of a vector, what it shares with those of its video."""
LEVELS = 127


def as_unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    units = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(units, np.float32)


def make(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole numbers, the scale of each vector, and queries that are like some of them."""
    random = np.random.default_rng(1)
    whole = np.zeros((count, SIZE), np.int8)
    scales = np.zeros(count, np.float32)
    for first in range(0, count, OF_VIDEO):
        near = CENTRE * as_unit(random.normal(size=SIZE))
        units = as_unit(near + as_unit(random.normal(size=(OF_VIDEO, SIZE))))
        scale = np.abs(units).max(axis=1) / LEVELS
        whole[first : first + OF_VIDEO] = np.rint(units / scale[:, None])
        scales[first : first + OF_VIDEO] = scale
    some = random.choice(count, QUERIES, replace=False)
    asked = as_unit(whole[some].astype(np.float32))
    return whole, scales, as_unit(asked + as_unit(random.normal(size=asked.shape)))


def weigh_all(whole: np.ndarray, scales: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The best, by the product with all."""
    likenesses = np.concatenate(
        [
            (whole[n : n + OF_VIDEO].astype(np.float32) @ query) * scales[n : n + OF_VIDEO]
            for n in range(0, len(whole), OF_VIDEO)
        ]
    )
    return np.argpartition(-likenesses, MOST)[:MOST]


def time_each(find: Callable[[np.ndarray], Any], queries: np.ndarray) -> tuple[float, list[Any]]:
    """The median in ms, and what was found."""
    times, found = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(find(query))
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times), found


def measure(count: int) -> str:
    """The row of so many vectors."""
    from usearch.index import Index  # type: ignore[import-not-found]

    whole, scales, queries = make(count)
    exact, best = time_each(lambda query: weigh_all(whole, scales, query), queries)
    index = Index(ndim=SIZE, metric="cos", dtype="i8")
    started = time.perf_counter()
    index.add(np.arange(count), whole)
    built = time.perf_counter() - started
    asked = np.rint(queries / np.abs(queries).max(axis=1, keepdims=True) * LEVELS).astype(np.int8)
    near, found = time_each(lambda query: index.search(query, MOST).keys, asked)
    pairs = zip(best, found, strict=True)
    same = np.mean([len(set(one.tolist()) & set(other.tolist())) / MOST for one, other in pairs])
    size = index.memory_usage / count
    return f"{count:>9}{exact:>9.1f}{near:>9.2f}{same:>9.2f}{built:>9.1f}{size:>8.0f}"


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    given = parser.parse_args()
    print("  vectors numpy ms    usearch  same  build s   bytes")
    for count in given.vectors:
        print(measure(count), flush=True)


if __name__ == "__main__":
    main()
