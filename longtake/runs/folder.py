"""What a run leaves on disk, LONGTAKE_HOME/runs/ID, and what can be done with it from outside.

request.json is what was asked for, state.json how far it is, chunks.jsonl its descriptions so far,
thumbs/ a picture of each chunk, upload/ a file that came with it, out/ its results; `playing` has
play.json and play.mp4. The worker holds `alive` as long as it lives; who starts, stops or deletes a
run holds `lock`.
"""

import fcntl
import json
import math
import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from longtake.errors import LongtakeError, OutputError, UsageError
from longtake.files import lock_now, replacing
from longtake.runs.playing import share_copy
from longtake.settings import SECRET, Settings, change_settings, home_folder, list_group, make_home

State = Literal["waiting", "running", "done", "stopped", "failed"]
Kind = Literal["summarize", "compare", "reconcile", "transcribe", "look", "ask"]
OF_PAGE = ("summarize", "compare", "reconcile")
"""Kinds of runs that the page shows; the others are asked for by programs."""
ENDED = ("done", "stopped", "failed")
"""States that only `resume` leads out of."""

FORM = 1
"""Counted up when the files' meaning changes."""
MOST_WAITING = 20
"""Runs of one visitor that may wait at once."""
END_SECONDS, KILL_SECONDS = 5.0, 5.0
"""How long a worker has to end by itself, and then to be gone."""
POLL_SECONDS = 0.05
OF_SERVER = SECRET.union(list_group("links", "output", "page"))
"""Settings that a request may not hold: they are the server's own."""
SHORT = ("look", "ask")
"""Kinds of runs that answer a question."""
KEPT_SECONDS = 7 * 86400.0
"""How long an answer is kept for the program that asked."""
LEFT_SECONDS = 3600.0
"""A folder that is half made or half gone for so long is nobody's work any more."""


@dataclass(frozen=True)
class Asked:
    """What a visitor asked for; `of` is the run whose edited table a reconcile is of.

    `created` is in seconds since 1970. `source` is a link or a file; of an upload, only its title.
    A `question` is of the `videos`, by their SHA-256, or of the source from `start` to `end`
    seconds. `light` is what loads no model, so that it takes no slot from who does. `notify` is a
    link that is told when the run ends.
    """

    source: str
    kind: Kind
    settings: Mapping[str, object]
    title: str
    visitor: str
    created: float
    of: str = ""
    question: str = ""
    videos: tuple[str, ...] = ()
    start: float = 0.0
    end: float = 0.0
    light: bool = False
    notify: str = ""


@dataclass(frozen=True)
class Step:
    """How far a stage is, after `seconds`; `left` is how many more it may take, if that shows."""

    stage: str
    done: int
    total: int
    note: str = ""
    seconds: float = 0.0
    left: float | None = None


@dataclass(frozen=True)
class Run:
    """One run as it stands; `ahead` is how many come before it, times are seconds since 1970."""

    id: str
    folder: Path
    asked: Asked
    state: State = "waiting"
    steps: tuple[Step, ...] = ()
    error: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    video: Path | None = None
    title: str = ""
    duration: float = 0.0
    ahead: int = 0
    started: float = 0.0
    ended: float = 0.0
    pid: int = 0
    attempts: int = 0


@dataclass(frozen=True)
class ToldSoFar:
    """Some descriptions, and the place behind them: so many lines, so many bytes."""

    entries: tuple[dict[str, Any], ...] = ()
    lines: int = 0
    bytes: int = 0


class QueueFull(UsageError):
    """Too many runs of a visitor wait already."""


class RunAtWork(UsageError):
    """What can't be done to a run while it works."""


_NOTHING = Asked("", "summarize", {}, "", "", 0.0)
"""Of a run whose files can't be read."""

_SAVED = tuple(f.name for f in fields(Run) if f.name not in ("id", "folder", "asked", "ahead"))


def runs_folder() -> Path:
    """Where all runs lie."""
    return home_folder() / "runs"


def submit(asked: Asked, upload: Path | None = None, known: Path | None = None) -> str:
    """Put a run into the queue; its unguessable id. An upload becomes the run's own file.

    `known` is the summary.json that tells of the video of an edited table.

    UsageError for settings that can't be or may not be given, and where too many wait already.
    """
    if refused := OF_SERVER.intersection(asked.settings):
        raise UsageError(
            f"a run can't set {', '.join(sorted(refused))}",
            "Set it for the page itself: `longtake app --help`.",
        )
    change_settings(Settings(), asked.settings, "the run")
    waiting = [r for r in list_runs(asked.visitor, get_args(Kind)) if r.state == "waiting"]
    if len(waiting) >= MOST_WAITING:
        raise QueueFull(
            f"{len(waiting)} runs of yours wait already", "Wait for them, or delete some."
        )
    parent = read_run(asked.of) if asked.of else None
    run_id = secrets.token_hex(12)
    making = runs_folder() / f".making-{run_id}"
    folder = runs_folder() / run_id
    try:
        make_home()
        making.mkdir(parents=True)
        if upload:
            name = "descriptions.csv" if asked.kind == "reconcile" else "video"
            (making / "upload").mkdir()
            shutil.move(upload, making / "upload" / name)
            asked = replace(asked, source=str(folder / "upload" / name))
        run = Run(run_id, making, asked, title=asked.title)
        if parent:
            run = _inherit(run, parent, known or parent.folder / "out" / "summary.json")
        _write(making / "request.json", {"form": FORM, **asdict(asked)})
        write_state(run)
        making.rename(folder)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise OutputError(
            f"the run can't be kept in {runs_folder()}: {error.strerror}",
            "Free some room, or set LONGTAKE_HOME to another folder.",
        ) from error
    return run_id


