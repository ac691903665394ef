"""Where the frames of a chunk should lie: what can be told of event films by as many frames at
the chunk's edges and between (`plan_slots`), and in the middles of equal parts.

    python -m benchmarks.frame_places [--levels 1,2,3,4] [--count 12]

An observer that sees each frame perfectly tells what must have happened between two of them.
No film is encoded: chunks of six seconds, and cuts where the film has them. Takes a minute.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import pairwise

from longtake.evaluate.findings import quality
from longtake.evaluate.intervals import find_difference, find_interval
from longtake.evaluate.score import Score, score_descriptions
from longtake.evaluate.script import Script, write_script
from longtake.evaluate.write import say_difference, say_rate
from longtake.records import Chunk, Scan, Shot
from longtake.timecode import Span
from longtake.video.choose_frames import plan_slots, spread_evenly
from longtake.video.chunks import follow_shots
from tests.evaluate.observer import tell

CHUNK_SECONDS = 6.0
COUNTS = (2, 3, 4, 6, 8)

Places = Callable[[Chunk, Scan, int], Sequence[float]]


def main() -> None:
    """Print a row for each number of frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", default="1,2,3,4")
    parser.add_argument("--count", type=int, default=12)
    given = parser.parse_args()
    levels = [int(level) for level in given.levels.split(",")]
    scripts = [write_script(seed, level) for level in levels for seed in range(given.count)]
    print(f"{len(scripts)} films; F1 (95 %) by frames in {CHUNK_SECONDS:.0f} s")
    for count in COUNTS:
        middles, edges = (
            [score_film(script, count, places) for script in scripts]
            for places in (in_the_middles, at_the_edges)
        )
        difference = say_difference(*find_difference(edges, middles, quality))
        print(f"{count}  middles {say(middles)}  edges {say(edges)}  {difference}")


def score_film(script: Script, count: int, places: Places) -> Score:
    """What the observer's tellings of all chunks are worth."""
    shots = [Span(*ends) for ends in pairwise([0.0, *script.cuts, script.seconds])]
    scan = Scan(tuple(Shot(shot, "cut") for shot in shots), 0.5, (), ())
    told = []
    for number, span in enumerate(follow_shots(shots, CHUNK_SECONDS), 1):
        cuts = tuple(cut for cut in script.cuts if span.start < cut < span.end)
        times = places(Chunk(number, span, cuts=cuts), scan, count)
        told.append((span.start, span.end, tell(script, times)))
    return score_descriptions(script.events, told)


def at_the_edges(chunk: Chunk, scan: Scan, count: int) -> list[float]:
    """As Longtake plans them."""
    spacing = CHUNK_SECONDS / (count - 1)
    return [slot.times[0] for slot in plan_slots(chunk, scan, count, spacing)]


def in_the_middles(chunk: Chunk, scan: Scan, count: int) -> list[float]:
    """As many as those, each in the middle of its part."""
    return spread_evenly(chunk.span, len(at_the_edges(chunk, scan, count)))


def say(scores: Sequence[Score]) -> str:
    """`0.77 (0.73–0.80)`."""
    return say_rate(quality(sum(scores, Score())), find_interval(scores, quality))


if __name__ == "__main__":
    main()
