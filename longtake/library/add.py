"""Bring a video into the library when it was gone through, and its vectors up to date."""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np

from longtake.digest.summary import list_texts
from longtake.digest.word_weights import guess_language
from longtake.embed import Embedder, choose_embedder, embed_kept, identify, open_embedder
from longtake.library.index import (
    LibraryVideo,
    list_passages_of,
    list_videos,
    list_without_vectors,
    put_passage_vectors,
    put_video,
)
from longtake.library.passages import Passage, list_passages
from longtake.records import Material, Progress, Steps, Summary
from longtake.settings import Settings
from longtake.store import Store

STEP = 128
"""Passages that are embedded before the progress is told again."""


def add_to_library(
    store: Store, settings: Settings, material: Material, summary: Summary | None
) -> Steps[None]:
    """Index what is known of a video, by words and by meaning.

    Of one that is only described this time, what a summary told of it before stays.
    """
    language = material.language or guess_language(list_texts(material))
    passages: list[Passage] = list_passages(material, summary, language)
    headline = summary.headline if summary else ""
    if not summary and (known := find_video(store, material.video.sha256)):
        headline = known.headline
        passages += [p.plain for p in list_passages_of(store, known.id) if p.kind == "told"]
    number = put_video(store, material.video, passages, language, headline)
    if not passages:  # loading the embedder would be for nothing
        return
    name, why = choose_embedder(settings, language)
    with open_embedder(name, settings, why) or nullcontext() as embedder:
        if embedder:
            yield from embed_missing(store, embedder, [number])


def find_video(store: Store, sha256: str) -> LibraryVideo | None:
    """The video of this content, if it is in the library."""
    return next((video for video in list_videos(store) if video.sha256 == sha256), None)


def embed_missing(store: Store, embedder: Embedder, videos: Sequence[int]) -> Steps[None]:
    """Have the passages of these videos embedded that this embedder did not see yet."""
    missing = list_without_vectors(store, identify(embedder), videos)
    passages = {video: list_passages_of(store, video) for video in missing}
    total, done = sum(map(len, passages.values())), 0
    for known in filter(None, passages.values()):
        vectors = []
        for first in range(0, len(known), STEP):
            yield Progress("index", done, total, f"indexing with {embedder.name}")
            texts = [passage.text for passage in known[first : first + STEP]]
            vectors.append(embed_kept(embedder, store, texts, keep=False))
            done += len(texts)
        put_passage_vectors(store, identify(embedder), known, np.concatenate(vectors))
    if total:
        yield Progress("index", done, total)
