"""What moves in the terminal while something goes on: bars on standard error, or nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from longtake.text.untrusted import one_line

if TYPE_CHECKING:
    from longtake.models.table import FolderModel, Model
    from longtake.records import Progress

IN_BYTES = ("read", "load")
"""Stages that count bytes."""
MOST_NOTE = 60
"""Letters of what is found that stand beside a bar."""


@contextmanager
def open_bars() -> "Iterator[Callable[[Progress], None]]":
    """What takes each step of a run: a bar a stage on terminals, else nothing."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield lambda step: None
        return
    with ExitStack() as opened:
        yield _Bars(opened)


class _Bars:
    """One bar a stage, with what is found beside it; nothing is drawn before the first step."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened
        self._bars: Any = None
        self._tasks: dict[tuple[str, str], Any] = {}

    def __call__(self, step: "Progress") -> None:
        if not self._bars:
            self._bars = self._opened.enter_context(_make_bars())
        task = self._find_task(step)
        note = step.note
        if found := step.description:
            note = f"{found.chunk.span} {found.text or found.error}"
        fields = {"note": one_line(note)[:MOST_NOTE]} if note else {}
        self._bars.update(task, completed=step.done, total=step.total, **fields)
        if step.stage not in IN_BYTES:
            speed = self._bars.tasks[task].speed
            rate = f", {speed * 60:.0f} a minute" if speed else ""
            self._bars.update(task, count=f"{step.done}/{step.total}{rate}")

    def _find_task(self, step: "Progress") -> Any:
        place = (step.arm, step.stage)
        if place not in self._tasks:
            name = f"{step.arm}: {step.stage}" if step.arm else step.stage
            self._tasks[place] = self._bars.add_task(
                "", stage=name, note="", count="", total=step.total
            )
        return self._tasks[place]


def _make_bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[stage]:>10}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


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
