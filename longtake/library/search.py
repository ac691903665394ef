"""Moments of the library that answer to a question: by words and by meaning, merged.

A passage's score is a convex combination (Bruch, Gai and Ingber, TOIS 2023) of its likeness to the
query, and of how much of the query's words it has: its BM25 as a share of the most that any
passage could have, squared. So a name that stands there outweighs meaning, and two common words of
a long question do not. Reciprocal ranks, which know no difference between the two, found less than
meaning alone (`benchmarks.recall`). Passages close to each other make one moment.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from longtake.digest.word_weights import guess_language, list_stop_words
from longtake.embed import Embedder, identify
from longtake.errors import UsageError
from longtake.library.index import (
    KnownPassage,
    LibraryVideo,
    PassageVectors,
    Where,
    count_words,
    find_words,
    list_videos,
    quote_word,
    read_passage_vectors,
    read_passages,
)
from longtake.library.passages import KINDS
from longtake.store import Store
from longtake.text.words import list_words
from longtake.timecode import Span

MOST_HITS = 100
"""Passages that are looked at by words, and of which moments are made."""
WORDS_WEIGHT = 2 / 3
"""Of words in the score, the rest is meaning's; measured by `benchmarks.recall`."""
NEIGHBOUR_WEIGHT = 0.2
"""Of the likeness of the passage before, and of that after, beside a passage's own; as measured."""
BM25_MOST = 2.2
"""What a word adds to FTS5's BM25 (k1 = 1.2) at most, as a multiple of its rarity."""
MOST_QUERY_LETTERS = 2000
FEW_PASSAGES, COMMON_SHARE = 1000, 0.2
"""A word in more of the passages than that is left out, if there are many, and another word."""
NEAR_SECONDS, LONG_SECONDS = 10.0, 60.0
"""Passages no farther from a moment's best one are of that moment; what is longer is no moment."""
MOST_SHOWN = 5
PHRASE = re.compile(r"[\"“”„«»]([^\"“”„«»]+)[\"“”„«»]")


@dataclass(frozen=True)
class FoundMoment:
    """A stretch of a video where something is found: the best passage, and all that are close.

    `score` is that of the best passage, from 0 to 1: it compares what one search found.
    """

    video: LibraryVideo
    span: Span
    text: str
    kinds: tuple[str, ...]
    """Of the passages: seen, said, read, told, action."""
    score: float
    passages: tuple[KnownPassage, ...] = field(repr=False)
    """The best first."""

    @property
    def by_kind(self) -> tuple[KnownPassage, ...]:
        """The best passage of each kind; what two kinds say alike stands once."""
        best: dict[str, KnownPassage] = {}
        for passage in self.passages:
            if all(not _says_the_same(passage, other) for other in best.values()):
                best.setdefault(passage.kind, passage)
        return tuple(best.values())


class VectorCache:
    """The vectors of videos, read once: those of one number never change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], PassageVectors] = {}

    def read(self, store: Store, embedder: str, video: int) -> PassageVectors | None:
        """The vectors of a video's passages by this embedder."""
        key = embedder, video
        if key not in self._known:
            found = read_passage_vectors(store, embedder, video)
            if not found:
                return None
            self._known[key] = found
        return self._known[key]


def check_query(query: str) -> str:
    """The query on one line; UsageError where nothing can be looked for with it."""
    line = " ".join(query.split())
    if len(line) > MOST_QUERY_LETTERS:
        raise UsageError(
            f"the query has {len(line):,} letters; at most {MOST_QUERY_LETTERS:,} are looked for",
            "Ask in a sentence or a few words.",
        )
    if not list_words(line):
        raise UsageError(f"there is no word in the query {query!r}", "Name what you look for.")
    return line


def search(
    store: Store,
    query: str,
    where: Where,
    embedder: Embedder | None,
    cache: VectorCache,
    most: int = MOST_SHOWN,
) -> list[FoundMoment]:
    """The moments that are found, the best first; by words alone where there is no embedder.

    A phrase in quotation marks must stand there word for word.
    """
    query = check_query(query)
    phrases = [phrase for found in PHRASE.findall(query) if (phrase := _as_phrase(found))]
    videos = {video.id: video for video in list_videos(store)}
    whole = sum(count for video in videos.values() for _, count in video.passages)
    scores = _weigh_words(store, query, phrases, where, whole)
    if embedder and not phrases:
        scores = merge(scores, *_weigh_meaning(store, query, where, embedder, cache))
    moments = _join(scores, read_passages(store, list(scores)), most)
    return [
        _as_moment(near, videos[near[0].video], scores)
        for near in moments
        if near[0].video in videos
    ]


def merge(
    by_words: Mapping[int, float], numbers: np.ndarray, likenesses: np.ndarray
) -> dict[int, float]:
    """The merged score of the best passages, the best first; `numbers` have these likenesses."""
    both = np.flatnonzero(np.isin(numbers, list(by_words)))
    values = (1 - WORDS_WEIGHT) * np.maximum(likenesses, 0).astype(np.float64)
    values[both] += [WORDS_WEIGHT * by_words[number] for number in numbers[both].tolist()]
    most = min(MOST_HITS, len(numbers))
    best = np.argpartition(-values, most - 1)[:most] if most else both
    chosen = np.union1d(best, both)
    scores = {number: WORDS_WEIGHT * share for number, share in by_words.items()}
    scores |= dict(zip(numbers[chosen].tolist(), values[chosen].tolist(), strict=True))
    return dict(sorted(scores.items(), key=lambda score: -score[1]))


