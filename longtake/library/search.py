"""Moments of the library that answer to a question: by words and by meaning, merged.

Two rankings are merged by reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009): each passage
gets 1 / (60 + its rank) of each. Passages close to each other make one moment.
"""

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

RANK_OFFSET = 60
MOST_HITS = 100
"""Passages that each of the two rankings gives."""
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

    `score` is from 0 to 1; 1 is first by words and by meaning.
    """

    video: LibraryVideo
    span: Span
    text: str
    kinds: tuple[str, ...]
    """Of the passages: seen, said, read, told."""
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
    rankings = [_rank_by_words(store, query, phrases, where, whole)]
    if embedder and not phrases:
        rankings.append(_rank_by_meaning(store, query, where, embedder, cache))
    scores = merge_ranks(rankings)
    moments = _join(scores, read_passages(store, list(scores)), most)
    return [
        _as_moment(near, videos[near[0].video], scores)
        for near in moments
        if near[0].video in videos
    ]


def merge_ranks(rankings: Sequence[Sequence[int]]) -> dict[int, float]:
    """The merged score of each number that stands in any of the rankings, the best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (RANK_OFFSET + rank)
    return dict(sorted(scores.items(), key=lambda score: -score[1]))


def _rank_by_words(
    store: Store, query: str, phrases: Sequence[str], where: Where, whole: int
) -> Sequence[int]:
    """Numbers of the passages that have most of the words; `whole` is how many there are."""
    words = list(dict.fromkeys(list_words(PHRASE.sub(" ", query))))
    either = " OR ".join(map(quote_word, (*phrases, *_drop_common(store, words, whole))))
    every = " AND ".join(map(quote_word, phrases))
    return find_words(store, f"({every}) AND ({either})" if phrases else either, where, MOST_HITS)


def _as_phrase(text: str) -> str:
    """The phrase as the index has it."""
    return " ".join(list_words(text))


def _drop_common(store: Store, words: Sequence[str], whole: int) -> Sequence[str]:
    """The words that tell something: no stop words of English or the query, none all over."""
    stops = list_stop_words("en") | list_stop_words(guess_language([" ".join(words)]))
    kept = [word for word in words if word not in stops] or list(words)
    if whole < FEW_PASSAGES:
        return kept
    counts = count_words(store, kept)
    return [word for word in kept if counts[word] <= COMMON_SHARE * whole] or kept


def _rank_by_meaning(
    store: Store, query: str, where: Where, embedder: Embedder, cache: VectorCache
) -> Sequence[int]:
    """Numbers of the passages that are nearest in meaning."""
    (wanted,) = embedder.embed([query])
    ids, likenesses = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for video in where.videos:
        if found := cache.read(store, identify(embedder), video):
            chosen = where.choose(found.facts)
            ids.append(found.facts["id"][chosen])
            likenesses.append(found.weigh(wanted)[chosen])
    numbers, values = np.concatenate(ids), np.concatenate(likenesses)
    most = min(MOST_HITS, len(numbers))
    best = np.argpartition(-values, most - 1)[:most] if most else np.zeros(0, int)
    ranked: list[int] = numbers[best[np.argsort(-values[best])]].tolist()
    return ranked


def _join(
    scores: Mapping[int, float], passages: Mapping[int, KnownPassage], most: int
) -> list[list[KnownPassage]]:
    """The best passages, each with those of lower rank that are close to it."""
    moments: list[list[KnownPassage]] = []
    for passage in (passages[number] for number in scores if number in passages):
        for moment in moments:
            if _are_near(moment[0], passage) or _says_the_same(moment[0], passage):
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
        round(scores[best.id] * (RANK_OFFSET + 1) / 2, 3),
        tuple(near),
    )
