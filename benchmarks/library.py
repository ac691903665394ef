"""How long a search takes, and how large the index is, as the library grows.

    python -m benchmarks.library [--passages 10000 100000 1000000] [--searches 20]

Sentences are made of a vocabulary whose words are as common as Zipf's law has it, 500 to a video;
vectors are random unit vectors of 384 numbers, as large as MiniLM's: what they mean is measured by
`benchmarks.recall`. For a size, medians in ms where nothing else is said:

first     a search in a new process: vectors are read from the store (one search)
later     the searches after it; of that, by words (FTS5) and by vectors alone
float32   the product with the same vectors as one array in memory, beside it
bytes     of a passage in the store, with text, index and vector
index     time to add a passage without its embedding
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from longtake.embed import Embedder, identify
from longtake.embed.base import as_unit
from longtake.library.index import (
    Where,
    list_passages_of,
    put_passage_vectors,
    put_video,
)
from longtake.library.passages import KINDS, Passage
from longtake.library.search import VectorCache, search
from longtake.records import Video
from longtake.store import Store
from longtake.timecode import Span

OF_VIDEO = 500
SIZE, WORDS, VOCABULARY = 384, 12, 20_000


class RandomEmbedder(Embedder):
    """A unit vector for each text, whatever it says."""

    def __init__(self) -> None:
        super().__init__("random")
        self._random = np.random.default_rng(1)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Random directions."""
        return as_unit(self._random.normal(size=(len(texts), SIZE)))


def make_sentences(count: int, seed: int) -> Iterator[str]:
    """Sentences of words that are as common as in a language."""
    random = np.random.default_rng(seed)
    ranks = np.minimum(random.zipf(1.3, size=(count, WORDS)), VOCABULARY)
    for row in ranks:
        yield " ".join(f"word{rank}" for rank in row)


def fill(store: Store, embedder: Embedder, passages: int) -> float:
    """Add videos up to so many passages; seconds a passage, without the embedding."""
    spent = 0.0
    for number in range(passages // OF_VIDEO):
        known = [
            Passage(KINDS[place % 3], Span(place * 3.0, place * 3.0 + 3), text)
            for place, text in enumerate(make_sentences(OF_VIDEO, number))
        ]
        video = Video(Path(f"{number}.mp4"), f"{number:064}", 1500.0, 1500.0)
        started = time.perf_counter()
        kept = put_video(store, video, known, "en", "")
        spent += time.perf_counter() - started
        vectors = embedder.embed([p.text for p in known])
        started = time.perf_counter()
        put_passage_vectors(store, identify(embedder), list_passages_of(store, kept), vectors)
        spent += time.perf_counter() - started
    return spent / passages


def measure_ms(ask: Callable[[str], object], queries: Sequence[str]) -> float:
    """The median time of a query, in ms."""
    times = []
    for query in queries:
        started = time.perf_counter()
        ask(query)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def measure(passages: int, searches: int, folder: Path) -> str:
    """The row of the table for a library of so many passages."""
    embedder = RandomEmbedder()
    path = folder / f"{passages}.sqlite"
    with Store(path) as store:
        index = fill(store, embedder, passages)
        size = path.stat().st_size + path.with_name(f"{path.name}-wal").stat().st_size
        where = Where([number for (number,) in store.read("SELECT id FROM videos")])
        queries = list(make_sentences(searches, 10**6))
        cache = VectorCache()

        def look(query: str) -> object:
            return search(store, query, where, embedder, cache)

        def by_words(query: str) -> object:
            return search(store, query, where, None, cache)

        def by_vectors(query: str) -> object:
            (vector,) = embedder.embed([query])
            known = (cache.read(store, identify(embedder), n) for n in where.videos)
            return [found.weigh(vector) for found in known if found]

        first = measure_ms(look, queries[:1])
        row = [measure_ms(look, queries), measure_ms(by_words, queries)]
        row.append(measure_ms(by_vectors, queries))
        plain = embedder.embed([""] * min(passages, 100_000))
        product = measure_ms(lambda _: plain @ plain[0], queries) * passages / len(plain)
    shown = "".join(f"{value:>9.1f}" for value in (first, *row, product))
    return f"{passages:>9}{shown}{size / passages:>8.0f}{1e6 * index:>9.0f} µs"


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--searches", type=int, default=20)
    given = parser.parse_args()
    print(" passages    first    later    words  vectors  float32   bytes    index")
    with tempfile.TemporaryDirectory() as folder:
        for passages in given.passages:
            print(measure(passages, given.searches, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
