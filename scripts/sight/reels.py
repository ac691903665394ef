"""Windows drawn ahead into files, by many processes, and read as arrays that lie on the disk."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from longtake.files import replacing
from scripts.sight.windows import Window, draw_windows

FILMS = 200
"""In a reel."""


def open_reels(folder: Path, first: int, films: int, processes: int = 2) -> list[Window]:
    """The windows of so many films from that seed on, the missing ones drawn first."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(first, first + films, FILMS)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(partial(_draw_reel, folder), seeds))
    return [window for seed in seeds for window in _open_reel(folder, seed)]


def _draw_reel(folder: Path, first: int) -> None:
    if (folder / f"{first}.json").exists():
        return
    windows = [w for seed in range(first, first + FILMS) for w in draw_windows(seed)]
    np.save(folder / f"{first}.pictures.npy", np.stack([w.pictures for w in windows]))
    np.save(folder / f"{first}.facts.npy", np.stack([w.facts for w in windows]))
    events = [(w.sentences, w.passing, w.shares.tolist()) for w in windows]
    with replacing(folder / f"{first}.json") as part:
        part.write_text(json.dumps(events))


def _open_reel(folder: Path, first: int) -> Iterator[Window]:
    pictures = np.load(folder / f"{first}.pictures.npy", mmap_mode="r")
    facts = np.load(folder / f"{first}.facts.npy", mmap_mode="r")
    events = json.loads((folder / f"{first}.json").read_text())
    for place, (sentences, passing, shares) in enumerate(events):
        table = np.array(shares, np.float32).reshape(len(sentences), -1)
        yield Window(pictures[place], facts[place], tuple(sentences), tuple(passing), table)
