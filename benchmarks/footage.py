"""A film of real footage in 1080p, with cuts: what `make films` and `make samples` fetch, joined.

Each shot is a clip that runs to its end and back again, as often as it takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av

from benchmarks.films import CACHE, GOPS, HD
from benchmarks.scenes import RATE, encoded_name, open_film

ROOT = Path(__file__).parent.parent
FILMS, SAMPLES = ROOT / ".cache" / "films", ROOT / "examples"
CLIPS = (
    (FILMS / "bigbuckbunny.mp4", 0, 132),
    (FILMS / "cityCC0.mpg", 0, 116),
    (FILMS / "cityCC0.mpg", 116, 190),
    (FILMS / "gradio-world.mp4", 0, 300),
    (FILMS / "gradio-world.mp4", 450, 750),
    (FILMS / "carphone_pristine.mp4", 0, 120),
    (SAMPLES / "bikes.mp4", 30, 76),
    (SAMPLES / "bikes.mp4", 76, 137),
    (SAMPLES / "bikes.mp4", 137, 187),
    (SAMPLES / "bikes.mp4", 187, 242),
)
"""Shots without a cut of their own: file, first picture, one past the last."""
SEED, SECONDS = 5, 180
LENGTHS = 40, 300
"""Pictures of a shot, from 1.6 to 12 seconds."""


@dataclass(frozen=True)
class Shot:
    """Pictures `first`..`end` - 1 of the film show that clip."""

    clip: int
    first: int
    end: int


def plan_shots() -> list[Shot]:
    """The shots of the film, no two neighbours of one clip."""
    random = Random(SEED)  # noqa: S311
    shots: list[Shot] = []
    last, end = -1, 0
    while end < SECONDS * RATE:
        last = random.choice([n for n in range(len(CLIPS)) if n != last])
        shots.append(Shot(last, end, end + random.randint(*LENGTHS)))
        end = shots[-1].end
    return shots


def footage() -> dict[str, Path]:
    """The film with x264's defaults and with a key frame each 2 s, from the cache or made now."""
    folder = CACHE / f"footage-{SEED}-{SECONDS}"
    paths = {name: folder / encoded_name(name) for name in GOPS}
    if not (folder / "whole").exists():
        print(f"making the film {folder.name} ...", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder)
        (folder / "whole").touch()
    return paths


def _write(folder: Path) -> None:
    outs = [open_film(folder, name, HD) for name in GOPS]
    number = 0
    for shot in plan_shots():
        pictures = _decode(*CLIPS[shot.clip])
        for place in _there_and_back(len(pictures), shot.end - shot.first):
            picture = pictures[place].reformat(*HD, format="yuv420p", interpolation="BICUBIC")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            number += 1
            for container, stream, _ in outs:
                container.mux(stream.encode(picture))
    for container, stream, _ in outs:
        container.mux(stream.encode(None))
        container.close()


def _decode(path: Path, first: int, end: int) -> list[Any]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))[first:end]


def _there_and_back(pictures: int, length: int) -> Iterator[int]:
    for n in range(length):
        place = n % (2 * pictures - 2)
        yield min(place, 2 * pictures - 2 - place)
