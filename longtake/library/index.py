"""The tables of the library in the store: videos, their passages, and the indexes over these.

Passages are what is known; words (FTS5) and vectors are made of them, and can be made anew.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from longtake.errors import OutputError
from longtake.library.passages import KINDS, Passage
from longtake.records import Video
from longtake.store import Store, make_key
from longtake.text.untrusted import whole_letters
from longtake.text.words import list_words
from longtake.timecode import Span

LOG = logging.getLogger("longtake")

WORD_INDEX = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS passage_words USING"
    " fts5(words, tokenize = 'porter unicode61 remove_diacritics 2')"
)
"""Words under their passage's number; of scripts without blanks, pairs of letters."""
MOST_LEVELS = 127
"""A vector's numbers are kept as whole ones up to this, and one scale."""

T = TypeVar("T")


@dataclass(frozen=True)
class LibraryVideo:
    """A video of the library; `passages` counts what is known of it, by kind."""

    id: int
    sha256: str
    name: str
    source: str
    """Its link, else the file's path."""
    seconds: float
    language: str
    headline: str
    date: str
    """When it was last gone through, in UTC: 2026-01-31T12:00:00Z."""
    passages: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class KnownPassage(Passage):
    """A passage of the library: its number, and that of its video."""

    id: int
    video: int

    @property
    def plain(self) -> Passage:
        """What it says, wherever it is kept."""
        return Passage(self.kind, self.span, self.text)


FACTS = np.dtype(
    [("id", "<i8"), ("kind", "u1"), ("start", "<f4"), ("end", "<f4"), ("scale", "<f4")]
)
"""What is known of a vector beside its numbers; `kind` is the place in KINDS."""


@dataclass(frozen=True)
class PassageVectors:
    """The vectors of a video's passages: whole numbers (passages, size), and FACTS of each."""

    facts: np.ndarray
    vectors: np.ndarray

    def weigh(self, query: np.ndarray) -> np.ndarray:
        """The likeness of each to a unit vector, -1..1."""
        return np.asarray((self.vectors.astype(np.float32) @ query) * self.facts["scale"])


@dataclass(frozen=True)
class Where:
    """Where is looked: in these videos, for passages of these kinds that touch these seconds."""

    videos: Sequence[int]
    kinds: Sequence[str] = KINDS
    after: float = 0.0
    before: float = float("inf")

    def choose(self, facts: np.ndarray) -> np.ndarray:
        """Which of these passages are looked at."""
        kinds = np.isin(facts["kind"], [KINDS.index(kind) for kind in self.kinds])
        inside: np.ndarray = kinds & (facts["end"] >= self.after) & (facts["start"] <= self.before)
        return inside


def put_video(
    store: Store, video: Video, passages: Sequence[Passage], language: str, headline: str
) -> int:
    """Keep what is known of a video in place of what was known before; its number.

    What says the same as before stays, with its vectors.
    """
    content = make_key({"passages": [[p.kind, str(p.span), p.text] for p in passages]})
    kinds = [passage.kind for passage in passages]
    counts = {kind: kinds.count(kind) for kind in KINDS if kind in kinds}
    # A name that is no UTF-8 has lone surrogates, which no database holds.
    name, source, headline = (
        whole_letters(text)
        for text in (video.name, video.link or str(video.path.absolute()), headline)
    )
    facts = (name, source, video.duration)
    with store.change() as database:
        found = database.execute(
            "SELECT id, content FROM videos WHERE sha256 = ?", (video.sha256,)
        ).fetchone()
        if found and found[1] == content:
            database.execute(
                "UPDATE videos SET name = ?, source = ?, seconds = ?, headline = ?,"
                " created = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?",
                (*facts, headline, found[0]),
            )
            return int(found[0])
        if found:
            _remove(database, found[0])
        number = database.execute(
            "INSERT INTO videos (sha256, name, source, seconds, language, headline, content,"
            " passages) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (video.sha256, *facts, language, headline, content, json.dumps(counts)),
        ).lastrowid
        assert number
        database.executemany(
            "INSERT INTO passages (video, kind, start, end, text) VALUES (?, ?, ?, ?, ?)",
            [(number, p.kind, p.span.start, p.span.end, p.text) for p in passages],
        )
        _index_words(database, "WHERE video = ?", (number,))
        return int(number)


def forget_video(store: Store, number: int) -> None:
    """Take a video out of the library; the answers of which it was made stay in the store."""
    with store.change() as database:
        _remove(database, number)


def _remove(database: sqlite3.Connection, number: int) -> None:
    of_video = "SELECT id FROM passages WHERE video = ?"
    database.execute(WORD_INDEX)
    database.execute(f"DELETE FROM passage_words WHERE rowid IN ({of_video})", (number,))  # noqa: S608
    for table in ("passage_vectors", "passages"):
        database.execute(f"DELETE FROM {table} WHERE video = ?", (number,))  # noqa: S608
    database.execute("DELETE FROM videos WHERE id = ?", (number,))


def list_videos(store: Store) -> list[LibraryVideo]:
    """All videos of the library, the newest first."""
    rows = store.read(
        "SELECT id, sha256, name, source, seconds, language, headline, created, passages"
        " FROM videos ORDER BY created DESC, id DESC"
    )
    videos = (LibraryVideo(*row) for row in rows)
    return [replace(v, passages=_read_counts(str(v.passages))) for v in videos]


def _read_counts(text: str) -> tuple[tuple[str, int], ...]:
    """How many passages of each kind a video has; none where the row is damaged."""
    with suppress(ValueError, AttributeError, RecursionError):
        return tuple(json.loads(text).items())
    return ()


