"""What runs that are done came to, in short, and how long they took; read from their own files."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from longtake.runs.folder import Run
from longtake.text.untrusted import one_line

WAITING_STAGES = ("load", "fetch")
"""Time for which the network answers, and not this machine."""
BOTH = "both"
"""In a flow's place: a comparison, which goes through both."""


@dataclass(frozen=True)
class Outcome:
    """A run's headline, who described its chunks, whether all were described for it; its video."""

    headline: str = ""
    describer: str = ""
    anew: bool = False
    sha256: str = ""


def read_outcome(run: Run) -> Outcome:
    """Of a run that is done; an empty one where its files are gone or are none."""
    if run.state != "done":
        return Outcome()
    out = run.folder / "out"
    for path in (out / "summary.json", *sorted((out / "arms").glob("*/summary.json"))):
        with suppress(OSError):
            return _read(path, path.stat().st_mtime_ns)
    return Outcome()


@lru_cache(maxsize=4096)
def _read(path: Path, _written: int) -> Outcome:
    """By path and when it was written, so that a list of runs reads each file once."""
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        document = json.loads(path.read_text(encoding="utf-8"))
        stages = [use for use in document["usage"] if use["stage"] == "describe"]
        return Outcome(
            one_line(str(document.get("headline") or "")),
            str(stages[0]["engine"]) if stages else "",
            any(use["requests"] for use in stages) and not any(use["from_store"] for use in stages),
            str((document.get("video") or {}).get("sha256") or ""),
        )
    return Outcome()


def list_earlier(
    runs: Iterable[Run], engine: str, form: Mapping[str, object]
) -> list[tuple[float, float]]:
    """Seconds of video, and seconds that a run of it took: of those that did the same work.

    The same engine, flow and words, described anew and without a break. What a link took to load is
    not counted; of a comparison, half is one flow's.
    """
    return [
        (run.duration, seconds)
        for run in runs
        if _does_the_same(run, form)
        and _is_of(read_outcome(run), engine)
        and (seconds := _measure(run)) > 0
    ]


def _does_the_same(run: Run, form: Mapping[str, object]) -> bool:
    same = run.state == "done" and run.attempts == 1 and run.duration > 0
    return same and list(_name_work(run.asked.settings, run.asked.kind)) == list(
        _name_work(form, "compare" if form.get("flow") == BOTH else "summarize")
    )


def _name_work(form: Mapping[str, object], kind: str) -> Iterator[object]:
    """What makes a run long or short, besides its video and its engine."""
    yield kind
    yield kind == "compare" or form.get("flow")
    yield from (form.get(name) == "off" for name in ("speech", "read_text"))


def _is_of(outcome: Outcome, engine: str) -> bool:
    """Whether that engine did the work; one without a model is any of its kind."""
    return outcome.anew and (
        outcome.describer == engine or outcome.describer.startswith(f"{engine}:")
    )


def _measure(run: Run) -> float:
    waited = sum(step.seconds for step in run.steps if step.stage in WAITING_STAGES)
    whole = run.ended - run.started - waited
    return whole / 2 if run.asked.kind == "compare" else whole
