"""Those who look for cuts, Longtake's scan and PySceneDetect, and how their finds are counted."""

import json
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.scenes import RATE, Cut
from longtake.records import Progress, Scan
from longtake.video.probe import probe
from longtake.video.scan import scan

NEAR = 2
"""Pictures that a find may lie beside a cut."""
ROOT = Path(__file__).parent.parent
OTHER_PYTHON = ROOT / ".cache" / "scenedetect" / "bin" / "python"

T = TypeVar("T")


@dataclass(frozen=True)
class Score:
    """How many cuts there are and were found, hard and gradual ones; how many finds are false."""

    hard: int = 0
    hard_found: int = 0
    gradual: int = 0
    gradual_found: int = 0
    false: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.hard + other.hard,
            self.hard_found + other.hard_found,
            self.gradual + other.gradual,
            self.gradual_found + other.gradual_found,
            self.false + other.false,
        )

    def as_text(self) -> str:
        """Recall of hard cuts, of gradual ones, and precision, in per cent."""
        found = self.hard_found + self.gradual_found
        hard, gradual = _share(self.hard_found, self.hard), _share(self.gradual_found, self.gradual)
        return f"{hard} {gradual} {_share(found, found + self.false)}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f}" if whole else "    -"


def count(finds: Iterable[int], cuts: Sequence[Cut]) -> tuple[Score, list[Cut], list[int]]:
    """The score, what was missed and what is false; each cut takes one find, the first near it."""
    left, missed = sorted(finds), []
    for cut in cuts:
        near = [place for place in left if cut.first - NEAR <= place <= cut.last + NEAR]
        if near:
            left.remove(near[0])
        else:
            missed.append(cut)
    hard, missed_hard = (sum(c.kind == "cut" for c in each) for each in (cuts, missed))
    gradual, missed_gradual = len(cuts) - hard, len(missed) - missed_hard
    score = Score(hard, hard - missed_hard, gradual, gradual - missed_gradual, len(left))
    return score, missed, left


def finish(steps: Generator[Progress, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def scan_file(path: Path) -> tuple[Scan, float]:
    """The scan and the seconds that it took, from a file of which nothing is known."""
    started = time.perf_counter()
    video, index = probe(path, "")
    found = finish(scan(video, index))
    return found, time.perf_counter() - started


def cut_places(found: Scan) -> list[int]:
    """The numbers of the pictures with which shots begin."""
    return [round(time * RATE) for time in found.cuts]


def scenedetect(path: Path, detector: str) -> tuple[list[int], float]:
    """What PySceneDetect finds in a file, and its seconds; runs in an environment of its own."""
    if not OTHER_PYTHON.exists():
        sys.exit("PySceneDetect is not installed: make scenedetect")
    script = Path(__file__).with_name("run_scenedetect.py")
    done = subprocess.run(
        [OTHER_PYTHON, script, path, detector], check=True, stdout=subprocess.PIPE, text=True
    )
    reply = json.loads(done.stdout.splitlines()[-1])
    return [round(time * RATE) for time in reply["cuts"]], reply["seconds"]
