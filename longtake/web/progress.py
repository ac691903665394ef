"""A run's progress as the page shows it: its title, how much is done, and the current stage."""

import re
from pathlib import Path
from typing import Any

from longtake.runs.files import FLOWS
from longtake.runs.folder import Run, read_told
from longtake.runs.outcomes import read_outcome
from longtake.runs.progress import has_result, measure_part, name_title, say_doing
from longtake.text.untrusted import one_line
from longtake.timecode import format_time
from longtake.web.format import as_text, say_seconds, say_when
from longtake.web.player import show_player
from longtake.web.result import show_chunk, show_result

MOST_TITLE = 60


def name_run(run: Run) -> str:
    """A run's title, for a button."""
    title = name_title(run)
    return as_text(title if len(title) <= MOST_TITLE else f"{title[:MOST_TITLE]}…")


def name_tab(run: Run) -> str:
    """What the browser's tab is called while the run is shown."""
    return f"{name_title(run)[:MOST_TITLE]} · Longtake"


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
