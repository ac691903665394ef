"""Each film by each arm, through the one pipeline, and what is told held against the truth."""

import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from longtake.doctor.estimate import estimate
from longtake.errors import EngineUnreachable, LongtakeError
from longtake.evaluate.plan import Film, count_chunks
from longtake.evaluate.score import Score, score_descriptions, score_summary
from longtake.pipeline.compare import Plan, arm_folder
from longtake.pipeline.session import Session
from longtake.records import Cost, Progress, Result, Steps
from longtake.report.measures import STAGES, cost_of
from longtake.store import Store, store_path
from longtake.text.plurals import say_count

LOG = logging.getLogger("longtake")

NOTHING, NO_COST = Score(), Cost()


@dataclass(frozen=True)
class Measured:
    """What came of a film by an arm; with an `error`, nothing did."""

    film: str
    level: str
    arm: str
    seconds: float = 0.0
    """Of the film."""
    descriptions: Score = NOTHING
    summary: Score = NOTHING
    cost: Cost = NO_COST
    """Of all answers, whenever they were given."""
    chunks: int = 0
    gaps: int = 0
    error: str = ""


def go_through(
    films: Sequence[Film], arms: Sequence[Plan], session: Session, folder: Path
) -> Steps[list[Measured]]:
    """All of them, film by film; each result is in folder/runs. What the store holds costs nothing.

    An error of one is told in its place, but where the first arm fails with the first film, or
    where an engine can't be reached: nothing can be measured then.
    """
    found: list[Measured] = []
    total, began = len(films) * len(arms), time.monotonic()
    LOG.info("%s", _reckon_time(films, arms, session.store))
    for film in films:
        for arm in arms:
            yield Progress("runs", len(found), total, arm=arm.name)
            out = folder / "runs" / film.path.stem / arm_folder(arm.name)
            steps = session.summarize(film.path, replace(arm.settings, out=str(out)))
            try:
                found.append(
                    _measure(film, arm, (yield from _quiet(steps, len(found), total, arm)))
                )
            except EngineUnreachable:
                raise
            except LongtakeError as error:
                if not found:
                    raise
                found.append(Measured(film.path.stem, film.level, arm.name, error=error.message))
            if len(found) == 1:  # in its time the model was loaded
                began = time.monotonic()
            elif len(found) == 2:
                LOG.info("%s", _say_time(films, arms, time.monotonic() - began))
    yield Progress("runs", total, total)
    return found


def _quiet(steps: Steps[Result], done: int, total: int, arm: Plan) -> Steps[Result]:
    """The steps of one run, told as a step of all."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        yield Progress("runs", done, total, arm=arm.name)


def _reckon_time(films: Sequence[Film], arms: Sequence[Plan], store: Store) -> str:
    """How long all will take about, by what the user's own videos took or the machine's speed."""
    of_films = sum(film.truth[-1].end for film in films if film.truth)
    with Store(store_path()) if store_path().is_file() else nullcontext(store) as own:
        found = [estimate(of_films, arm.settings, own) for arm in arms]
    why = found[0].why.partition(";")[0]
    known = [one.seconds for one in found if one.seconds is not None]
    if len(known) < len(found):
        return f"the first film will tell how long it takes: {why}"
    return f"{_say_minutes(sum(known))} ({why}); the first film will tell better"


def _say_minutes(seconds: float) -> str:
    return f"about {say_count(max(1, round(seconds / 60)), 'minute')}"


def _say_time(films: Sequence[Film], arms: Sequence[Plan], seconds: float) -> str:
    """How long all will take about, as the first film by the second arm did."""
    each = seconds / max(1, next(count_chunks(films[:1], arms[1:2])))
    chunks = sum(count_chunks(films, arms))
    return (
        f"{_say_minutes(chunks * each)}: {say_count(len(films), 'film')} by {len(arms)} arms are"
        f" some {chunks} chunks, and the first ones took {each:.1f} s each"
    )


def _measure(film: Film, arm: Plan, result: Result) -> Measured:
    told = [(d.chunk.span.start, d.chunk.span.end, d.text) for d in result.descriptions if d.text]
    spans = {d.chunk.number: (d.chunk.span.start, d.chunk.span.end) for d in result.descriptions}
    sentences = result.summary.sentences if result.summary else ()
    cited = [[spans[number] for number in one.evidence if number in spans] for one in sentences]
    return Measured(
        film.path.stem,
        film.level,
        arm.name,
        result.video.duration,
        score_descriptions(film.truth, told),
        score_summary(film.truth, [one.text for one in sentences], cited),
        sum((cost_of(result, stage) for stage in STAGES), Cost()),
        result.ledger.planned,
        len(result.ledger.gaps),
    )