def _inherit(run: Run, parent: Run, known: Path) -> Run:
    """Give the run of an edited table what its parent knows and shows of the video."""
    (run.folder / "upload").mkdir(exist_ok=True)
    for path in (known, known.with_name("report.html")):
        if path.is_file():
            shutil.copy(path, run.folder / "upload" / path.name)
    if (parent.folder / "thumbs").is_dir():
        shutil.copytree(parent.folder / "thumbs", run.folder / "thumbs")
    share_copy(parent.folder, run.folder)
    _inherit_transcript(run, parent)
    return replace(run, video=parent.video, title=parent.title, duration=parent.duration)


def _inherit_transcript(run: Run, parent: Run) -> None:
    """What is said stays what it was, whatever is edited."""
    (run.folder / "out").mkdir()
    for path in (parent.folder / "out").glob("transcript.*"):
        shutil.copy(path, run.folder / "out")


def read_run(run_id: str) -> Run:
    """The run of that id; UsageError where there is none."""
    folder = runs_folder() / run_id
    if not re.fullmatch(r"[0-9a-f]{24}", run_id) or not folder.is_dir():
        raise UsageError("there is no such run", "It may have been deleted.")
    run = load_run(folder)
    return replace(run, ahead=_count_ahead(run)) if run.state == "waiting" else run


def list_runs(visitor: str | None = None, kinds: Sequence[str] = OF_PAGE) -> list[Run]:
    """The runs of a visitor, or all, of these kinds, the newest first."""
    runs = [
        run
        for run in _load_all()
        if (visitor is None or run.asked.visitor == visitor) and run.asked.kind in kinds
    ]
    return sorted(runs, key=lambda run: (-run.asked.created, run.id))


def _load_all() -> Iterator[Run]:
    for folder in runs_folder().glob("[0-9a-f]*"):
        if re.fullmatch(r"[0-9a-f]{24}", folder.name):
            yield _load_again(folder)


def _load_again(folder: Path) -> Run:
    """As `load_run`; one that has ended is not read anew until its state is another."""
    try:
        written = (folder / "state.json").stat().st_mtime_ns
    except OSError:
        return load_run(folder)
    known = _ended_runs.get(folder)
    if known and known[0] == written:
        return known[1]
    run = load_run(folder)
    if run.state in ENDED:
        _ended_runs[folder] = (written, run)
    return run


_ended_runs: dict[Path, tuple[int, Run]] = {}
"""Runs that had ended when they were read, and when their state was written."""


def list_waiting() -> list[Run]:
    """The waiting runs, in the order in which they will be started."""
    runs = [run for run in _load_all() if run.state == "waiting"]
    return sorted(runs, key=lambda run: (run.asked.created, run.id))


def _count_ahead(run: Run) -> int:
    """How many runs that take the same slots are at work or have waited for longer."""
    light = run.asked.light
    others = [r for r in _load_all() if r.id != run.id and r.asked.light == light]
    mine = (run.asked.created, run.id)
    waiting = [r for r in others if r.state == "waiting" and (r.asked.created, r.id) < mine]
    return len(waiting) + sum(r.state == "running" for r in others)


def load_run(folder: Path, *, last: bool = False) -> Run:
    """The run of a folder; one whose files are damaged is a failed one that says so."""
    try:
        request = _read(folder / "request.json")
        asked = _read_asked(request)
        facts = _read(folder / "state.json")
        _check(asked, facts)
        run = Run(folder.name, folder, asked, **{name: facts[name] for name in _SAVED})
        steps = tuple(Step(**step) for step in facts["steps"])
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        said, hint = f"the run's files are damaged ({type(error).__name__})", "Delete it."
        if isinstance(error, _Newer):
            said, hint = "the run was written by a newer Longtake", "Upgrade Longtake."
        return Run(folder.name, folder, _NOTHING, "failed", error=said, hint=hint)
    video = Path(facts["video"]) if facts["video"] else None
    run = replace(run, steps=steps, notes=tuple(facts["notes"]), video=video)
    if run.state == "running" and not is_alive(folder):
        # Its worker has gone; unless it has just ended, the queue starts it anew.
        return replace(run, state="waiting") if last else load_run(folder, last=True)
    return run


def _read_asked(request: Mapping[str, Any]) -> Asked:
    """What was asked for; what an earlier release did not know has its default."""
    given = {f.name: request[f.name] for f in fields(Asked) if f.name in request}
    return Asked(**{**given, "videos": tuple(given.get("videos", ()))})


