"""Whether labels of a temporal model help who describes: event films told by an observer that sees
each frame perfectly, and nothing between two of them, with and without hints.

    .cache/transformers/bin/python -m benchmarks.actions [--count 12] [--frames 0] [--out DIR]

A hint is a label of a stretch of a chunk: of whom it is, nobody says. Each hint is believed: where
the text doesn't name the action yet, it is told of the one thing in the picture, or, where several
are there, of the one that moves most while it lasts (who describes may see that, or not: "of
anybody" takes one by lot). The true labels are what a perfect recogniser would say, and with a part
of them changed for others by lot, a worse one; the model's are those of `tests/actions/model`, by
Longtake's own door. That model learned from films of this very kind; none of users' does.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random

from longtake.actions import open_recogniser, recognise_chunk
from longtake.actions.recognise import LEAST_SCORE
from longtake.evaluate.findings import quality
from longtake.evaluate.intervals import Rate, find_difference
from longtake.evaluate.levels import HIDDEN
from longtake.evaluate.plan import Film, make_films
from longtake.evaluate.reading.reader import read_events
from longtake.evaluate.score import Score, score_descriptions
from longtake.evaluate.script import Script, write_script
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session, run_to_end
from longtake.records import Action, Description
from longtake.settings import Settings, load_settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.frames import open_frames
from longtake.video.probe import probe
from tests.conftest import ROOT
from tests.evaluate.observer import Observer, Scene, Seen, look

MODEL = ROOT / "tests/actions/model"
LEVELS = (1, 2, 3)
GIVEN = {"engine": "observer", "reconciler": "digest", "judge": "off", "embedder": "words",
         "speech": "off", "read_text": "off"}  # fmt: skip
SURE = 0.7
MOMENTS = 9
"""At which it is looked who moves while an action lasts."""
SAYINGS = {
    "touches": "touches something",
    "carries": "carries something",
    "swaps": "swaps places",
    "hides": "hides",
    "turns": "changes colour",
}
"""Of actions whose target no label names; all others are told as they are called."""
RATES: dict[str, Rate] = {
    "recall": lambda score: score.recall,
    "precision": lambda score: score.precision,
    "F1": quality,
}

WRONG = (0.25, 0.5, 0.75)
"""Shares of the true labels that are changed for others."""

Hints = Callable[["Told", Description], Sequence[Action]]
Doer = Callable[[Script, Span], Seen | None]


@dataclass(frozen=True)
class Told:
    """A film, what the observer told of it, and what the model named in each chunk, by number."""

    film: Film
    script: Script
    descriptions: tuple[Description, ...]
    named: dict[int, tuple[Action, ...]]


def main() -> None:
    """Print what hints are worth, and how good the model's are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12, help="films of each level")
    parser.add_argument("--frames", type=int, default=0, help="most of a chunk; 0: as usual")
    parser.add_argument("--out", type=Path, default=Path(".cache/actions"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    films = run_to_end(make_films(given.out / "films", LEVELS, given.count, 0))
    told = list(watch(films, given.out, given.frames))
    say_labels(told)
    for level in (*map(str, LEVELS), "all"):
        say_worth(level, [one for one in told if level in (one.film.level, "all")])


def watch(films: Sequence[Film], out: Path, frames: int) -> Iterator[Told]:
    """Each film described, and its chunks seen by the model."""
    scripts = {path_name(film): read_script(film) for film in films}
    observer = Observer(list(scripts.values()))
    settings = load_settings(GIVEN | {"frames": frames})
    with (
        Store(out / f"store-{frames}.sqlite") as store,
        open_recogniser(Settings(actions=str(MODEL))) as recogniser,
    ):
        session = Session(store, Engines(open_engine=lambda name, settings: observer))
        for film in films:
            folder = out / f"runs-{frames}" / film.path.stem
            steps = session.summarize(film.path, replace(settings, out=str(folder)))
            result = run_to_end(steps)
            _, index = probe(film.path, result.video.sha256)
            with open_frames(film.path, index) as reader:
                named = {
                    each.chunk.number: recognise_chunk(recogniser, reader, each.chunk)
                    for each in result.descriptions
                }
            yield Told(film, scripts[path_name(film)], result.descriptions, named)


def path_name(film: Film) -> str:
    return film.path.stem


def read_script(film: Film) -> Script:
    """The film's script again, by its name: level-2-seed-7."""
    _, level, _, seed = film.path.stem.split("-")
    return write_script(int(seed), int(level))


def true_hints(told: Told, each: Description) -> list[Action]:
    """What happens, each event in the chunk in which its middle lies."""
    span = each.chunk.span
    return [
        Action(event.action, 1.0, Span(event.start, event.end))
        for event in told.script.events
        if event.action in HIDDEN and span.start <= (event.start + event.end) / 2 < span.end
    ]


def named_hints(least: float) -> Hints:
    """What the model named with at least that score."""
    return lambda told, each: [a for a in told.named[each.chunk.number] if a.score >= least]


def wrong_hints(share: float) -> Hints:
    """The true labels, so many of them changed for others."""

    def hint(told: Told, each: Description) -> list[Action]:
        random = Random(f"{told.script.name} {each.chunk.number} {share}")  # noqa: S311
        return [
            replace(action, label=random.choice(HIDDEN)) if random.random() < share else action
            for action in true_hints(told, each)
        ]

    return hint


def add_hints(told: Told, each: Description, hints: Sequence[Action], find: Doer) -> str:
    """The description with each action that it doesn't name told at its end."""
    known = {action for event in read_events(each.text) for action in event.actions}
    text = each.text
    for hint in hints:
        if hint.label in known:
            continue
        if doer := find(told.script, hint.span):
            text += f" The {doer.look} {SAYINGS.get(hint.label, hint.label)}."
            known.add(hint.label)
    return text


def find_doer(script: Script, span: Span) -> Seen | None:
    """Who moves or changes most over a span, as it looks at first; None where nobody is there."""
    scenes = look_often(script, span)
    moved: dict[str, float] = {}
    for name in scenes[0]:
        states = [scene[name] for scene in scenes]
        if any(state.colour for state in states):
            moved[name] = sum(_change(one, other) for one, other in pairwise(states))
    if not moved:
        return None
    name = max(moved, key=lambda name: moved[name])
    return next(scene[name] for scene in scenes if scene[name].colour)


def find_anybody(script: Script, span: Span) -> Seen | None:
    """One of those who are there, by lot."""
    there = {
        name: seen
        for scene in look_often(script, span)
        for name, seen in scene.items()
        if seen.colour
    }
    random = Random(f"{script.name} {span.start}")  # noqa: S311
    return there[random.choice(sorted(there))] if there else None


def look_often(script: Script, span: Span) -> list[Scene]:
    step = span.seconds / (MOMENTS - 1)
    return [look(script, span.start + number * step) for number in range(MOMENTS)]


def _change(one: Seen, other: Seen) -> float:
    """How much another it is: where it is, how large, how turned, of what colour."""
    shade = math.dist(one.shade, other.shade) / 255
    seen = 0.1 * (bool(one.colour) != bool(other.colour))
    way = math.dist((one.x, one.y), (other.x, other.y))
    return way + abs(one.size - other.size) + abs(one.angle - other.angle) + shade + seen


def say_labels(told: Sequence[Told]) -> None:
    """How many of the model's labels of chunks happen there, and of what happens are named."""
    print("labels of chunks       named  precision  recall")
    for least in (0.0, SURE):
        named = right = true = found = 0
        for one, each in ((film, each) for film in told for each in film.descriptions):
            labels = {hint.label for hint in named_hints(least)(one, each)}
            happens = {hint.label for hint in true_hints(one, each)}
            named, right = named + len(labels), right + len(labels & touching(one, each))
            true, found = true + len(happens), found + len(labels & happens)
        score = f"score {max(least, LEAST_SCORE)} and more"
        print(f"  {score:20} {named:6} {right / max(1, named):10.2f} {found / true:7.2f}")


def touching(told: Told, each: Description) -> set[str]:
    """The actions of all events that lie in the chunk, if only in part."""
    span = each.chunk.span
    return {e.action for e in told.script.events if e.start < span.end and e.end > span.start}


def say_worth(level: str, told: Sequence[Told]) -> None:
    """A row for each kind of hints: rates, and what they are more than without, with intervals."""
    print(f"\nlevel {level}, {len(told)} films: rates, and how much more than without hints (95 %)")
    arms: dict[str, tuple[Hints, Doer]] = {
        "no hints": (lambda told, each: (), find_doer),
        "true labels": (true_hints, find_doer),
        "true labels, of anybody": (true_hints, find_anybody),
        **{f"{share:.0%} of them wrong": (wrong_hints(share), find_doer) for share in WRONG},
        "the model's": (named_hints(0.0), find_doer),
        "the model's, of anybody": (named_hints(0.0), find_anybody),
        f"the model's from {SURE}": (named_hints(SURE), find_doer),
    }
    base: list[Score] = []
    for name, (hints, find) in arms.items():
        scores = [score(one, hints, find) for one in told]
        base = base or scores
        cells = [say_rate(scores, base, rate) for rate in RATES.values()]
        print(f"  {name:23} " + "   ".join(cells))


def score(told: Told, hints: Hints, find: Doer) -> Score:
    return score_descriptions(
        told.film.truth,
        [
            (d.chunk.span.start, d.chunk.span.end, add_hints(told, d, hints(told, d), find))
            for d in told.descriptions
        ],
    )


def say_rate(scores: Sequence[Score], base: Sequence[Score], rate: Rate) -> str:
    more, interval = find_difference(scores, base, rate)
    low, high = interval or (math.nan, math.nan)
    sure = f"{more:+.3f} ({low:+.3f} to {high:+.3f})" if scores is not base else " " * 25
    return f"{rate(sum(scores, Score())):.3f} {sure}"


if __name__ == "__main__":
    main()