def rebuild_words(store: Store) -> None:
    """Make the index of words anew from the passages."""
    with store.change() as database:
        database.execute("DROP TABLE IF EXISTS passage_words")
        _index_words(database)


def drop_vectors(store: Store) -> None:
    """Forget all vectors of passages."""
    with store.change() as database:
        database.execute("DELETE FROM passage_vectors")


def _index_words(
    database: sqlite3.Connection, which: str = "", values: Sequence[object] = ()
) -> None:
    database.execute(WORD_INDEX)
    rows = database.execute(f"SELECT id, text FROM passages {which}", values)  # noqa: S608
    database.executemany(
        "INSERT INTO passage_words (rowid, words) VALUES (?, ?)",
        ((number, " ".join(list_words(text))) for number, text in rows),
    )


def find_words(store: Store, wanted: str, where: Where, most: int) -> list[tuple[int, float]]:
    """Numbers of the passages that an FTS5 expression finds, with their BM25, the best first.

    A damaged index is made anew, and that is said.
    """

    def find() -> list[tuple[int, float]]:
        rows = store.read(
            "SELECT passages.id, -passage_words.rank FROM passage_words"
            " JOIN passages ON passages.id = passage_words.rowid WHERE passage_words MATCH ? AND"
            " kind IN (SELECT value FROM json_each(?)) AND"
            " video IN (SELECT value FROM json_each(?)) AND end >= ? AND start <= ?"
            " ORDER BY passage_words.rank LIMIT ?",
            (
                wanted,
                json.dumps(list(where.kinds)),
                json.dumps(list(where.videos)),
                where.after,
                where.before,
                most,
            ),
        )
        return [(number, weight) for number, weight in rows]

    return _with_index(store, find)


def count_words(store: Store, words: Iterable[str]) -> dict[str, int]:
    """In how many passages each word stands."""

    def count() -> dict[str, int]:
        question = "SELECT count(*) FROM passage_words WHERE passage_words MATCH ?"
        return {word: store.read(question, (quote_word(word),))[0][0] for word in words}

    return _with_index(store, count)


def quote_word(word: str) -> str:
    """A word or phrase as FTS5 takes it, whatever stands in it."""
    return '"' + word.replace('"', '""') + '"'


def _with_index(store: Store, find: Callable[[], T]) -> T:
    """What `find` finds by the index of words; a missing or damaged one is made anew."""
    try:
        return find()
    except OutputError as error:
        cause = error.__cause__
        missing = "no such table: passage_words" in str(cause)
        if not missing and "CORRUPT" not in getattr(cause, "sqlite_errorname", ""):
            raise
        if not missing:
            LOG.info("the library's index of words was damaged: it is made anew")
        rebuild_words(store)
        return find()


def read_passages(store: Store, numbers: Sequence[int]) -> dict[int, KnownPassage]:
    """The passages of these numbers, as far as they are still there."""
    rows = store.read(
        "SELECT id, video, kind, start, end, text FROM passages"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(numbers)),),
    )
    return {row[0]: _as_passage(row) for row in rows}


def list_passages_of(store: Store, video: int) -> list[KnownPassage]:
    """All that is known of a video, in time order."""
    rows = store.read(
        "SELECT id, video, kind, start, end, text FROM passages WHERE video = ? ORDER BY id",
        (video,),
    )
    return [_as_passage(row) for row in rows]


def _as_passage(row: tuple[int, int, str, float, float, str]) -> KnownPassage:
    number, video, kind, start, end, text = row
    return KnownPassage(kind, Span(start, end), text, number, video)


def list_without_vectors(store: Store, embedder: str, videos: Sequence[int]) -> list[int]:
    """Those of the videos whose passages have no vectors of this embedder yet."""
    rows = store.read("SELECT video FROM passage_vectors WHERE embedder = ?", (embedder,))
    known = {video for (video,) in rows}
    return [video for video in videos if video not in known]


def put_passage_vectors(
    store: Store, embedder: str, passages: Sequence[KnownPassage], vectors: np.ndarray
) -> None:
    """Keep the unit vectors of a video's passages, float32 (passages, size).

    Those of another embedder go away. Nothing is kept of a video that was forgotten meanwhile.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scales = np.where(largest > 0, largest, 1) / MOST_LEVELS
    facts = np.zeros(len(passages), FACTS)
    facts["id"] = [p.id for p in passages]
    facts["kind"] = [KINDS.index(p.kind) for p in passages]
    facts["start"] = [p.span.start for p in passages]
    facts["end"] = [p.span.end for p in passages]
    facts["scale"] = scales[:, 0]
    whole = np.round(vectors / scales).astype(np.int8)
    video = passages[0].video
    with store.change() as database:
        database.execute("DELETE FROM passage_vectors WHERE video = ?", (video,))
        database.execute(
            "INSERT INTO passage_vectors (video, embedder, facts, vectors)"
            " SELECT id, ?, ?, ? FROM videos WHERE id = ?",
            (embedder, facts.tobytes(), whole.tobytes(), video),
        )


def read_passage_vectors(store: Store, embedder: str, video: int) -> PassageVectors | None:
    """The vectors of a video's passages, if there are any of this embedder."""
    rows = store.read(
        "SELECT facts, vectors FROM passage_vectors WHERE video = ? AND embedder = ?",
        (video, embedder),
    )
    if not rows:
        return None
    try:
        facts = np.frombuffer(rows[0][0], FACTS)
        vectors = np.frombuffer(rows[0][1], np.int8).reshape(len(facts), -1)
    except (TypeError, ValueError):  # a damaged row: they are made anew
        with store.change() as database:
            database.execute("DELETE FROM passage_vectors WHERE video = ?", (video,))
        return None
    return PassageVectors(facts, vectors)
