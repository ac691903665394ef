"""Estimates, before a run starts, how long it will take on this machine, and says from what."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import linear_regression

from longtake.doctor.inspect import inspect
from longtake.engines import AUTO, choose_engine
from longtake.settings import Settings
from longtake.store import Store

SKETCH_SECONDS = 0.15
"""Of describing by `sketch`, for a second of video, on two cores."""
BESIDE_SECONDS = 0.06
"""Of all else that a run does, for a second of video: scan, listening, reading, summary.

From examples/lecture.mp4, whose 95 s, mostly still, take 7 s in all (docs/figures.md)."""
FAR_APART = 1.5
"""Runs whose lengths differ by less tell nothing of what a run takes at least."""
USUAL_SHARE = 0.8
"""Of `chunk_seconds`, the usual length of a chunk."""


@dataclass(frozen=True)
class Estimate:
    """Seconds, or None where nothing is known; `why` says in words what it rests on."""

    seconds: float | None
    why: str


def estimate(
    duration: float,
    settings: Settings,
    store: Store,
    earlier: Sequence[tuple[float, float]] = (),
) -> Estimate:
    """Of a run over a video of so many seconds; right by a factor of two or so.

    `earlier` are runs that did the same here: seconds of video, and seconds that each took. What
    they took goes before all that is reckoned.
    """
    engine = name_engine(settings)
    if earlier:
        return _predict(duration, earlier, engine)
    chunks = max(1, round(duration / (settings.chunk_seconds * USUAL_SHARE)))
    beside = BESIDE_SECONDS * duration
    known = store.mean_seconds("describe", engine)
    if known is not None:
        return Estimate(
            beside + chunks * known,
            f"earlier chunks took {_say(known)} each with {engine}; this has about {chunks}",
        )
    if engine == "sketch":
        return Estimate(beside + SKETCH_SECONDS * duration, "as measured on two cores")
    each = _reckon(engine, settings) if engine.startswith(("gguf", "transformers")) else None
    if each:
        why = f"reckoned from this machine's speed: {_say(each)} a chunk"
        return Estimate(beside + chunks * each, why)
    return Estimate(None, f"no chunk was described with {engine} here yet; the first will tell")


def name_engine(settings: Settings) -> str:
    """The engine that the settings mean on this machine now."""
    return choose_engine()[0] if settings.engine == AUTO else settings.engine


def _predict(duration: float, earlier: Sequence[tuple[float, float]], engine: str) -> Estimate:
    """By a line through what runs took: what each takes at least, and what a second of video adds.

    Through zero where their lengths are alike, or tell of no such line.
    """
    lengths, took = zip(*earlier, strict=True)
    said = f"{sum(took) / sum(lengths) * 60:.0f} s for each minute of video"
    runs = "an earlier run" if len(earlier) == 1 else f"{len(earlier)} earlier runs"
    seconds = duration * sum(took) / sum(lengths)
    if max(lengths) > FAR_APART * min(lengths):
        slope, base = linear_regression(lengths, took)
        if slope > 0 and base > 0:
            seconds = base + slope * duration
    return Estimate(seconds, f"{runs} with {engine} took {said} on this machine")


@lru_cache(maxsize=16)
def _reckon(engine: str, settings: Settings) -> float | None:
    """Seconds for a chunk, as the doctor finds it; looked at once, for that takes a while."""
    for fit in inspect(settings).fits:
        if engine == f"{fit.candidate.engine}:{fit.candidate.model}" and fit.duration:
            return fit.duration.total
    return None


def _say(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.05 else "no time"
