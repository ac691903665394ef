"""A run's progress as the page shows it: its title, how much is done, and the current stage."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from longtake.runs.folder import Run, Step, read_told
from longtake.runs.outcomes import read_outcome
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line
from longtake.timecode import format_time
from longtake.web.format import FLOWS, as_text, name_source, say_bytes, say_seconds, say_when
from longtake.web.player import show_player
from longtake.web.result import show_chunk, show_result

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
    "play": ("Making a copy that browsers play", 4),
}
"""Each stage in plain words, and its usual share of a run."""
IN_BYTES = ("load", "read")
MOST_TITLE = 60


def name_run(run: Run) -> str:
    """A run's title, for a button."""
    title = name_title(run)
    return as_text(title if len(title) <= MOST_TITLE else f"{title[:MOST_TITLE]}…")


def name_tab(run: Run) -> str:
    """What the browser's tab is called while the run is shown."""
    return f"{name_title(run)[:MOST_TITLE]} · Longtake"


def name_title(run: Run) -> str:
    """A run's title on one line, as it came."""
    return one_line(run.title or run.asked.title or name_source(run.asked.source))


def say_run(run: Run) -> str:
    """`5 minutes ago`, what kind of run, and its state where it is not done."""
    kind = {"compare": "both flows, ", "reconcile": "edited, "}.get(run.asked.kind, "")
    state = "" if run.state == "done" else f"{run.state}, "
    return f"{kind}{state}{say_when(run.asked.created)}"


def show_row(run: Run) -> dict[str, Any]:
    """A run as the list of runs draws it; all of it is text as it came."""
    title, headline = name_title(run), read_outcome(run).headline
    return {
        "id": run.id,
        "title": title,
        "headline": "" if headline in (title, Path(title).stem) else headline,
        "length": format_time(run.duration) if run.duration else "",
        "said": say_run(run),
        "thumb": _choose_thumb(run),
    }


def _choose_thumb(run: Run) -> int:
    """The chunk whose picture stands for the run, a third in: the first is often black. 0: none."""
    found = sorted(
        int(path.stem) for path in (run.folder / "thumbs").glob("*.jpg") if path.stem.isdecimal()
    )
    return found[len(found) // 3] if found else 0


def show_run(run: Run) -> dict[str, Any]:
    """What stands above a run: title, state, how far it is, and what is being done."""
    step = run.steps[-1] if run.steps else None
    return {
        "kind": run.asked.kind,
        "state": run.state,
        "title": name_title(run),
        "link": run.asked.source if re.match(r"https?://", run.asked.source) else "",
        "of": run.asked.of,
        "duration": format_time(run.duration) if run.duration else "",
        "player": show_player(run),
        "part": measure_part(run),
        "doing": say_doing(run),
        "left": f"about {say_seconds(step.left)} left" if step and step.left else "",
        "notes": [one_line(note) for note in run.notes],
        "error": one_line(run.error),
        "hint": one_line(run.hint),
        "took": say_seconds(run.ended - run.started) if run.ended > run.started > 0 else "",
    }


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


def show_update(run: Run, after: int, result: bool) -> dict[str, Any]:
    """What the page polls: the run, its descriptions after number `after`, maybe its result."""
    return {
        "run": show_run(run),
        "told": [
            {**show_chunk(entry), "flow": FLOWS.get(entry.get("arm", ""), "")}
            for entry in read_told(run.id, after)
        ],
        "result": show_result(run) if result and has_result(run) else None,
    }


def has_result(run: Run) -> bool:
    """Whether all is found and written; a copy of the video may still be due."""
    return run.state == "done" or any(step.stage == "play" for step in run.steps)
