"""What is told while something goes on, on standard error: bars in a terminal, else lines."""

import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from longtake.text.untrusted import one_line

if TYPE_CHECKING:
    from longtake.models.table import FolderModel, Model
    from longtake.records import Progress

ASKING = ("actions", "describe", "reconcile", "check")
"""Stages that count requests to a model; others count seconds of video, or pictures."""
LINE_SECONDS = 15.0
"""Between two lines of progress where no terminal is; what takes less says nothing."""
BAR_WIDTH, COUNT_WIDTH = 24, 20


def note(text: str) -> None:
    """Tell the user something on standard error, in lines that suit a terminal."""
    line = one_line(text)
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
    print(line, file=sys.stderr, flush=True)


def note_error(message: str, hint: str) -> None:
    """Tell the user what went wrong, and what to do about it where that is known."""
    note(f"error: {message}")
    if hint:
        note(f"hint: {hint}")


@contextmanager
def open_bars(
    *, quiet: bool = False, line_seconds: float = LINE_SECONDS
) -> "Iterator[Callable[[Progress], None]]":
    """What takes each step of a run: a bar a stage in a terminal, else a line now and then."""
    if quiet:
        yield lambda step: None
    elif sys.stdout.isatty() and sys.stderr.isatty():
        with ExitStack() as opened:
            yield _Bars(opened)
    else:
        yield _Lines(line_seconds)


class _Lines:
    """A line of progress every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._told = time.monotonic()

    def __call__(self, step: "Progress") -> None:
        if time.monotonic() - self._told >= self._seconds:
            self._told = time.monotonic()
            share = f"{100 * step.done // max(1, step.total)} %"
            count = f"{step.done} of {step.total}, {share}" if step.stage in ASKING else share
            note(f"{_name(step)}: {count}")


class _Bars:
    """One bar a stage, with what is found beside it; nothing is drawn before the first step."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: "Progress") -> None:
        if not self._bars:
            self._bars = self._opened.enter_context(_make_bars())
        name = _name(step)
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(
                "", stage=name, note="", count="", total=step.total
            )
        task = self._tasks[name]
        note = step.note
        if found := step.description:
            note = f"{found.chunk.span} {found.text or found.error}"
        fields = {"note": one_line(note)} if note else {}
        self._bars.update(task, completed=step.done, total=step.total, **fields)
        if step.stage in ASKING:
            speed = self._bars.tasks[task].speed
            rate = f", {speed * 60:.0f} a minute" if speed else ""
            self._bars.update(task, count=f"{step.done}/{step.total}{rate}")


def _name(step: "Progress") -> str:
    return f"{step.arm}: {step.stage}" if step.arm else step.stage


def _make_bars() -> Any:
    """Columns that keep their width; what is found takes the rest of the line."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.fields[stage]:>10}"),
        BarColumn(BAR_WIDTH),
        TextColumn(f"{{task.fields[count]:<{COUNT_WIDTH}}}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False, table_column=rest),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, expand=True)


def fetch_with_bar(model: "Model | FolderModel", *, check: bool = False) -> None:
    """Fetch what of the model is not here; with `check`, also what is here and damaged."""
    from longtake.models.fetch import fetch_model
    from longtake.models.table import asset_path, is_here

    missing = sum(a.bytes for a in model.files if not is_here(a, asset_path(model, a)))
    if missing:
        size = f"{missing / 2**20:.1f} MiB"
        print(f"fetching {model.name} ({size}, {model.licence})", file=sys.stderr)
    if not sys.stderr.isatty():
        fetch_model(model, check=check)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(model.name, total=None, visible=False)

        def tell(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, visible=True)

        fetch_model(model, tell, check=check)
