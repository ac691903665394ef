"""Search in the library: which videos are meant, what compares them, and what is found."""

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from longtake.embed import Embedder, choose_embedder, open_embedder
from longtake.errors import UsageError
from longtake.library.add import embed_missing
from longtake.library.index import LibraryVideo, Where, drop_vectors, list_videos, rebuild_words
from longtake.library.passages import KINDS
from longtake.library.search import MOST_SHOWN, FoundMoment, VectorCache, check_query, search
from longtake.records import Steps
from longtake.settings import Settings
from longtake.store import Store
from longtake.text.untrusted import one_line
from longtake.video.source import hash_file

OpenEmbedder = Callable[[str, Settings, str], Embedder | None]

MOST_NAMED = 5
"""Videos that a message names."""


@dataclass(frozen=True)
class Query:
    """What is looked for; `kinds` are of KINDS, times in seconds of each video."""

    text: str
    kinds: tuple[str, ...] = KINDS
    after: float = 0.0
    before: float = float("inf")
    most: int = MOST_SHOWN


@dataclass(frozen=True)
class SearchResult:
    """The moments that were found, the best first, and what to know of the search."""

    moments: tuple[FoundMoment, ...]
    remarks: tuple[str, ...] = ()


def search_library(
    store: Store,
    settings: Settings,
    query: Query,
    videos: Sequence[LibraryVideo],
    cache: VectorCache,
    open_embedder: OpenEmbedder = open_embedder,
) -> Steps[SearchResult]:
    """The moments of these videos that answer to the query."""
    check_query(query.text)
    name, why, able = _choose_able(settings, videos)
    where = Where([v.id for v in videos], query.kinds, query.after, query.before)
    with open_embedder(name, settings, why) or nullcontext() as embedder:
        if embedder:
            yield from embed_missing(store, embedder, able)
        found = search(store, query.text, where, embedder, cache, query.most)
    return SearchResult(tuple(found), tuple(_list_remarks(embedder, why, videos, able)))


def rebuild_library(store: Store, settings: Settings) -> Steps[None]:
    """The indexes of words and of meaning anew from the passages that are known."""
    rebuild_words(store)
    drop_vectors(store)
    name, why, able = _choose_able(settings, list_videos(store))
    with open_embedder(name, settings, why) or nullcontext() as embedder:
        if embedder:
            yield from embed_missing(store, embedder, able)


def _choose_able(settings: Settings, videos: Sequence[LibraryVideo]) -> tuple[str, str, list[int]]:
    """The embedder of queries, why it serves, and the videos whose language it knows."""
    name, why = choose_embedder(settings, "")
    return name, why, [v.id for v in videos if choose_embedder(settings, v.language)[0] == name]


def _list_remarks(
    embedder: Embedder | None, why: str, videos: Sequence[LibraryVideo], able: Sequence[int]
) -> list[str]:
    if not embedder:
        return [f"found by words alone, not by meaning: {why}"]
    others = sorted({video.language for video in videos if video.id not in able})
    if not others:
        return []
    return [
        f"what is in {', '.join(others)} was found by words alone: {embedder.name} does not know"
        " that language; --embedder names a multilingual model"
    ]


def list_library(store: Store) -> list[LibraryVideo]:
    """All videos; UsageError where there is none."""
    if known := list_videos(store):
        return known
    raise UsageError(
        "there is no video in the library yet", "Go through one first: longtake talk.mp4"
    )


def find_video(store: Store, name: str) -> Steps[LibraryVideo | None]:
    """The video of the library that is named; UsageError where there are several.

    A name is a file's, a link, a title, or the beginning of the SHA-256.
    """
    known = list_videos(store)
    path = Path(name)
    named = [v for v in known if name in (v.source, v.name) or v.source == str(path.absolute())]
    named = named or [v for v in known if _is_called(v, name)]
    if not named and path.is_file():
        sha256 = yield from hash_file(path)
        named = [v for v in known if v.sha256 == sha256]
    if len(named) > 1:
        raise UsageError(
            f"{len(named)} videos are called {name!r}", f"Name one of {_list_names(named)}."
        )
    return named[0] if named else None


def say_unknown(store: Store, name: str) -> UsageError:
    """The error for a name that no video has."""
    known = _list_names(list_videos(store))
    return UsageError(
        f"there is no video {name!r} in the library",
        f"Known: {known}." if known else "Go through one first: longtake talk.mp4",
    )


def _list_names(videos: Sequence[LibraryVideo]) -> str:
    shown = [f"{one_line(v.name)} ({v.sha256[:8]})" for v in videos[:MOST_NAMED]]
    return ", ".join(shown) + (", …" if len(videos) > MOST_NAMED else "")


def _is_called(video: LibraryVideo, name: str) -> bool:
    names = {video.name, Path(video.name).stem, Path(video.source).name, Path(video.source).stem}
    return name.casefold() in {known.casefold() for known in names} or bool(
        re.fullmatch(r"[0-9a-f]{6,64}", name) and video.sha256.startswith(name)
    )
