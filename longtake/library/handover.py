"""What a library knows of one video, taken out of it whole and put into another one."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from longtake.library.index import (
    LibraryVideo,
    list_passages_of,
    list_videos,
    put_passage_vectors,
    put_video,
    read_passage_vectors,
)
from longtake.library.passages import Passage
from longtake.records import Video
from longtake.store import Store


@dataclass(frozen=True)
class Volume:
    """A video of a library, its passages in time order, and their vectors where there are any.

    `vectors` are float32 (passages, size), of the embedder that `embedder` identifies.
    """

    video: LibraryVideo
    passages: tuple[Passage, ...]
    embedder: str = ""
    vectors: np.ndarray | None = None


def take_out(store: Store, sha256: str) -> Volume | None:
    """What is known of the video of this content, which stays; None where it is not there."""
    video = next((v for v in list_videos(store) if v.sha256 == sha256), None)
    if not video:
        return None
    known = list_passages_of(store, video.id)
    volume = Volume(video, tuple(p.plain for p in known))
    named = store.read("SELECT embedder FROM passage_vectors WHERE video = ?", (video.id,))
    found = read_passage_vectors(store, named[0][0], video.id) if named else None
    if not found:
        return volume
    vectors = found.vectors.astype(np.float32) * found.facts["scale"][:, None]
    return replace(volume, embedder=named[0][0], vectors=vectors)


def put_in(store: Store, volume: Volume) -> None:
    """Have it in this library, in place of what was known of that content before."""
    taken = volume.video
    facts = (taken.sha256, taken.seconds, taken.seconds)
    video = Video(Path(taken.name), *facts, link=taken.source, title=taken.name)
    number = put_video(store, video, volume.passages, taken.language, taken.headline)
    if volume.vectors is not None:
        known = list_passages_of(store, number)
        put_passage_vectors(store, volume.embedder, known, volume.vectors)
