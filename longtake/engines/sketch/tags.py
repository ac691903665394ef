"""Makes tags of the detections in a chunk's frames, without labels that are often wrong.

Decodes and detects nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longtake.engines.sketch.objects import Detection
from longtake.records import Tag

# Chosen on tests/detector_truths.csv: 38 films and 95 photos, of which each picture was looked at
# (`python -m benchmarks.tags`). Of the chunks' tags 116 are right and none is wrong; with bars that
# come from the other films alone, 0.1 above their highest wrong score, 109 and none. Told are 0.50
# of what is there of these labels (of persons 0.83), and 0.40 of what is there of all 80. Which
# labels may be told at all was settled with all the films in sight.
COMMON = ("person", "car")
COMMON_SCORE, COMMON_FRAMES = 0.45, 2
"""What a common thing must score once, and how many frames must show it. Wrong ones scored up to
0.36 (a pattern taken for a person)."""
LARGE = (
    "bicycle", "motorcycle", "airplane", "bus", "train", "truck", "boat", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "bench", "bottle", "chair",
    "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "keyboard",
    "microwave", "oven", "sink", "refrigerator",
)  # fmt: skip
LARGE_SCORE, LARGE_SHARE = 0.5, 0.5
"""The same for other large things, in a share of the frames. Wrong ones scored up to 0.43 (hair
taken for a dog), and once 0.61, in two frames of twelve (a cauliflower taken for a cat).

All other labels are of small things with simple shapes, and are never told: a stain on the grass
is a sports ball (0.65, in all frames), a car from above a cell phone (0.77), the Earth a bowl."""
SEEN_SCORE = 0.4
"""What a thing must score in each frame that counts for its share."""
MOST_TAGS = 6


@dataclass(frozen=True)
class Sighting:
    """The detections in one frame, and how many frames in a row look like it."""

    frames: int
    objects: Sequence[Detection]


def make_tags(sightings: Sequence[Sighting]) -> tuple[Tag, ...]:
    """The reliable labels, each with its share of the frames, the commonest first."""
    total = sum(sighting.frames for sighting in sightings)
    best: dict[str, float] = defaultdict(float)
    frames: dict[str, int] = defaultdict(int)
    for count, label, score in _best_of_each(sightings):
        best[label] = max(best[label], score)
        frames[label] += count
    kept = [label for label in frames if _is_reliable(label, best[label], frames[label], total)]
    kept.sort(key=lambda label: (-frames[label], -best[label], label))
    return tuple(Tag(label, round(frames[label] / total, 3)) for label in kept[:MOST_TAGS])


def _best_of_each(sightings: Sequence[Sighting]) -> Iterator[tuple[int, str, float]]:
    """For each sighting and label: the frames, the label, and its highest score there."""
    for sighting in sightings:
        best: dict[str, float] = {}
        for found in sighting.objects:
            if found.score >= SEEN_SCORE:
                best[found.label] = max(found.score, best.get(found.label, 0.0))
        for label, score in best.items():
            yield sighting.frames, label, score


def _is_reliable(label: str, score: float, frames: int, total: int) -> bool:
    """Whether a label with this score, in so many of all frames, is hardly ever wrong."""
    if label in COMMON:
        return score >= COMMON_SCORE and frames >= min(COMMON_FRAMES, total)
    enough = max(min(COMMON_FRAMES, total), LARGE_SHARE * total)
    return label in LARGE and score >= LARGE_SCORE and frames >= enough