def _check(asked: Asked, facts: Mapping[str, Any]) -> None:
    """ValueError for what is of the right form but can't be."""
    if asked.kind not in get_args(Kind) or facts["state"] not in get_args(State):
        raise ValueError("no such kind or state")
    numbers = [
        asked.created,
        asked.start,
        asked.end,
        *(facts[name] for name in ("duration", "started", "ended")),
    ]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("no time")
    if not isinstance(facts["pid"], int) or not isinstance(facts["attempts"], int):
        raise ValueError("no number")


class _Newer(ValueError):
    """A file of a form that is not known here."""


def write_state(run: Run) -> None:
    """How far the run is, whole or not at all."""
    facts = {name: getattr(run, name) for name in _SAVED}
    facts["steps"] = [asdict(step) for step in run.steps]
    facts["video"] = str(run.video) if run.video else ""
    _write(run.folder / "state.json", {"form": FORM, **facts})


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(facts), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if facts["form"] != FORM:
        raise _Newer(f"form {facts['form']}")
    return facts


def read_told(run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """The descriptions in the order in which they came, from number `after` + 1 on."""
    told = []
    with suppress(OSError), (runs_folder() / run_id / "chunks.jsonl").open("rb") as file:
        for number, line in enumerate(file, 1):
            if number > after and (entry := read_entry(line)):
                told.append({"n": number, **entry})
    return told


def read_more_told(run_id: str, place: ToldSoFar, after: int, most: int) -> ToldSoFar:
    """As `read_told`, from a place of the file on, and no more than so many at once."""
    lines, done = place.lines, place.bytes
    entries: list[dict[str, Any]] = []
    with suppress(OSError), (runs_folder() / run_id / "chunks.jsonl").open("rb") as file:
        file.seek(done)
        while len(entries) < most and (line := file.readline()).endswith(b"\n"):
            lines, done = lines + 1, done + len(line)
            if lines > after and (entry := read_entry(line)):
                entries.append({"n": lines, **entry})
    return ToldSoFar(tuple(entries), lines, done)


def read_entry(line: bytes) -> dict[str, Any] | None:
    """One line of chunks.jsonl; None for half a line, or a damaged one."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and "chunk" in entry else None


def stop(run_id: str) -> None:
    """End a run; what it found so far is kept, and `resume` goes on from there."""
    folder = read_run(run_id).folder
    with locked(folder):
        run = load_run(folder)
        if run.state == "running":
            _end(run)
            run = load_run(folder)
        if run.state == "waiting":
            from longtake.runs.notice import start_notice  # which reads runs itself

            write_state(replace(run, state="stopped", ended=time.time()))
            start_notice(run)  # a worker would have, and there is none


def resume(run_id: str) -> None:
    """Let a run that was stopped or has failed wait for its turn again."""
    folder = read_run(run_id).folder
    with locked(folder):
        run = load_run(folder)
        if run.asked is _NOTHING:
            raise UsageError(run.error, run.hint)
        if run.state in ("stopped", "failed"):
            fresh = replace(run, state="waiting", steps=(), error="", hint="", attempts=0)
            write_state(replace(fresh, started=0.0, ended=0.0))


def delete(run_id: str) -> None:
    """Remove a run with its upload and all that it found; UsageError while it works."""
    run = read_run(run_id)
    with locked(run.folder):
        if load_run(run.folder).state == "running":
            raise RunAtWork("the run is at work", "Stop it first.")
        gone = run.folder.with_name(f".gone-{run.id}")
        try:
            run.folder.rename(gone)
        except OSError as error:
            raise OutputError(f"the run can't be deleted: {error.strerror}") from error
    shutil.rmtree(gone, ignore_errors=True)


def sweep() -> None:
    """Remove what was left half made or half gone, and answers that nobody comes for any more."""
    for pattern in (".making-*", ".gone-*"):
        for left in runs_folder().glob(pattern):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    shutil.rmtree(left)
    for folder in [folder for folder in list(_ended_runs) if not folder.exists()]:
        _ended_runs.pop(folder, None)
    for run in list_runs(kinds=SHORT):
        if run.state in ENDED and time.time() - run.ended > KEPT_SECONDS:
            with suppress(LongtakeError):
                delete(run.id)


def _end(run: Run) -> None:
    """End the worker and all that it started; its pid is another's as soon as it is gone."""
    if not is_alive(run.folder):
        return
    for signum, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        with suppress(ProcessLookupError):
            if run.pid > 1:
                os.killpg(run.pid, signum)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_alive(run.folder):
                return
            time.sleep(POLL_SECONDS)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock: nobody else starts, stops or deletes it meanwhile."""
    try:
        file = (folder / "lock").open("w")
    except OSError:
        raise UsageError("there is no such run", "It may have been deleted.") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_alive(folder: Path) -> bool:
    """Whether the run's worker lives."""
    try:
        with (folder / "alive").open("rb") as file:
            return not lock_now(file, fcntl.LOCK_SH)  # two that look must not see each other
    except OSError:
        return False
