"""Are the tags of `sketch` right? Measured on films and photos whose truth somebody looked at.

    python -m benchmarks.tags [FOLDER ...]

Takes each film of tests/detector_truths.csv that lies in one of the folders under its name there
(examples and .cache/films, where `make films` puts some, are among them); the table says which
package holds each. Precision is that of the tags of chunks, recall is over what their pictures
show. The bars of the last line are each film's own: taken from all other films, 0.1 above their
highest wrong score.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from longtake.engines.sketch import SketchEngine
from longtake.engines.sketch.changes import FrameChanges
from longtake.engines.sketch.objects import LABELS
from longtake.engines.sketch.tags import (
    COMMON,
    COMMON_FRAMES,
    LARGE,
    LARGE_SHARE,
    SEEN_SCORE,
    Sighting,
)
from longtake.inference.engine import Reply, Request
from tests.detections import Moment, Told, read_truths, tell_film

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "examples", ROOT / ".cache" / "films")
MARGIN = 0.1


@dataclass(frozen=True)
class Seen:
    """The best score of one label in a chunk, and whether it is there: None, where that is open."""

    film: str
    label: str
    score: float
    is_there: bool | None


class Recorder(SketchEngine):
    """Keeps what it saw, by the time of the first frame; asked one thing at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, width=1)
        self.seen: dict[float, list[Sighting]] = {}
        self._time = 0.0

    def answer(self, request: Request) -> Reply:
        """As always."""
        self._time = request.frames[0].time
        return super().answer(request)

    def find_objects(self, images: list[np.ndarray], changes: FrameChanges) -> list[Sighting]:
        """As always, and kept."""
        self.seen[self._time] = super().find_objects(images, changes)
        return self.seen[self._time]


def main() -> None:
    """Print each film's tags, and what comes of them in all."""
    folders = [*map(Path, sys.argv[1:]), *FOLDERS]
    told, seen, missing = measure(read_truths(), folders)
    for film, chunks in told.items():
        print(f"{film}: {_count_labels(chunks) or 'no tags'}")
    print(f"\n{len(told)} films and photos; not here: {', '.join(missing) or 'none'}")
    chunks = [chunk for each in told.values() for chunk in each]
    right, wrong = (
        sum(len(part) for part in parts)
        for parts in ([chunk.right for chunk in chunks], [chunk.wrong for chunk in chunks])
    )
    precision = right / max(1, right + wrong)
    print(f"chunks' tags: {right} right, {wrong} wrong: precision {precision:.3f}")
    print(f"recall: {_recall(chunks, LABELS)} of all that is there,")
    print(f"  {_recall(chunks, (*COMMON, *LARGE))} of labels that may be told,")
    print(f"  {_recall(chunks, ('person',))} of persons")
    good, bad = hold_out(seen)
    print(f"with bars from the other films: {good} right, {bad} wrong")


def measure(
    truths: Mapping[str, Sequence[Moment]], folders: Sequence[Path]
) -> tuple[dict[str, list[Told]], list[Seen], list[str]]:
    """What is told of each film, what was seen, and which films are not in any folder."""
    told: dict[str, list[Told]] = {}
    seen: list[Seen] = []
    missing = []
    for name, moments in truths.items():
        path = next((folder / name for folder in folders if (folder / name).exists()), None)
        if path is None:
            missing.append(name)
            continue
        with Recorder() as engine, tempfile.TemporaryDirectory() as folder:
            told[name] = tell_film(path, moments, engine, Path(folder))
            seen += list_seen(told[name], engine.seen)
    return told, seen, missing


def list_seen(told: Sequence[Told], sightings: Mapping[float, list[Sighting]]) -> Iterator[Seen]:
    """The labels that were seen in enough frames of a film's chunks to be told."""
    for chunk in told:
        # Chunks that look like an earlier one, and plain ones, were not searched.
        inside = [time for time in sightings if chunk.span.start <= time <= chunk.span.end]
        some = sightings[inside[0]] if inside else []
        total = sum(sighting.frames for sighting in some)
        frames: dict[str, int] = defaultdict(int)
        best: dict[str, float] = defaultdict(float)
        for sighting in some:
            for label in {o.label for o in sighting.objects if o.score >= SEEN_SCORE}:
                frames[label] += sighting.frames
            for found in sighting.objects:
                best[found.label] = max(best[found.label], found.score)
        for label, score in best.items():
            share = LARGE_SHARE * total if label in LARGE else 0
            if label in (*COMMON, *LARGE) and frames[label] >= max(
                min(COMMON_FRAMES, total), share
            ):
                there = label in chunk.near or (None if label in chunk.unsure else False)
                yield Seen(chunk.film, label, score, there)


def hold_out(seen: Sequence[Seen]) -> tuple[int, int]:
    """How many tags are right and wrong where each film's bars come from the other films."""
    right = wrong = 0
    for film in {one.film for one in seen}:
        for labels in (COMMON, LARGE):
            others = [
                s.score
                for s in seen
                if s.film != film and s.label in labels and s.is_there is False
            ]
            bar = max([SEEN_SCORE, *others]) + MARGIN
            told = [s for s in seen if s.film == film and s.label in labels and s.score >= bar]
            right += sum(one.is_there is True for one in told)
            wrong += sum(one.is_there is False for one in told)
    return right, wrong


def _recall(chunks: Sequence[Told], labels: Sequence[str]) -> str:
    shown = [(c, label) for c in chunks for label in c.shown if label in labels]
    found = sum(label not in chunk.missed for chunk, label in shown)
    return f"{found / max(1, len(shown)):.2f}"


def _count_labels(chunks: Sequence[Told]) -> str:
    labels = sorted({tag.label for chunk in chunks for tag in chunk.tags})
    wrong = {label for chunk in chunks for label in chunk.wrong}
    counts = {label: sum(label in {t.label for t in c.tags} for c in chunks) for label in labels}
    return ", ".join(
        f"{label}{' (WRONG)' if label in wrong else ''} in {counts[label]} of {len(chunks)}"
        for label in labels
    )


if __name__ == "__main__":
    main()