def _weigh_words(
    store: Store, query: str, phrases: Sequence[str], where: Where, whole: int
) -> dict[int, float]:
    """How much of the query's words the passages have that have most, 0..1, the best first."""
    words = list(dict.fromkeys(list_words(PHRASE.sub(" ", query))))
    counts = _count_telling(store, phrases, words, whole)
    either = " OR ".join(map(quote_word, counts))
    every = " AND ".join(map(quote_word, phrases))
    expression = f"({every}) AND ({either})" if phrases else either
    most = sum(BM25_MOST * _weigh_rarity(count, whole) for count in counts.values())
    found = find_words(store, expression, where, MOST_HITS)
    return {number: min(1.0, weight / most) ** 2 for number, weight in found}


def _weigh_rarity(count: int, whole: int) -> float:
    """What FTS5's BM25 makes of a word that stands in so many of the passages."""
    return max(1e-6, math.log((whole - count + 0.5) / (count + 0.5)))


def _as_phrase(text: str) -> str:
    """The phrase as the index has it."""
    return " ".join(list_words(text))


def _count_telling(
    store: Store, phrases: Sequence[str], words: Sequence[str], whole: int
) -> dict[str, int]:
    """In how many passages each phrase stands, and each word that tells something.

    Those are no stop words of English or the query, and stand not all over.
    """
    stops = list_stop_words("en") | list_stop_words(guess_language([" ".join(words)]))
    kept = [word for word in words if word not in stops] or list(words)
    counts = count_words(store, [*phrases, *kept])
    if whole >= FEW_PASSAGES:
        common = {word for word in kept if counts[word] > COMMON_SHARE * whole}
        kept = [word for word in kept if word not in common] or kept
    return {told: counts[told] for told in (*phrases, *kept)}


def _weigh_meaning(
    store: Store, query: str, where: Where, embedder: Embedder, cache: VectorCache
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the passages that have vectors, and their likeness to the query."""
    (wanted,) = embedder.embed([query])
    ids, likenesses = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for video in where.videos:
        if found := cache.read(store, identify(embedder), video):
            chosen = where.choose(found.facts)
            ids.append(found.facts["id"][chosen])
            likenesses.append(heed_neighbours(found.weigh(wanted), found.facts)[chosen])
    return np.concatenate(ids), np.concatenate(likenesses)


def heed_neighbours(likenesses: np.ndarray, facts: np.ndarray) -> np.ndarray:
    """The likenesses of a video's passages, in time order, with a part of their neighbours'.

    What is said tells its subject with the sentences around it; what is seen or read in one moment
    says nothing of the next. One that is not near counts for nothing.
    """
    said = facts["kind"] == KINDS.index("said")
    near = (facts["start"][1:] - facts["end"][:-1] <= NEAR_SECONDS) & said[1:] & said[:-1]
    before, after = likenesses.copy(), likenesses.copy()
    before[1:] = np.where(near, likenesses[:-1], likenesses[1:])
    after[:-1] = np.where(near, likenesses[1:], likenesses[:-1])
    return np.asarray(
        (likenesses + NEIGHBOUR_WEIGHT * (before + after)) / (1 + 2 * NEIGHBOUR_WEIGHT)
    )


def _join(
    scores: Mapping[int, float], passages: Mapping[int, KnownPassage], most: int
) -> list[list[KnownPassage]]:
    """The best passages, each with those of lower rank that are close to it."""
    moments: list[list[KnownPassage]] = []
    for passage in (passages[number] for number in scores if number in passages):
        for moment in moments:
            if _are_near(moment[0], passage) or _repeats(moment[0], passage):
                moment.append(passage)
                break
        else:
            if len(moments) < most:
                moments.append([passage])
    return moments


def _are_near(one: KnownPassage, other: KnownPassage) -> bool:
    if max(one.span.seconds, other.span.seconds) > LONG_SECONDS:
        return False
    gap = max(one.span.start, other.span.start) - min(one.span.end, other.span.end)
    return one.video == other.video and gap <= NEAR_SECONDS


def _repeats(one: KnownPassage, other: KnownPassage) -> bool:
    """Whether it tells nothing new; an action that is done again is another moment."""
    return other.kind != "action" and _says_the_same(one, other)


def _says_the_same(one: KnownPassage, other: KnownPassage) -> bool:
    return one.video == other.video and one.text.casefold() == other.text.casefold()


def _as_moment(
    near: Sequence[KnownPassage], video: LibraryVideo, scores: Mapping[int, float]
) -> FoundMoment:
    best = near[0]
    kinds = {p.kind for p in near}
    return FoundMoment(
        video,
        best.span,
        best.text,
        tuple(kind for kind in KINDS if kind in kinds),
        round(scores[best.id], 3),
        tuple(near),
    )
