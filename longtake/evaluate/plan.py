"""What an evaluation goes through: its films, with their truth, and the settings to hold against
each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from longtake.errors import UsageError
from longtake.evaluate.films import make_film
from longtake.evaluate.levels import LEVELS
from longtake.evaluate.script import write_script
from longtake.evaluate.truth import TrueEvent, find_truth, read_truth
from longtake.pipeline.compare import Plan, plan_arm, plan_arms
from longtake.records import Progress, Steps
from longtake.settings import Settings
from longtake.video.source import SUFFIXES

OWN = "own"
"""In place of a level: films of the user's."""
ARMS = (
    "3 s: chunk_seconds=3",
    "12 s: chunk_seconds=12",
    "24 s: chunk_seconds=24",
    "2 frames: frames=2",
    "4 frames: frames=4",
    "8 frames: frames=8",
)
"""Beside flow I and II with the settings as given: each differs from flow I in one of them."""
OF_TEXT, OF_SPEECH = "no text: read_text=off", "no speech: subtitles=off, speech=off"


@dataclass(frozen=True)
class Film:
    """A film whose truth is known."""

    path: Path
    level: str
    truth: tuple[TrueEvent, ...]


def list_arms(settings: Settings, levels: Sequence[str], more: Sequence[str]) -> tuple[Plan, ...]:
    """Flow I, flow II, what the user names, and what differs from flow I in one setting."""
    own = [OF_TEXT] if {*levels} & {"4", "5", OWN} else []
    own += [OF_SPEECH] if {*levels} & {"5", OWN} else []
    arms = [*plan_arms(more, settings)]
    for arm in (plan_arm(text, settings) for text in (*ARMS, *own)):
        if all(arm.settings != other.settings and arm.name != other.name for other in arms):
            arms.append(arm)
    return tuple(arms)


def make_films(folder: Path, levels: Sequence[int], count: int, seed: int) -> Steps[list[Film]]:
    """Films of each level, in a folder; those that are there already are not made again."""
    unknown = [level for level in levels if level not in LEVELS]
    if unknown:
        raise UsageError(
            f"there is no level {unknown[0]}", f"Levels are {min(LEVELS)} to {max(LEVELS)}."
        )
    wanted = [(level, seed + number) for level in levels for number in range(count)]
    films = []
    for done, (level, of_film) in enumerate(wanted):
        yield Progress("films", done, len(wanted))
        path = folder / f"{write_script(of_film, level).name}.mp4"
        if not path.is_file():
            path = make_film(folder, of_film, level)
        films.append(Film(path, str(level), tuple(read_truth(find_truth(path)))))
    return films


def find_films(folder: Path) -> list[Film]:
    """The user's films, each with its truth beside it; UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", "Name one with films and truth files.")
    films = [
        Film(path, OWN, tuple(read_truth(find_truth(path))))
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and find_truth(path).is_file()
    ]
    if not films:
        raise UsageError(
            f"{folder} has no film with a truth file", "talk.mp4 needs talk.truth.csv beside it."
        )
    return films


def count_chunks(films: Sequence[Film], arms: Sequence[Plan]) -> Iterator[int]:
    """About how many chunks each arm has, over all films."""
    for arm in arms:
        seconds = arm.settings.chunk_seconds
        yield sum(max(1, round(film.truth[-1].end / seconds)) for film in films if film.truth)
