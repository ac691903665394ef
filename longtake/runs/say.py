"""What programs are told of a run, as JSON has it; times are UTC, as 2026-01-31T12:00:00Z."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from longtake.links.addresses import is_link
from longtake.runs.files import list_files
from longtake.runs.folder import Run
from longtake.runs.progress import measure_part, name_source, name_title, say_doing
from longtake.settings import home_folder
from longtake.text.untrusted import one_line

RESULTS = {
    "summarize": "result.json",
    "reconcile": "result.json",
    "compare": "compare.json",
    "transcribe": "transcript.json",
    "look": "look.json",
    "ask": "answer.json",
}
"""Where the result of each kind of run lies in its folder."""


def run_values(run: Run) -> dict[str, Any]:
    """A run: what was asked for, how far it is, and what came of it so far."""
    asked = run.asked
    step = run.steps[-1] if run.steps else None
    return {
        "id": run.id,
        "kind": asked.kind,
        "state": run.state,
        "title": name_title(run),
        "source": name_source(asked.source),
        "question": asked.question,
        "settings": dict(asked.settings),
        "created": _say_time(asked.created),
        "started": _say_time(run.started),
        "ended": _say_time(run.ended),
        "ahead": run.ahead,
        "progress": {
            "part": round(measure_part(run), 4),
            "doing": say_doing(run),
            "stage": step.stage if step else "",
            "done": step.done if step else 0,
            "total": step.total if step else 0,
            "seconds_left": round(step.left, 1) if step and step.left else None,
        },
        "duration": run.duration or None,
        "notes": [hide_source(run, note) for note in run.notes],
        "error": {"message": hide_source(run, run.error), "hint": hide_source(run, run.hint)}
        if run.error
        else None,
        "notice": _read_notice(run),
        "files": [{"name": f.place, "label": f.label, "bytes": f.bytes} for f in list_files(run)]
        if run.state == "done"
        else [],
    }


def read_result(run: Run) -> dict[str, Any] | None:
    """What came of a run that is done; None where there is nothing."""
    if run.state != "done":
        return None
    path = run.folder / "out" / RESULTS[run.asked.kind]
    with suppress(OSError, ValueError):
        found = hide_places(json.loads(path.read_text(encoding="utf-8")))
        return found if isinstance(found, dict) else None
    return None


def hide_source(run: Run, text: str) -> str:
    """What a run says of itself on one line, with its file's name in place of where that lies."""
    source = run.asked.source
    if source and not is_link(source):
        text = text.replace(source, name_source(source))
    return one_line(text.replace(str(home_folder()), "LONGTAKE_HOME"))


def hide_places(values: Any) -> Any:
    """The same without the paths of files of this machine: a `source` that is a link stays."""
    if isinstance(values, Mapping):
        return {
            key: name_source(value) if key == "source" and isinstance(value, str)
            and not is_link(value) else hide_places(value)
            for key, value in values.items()
        }  # fmt: skip
    if isinstance(values, Sequence) and not isinstance(values, str):
        return [hide_places(value) for value in values]
    return values


def _read_notice(run: Run) -> dict[str, Any] | None:
    """What came of telling the link that wants to know; None where nobody was told yet."""
    with suppress(OSError, ValueError):
        found = json.loads((run.folder / "notice.json").read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def _say_time(seconds: float) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else None
