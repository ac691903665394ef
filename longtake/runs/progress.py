"""How far a run is, in words and as a share, and what it is called."""

from collections.abc import Sequence
from pathlib import Path

from longtake.runs.files import say_bytes
from longtake.runs.folder import Run, Step
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

OF_BOTH = ("independent", "context")
STAGES = {
    "load": ("Loading the video", 12),
    "read": ("Reading the file", 2),
    "scan": ("Looking for shots", 6),
    "listen": ("Listening to what is said", 6),
    "text": ("Reading what is written", 2),
    "actions": ("Naming what is done", 0),
    "describe": ("Describing", 50),
    "reconcile": ("Summarising", 16),
    "digest": ("Finding topics", 6),
    "draw": ("Drawing the pictures", 2),
    "check": ("Checking the summary", 6),
    "index": ("Adding it to the library", 2),
    "play": ("Making a copy that browsers play", 4),
}
"""Each stage in plain words, and its usual share of a run."""
IN_BYTES = ("load", "read")


def name_source(source: str) -> str:
    """What to call a source before its title is known; nothing of a file's folder."""
    return one_line(source if "://" in source else Path(source).name)


def name_title(run: Run) -> str:
    """A run's title on one line, as it came."""
    return one_line(run.title or run.asked.title or name_source(run.asked.source))


def measure_part(run: Run) -> float:
    """How much of the whole run is done, 0 to 1, by the usual shares of its stages."""
    if run.state == "done":
        return 1.0
    arms = list(dict.fromkeys(step.note for step in run.steps if step.note in OF_BOTH))
    if run.asked.kind == "compare" and arms:
        own = [step for step in run.steps if step.note == arms[-1]]
        return (len(arms) - 1 + _measure_stages(own)) / len(OF_BOTH)
    return _measure_stages(run.steps)


def _measure_stages(steps: Sequence[Step]) -> float:
    stages = {step.stage: step for step in steps if step.stage in STAGES}
    if not stages:
        return 0.0
    order = list(STAGES)
    last = max(order.index(stage) for stage in stages)
    whole = sum(share for _, share in STAGES.values())
    done = float(sum(STAGES[stage][1] for stage in order[:last]))
    step = stages[order[last]]
    done += STAGES[step.stage][1] * min(1.0, step.done / step.total if step.total else 0.0)
    return min(0.99, done / whole)


def say_doing(run: Run) -> str:
    """What is being done now, in one short line."""
    if run.state == "waiting":
        if not run.ahead:
            return "Starting"
        return f"{say_count(run.ahead, 'run')} before yours"
    if run.state == "running" and run.steps:
        return _say_step(run)
    return {"running": "Starting", "stopped": "Stopped", "failed": "Failed"}.get(run.state, "Done")


def _say_step(run: Run) -> str:
    step = run.steps[-1]
    words = STAGES.get(step.stage, (step.stage.capitalize(), 0))[0]
    if step.stage == "done":
        return "Writing the files"
    if step.stage == "load" and step.note and not (step.total or step.done):
        return f"{words}: {one_line(step.note)}"
    if not step.total:
        return f"{words}: {say_bytes(step.done)}" if step.stage in IN_BYTES else words
    if step.stage in IN_BYTES:
        return f"{words}: {say_bytes(step.done)} of {say_bytes(step.total)}"
    if step.stage == "describe":
        return f"{words} chunk {min(step.done + 1, step.total)} of {step.total}"
    return f"{words}: {100 * min(step.done, step.total) // step.total} %"


def has_result(run: Run) -> bool:
    """Whether all is found and written; a copy of the video may still be due."""
    return run.state == "done" or any(step.stage == "play" for step in run.steps)
