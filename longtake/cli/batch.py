"""`longtake batch`: many videos, a table of what came of each, and one display for all of them."""

import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from longtake.cli.bars import note, note_error
from longtake.cli.completion import offer
from longtake.cli.flags import Command, take_settings, take_switch
from longtake.cli.front import EXIT_GAPS, Given, read_settings
from longtake.settings import OF_RUN
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

if TYPE_CHECKING:
    from longtake.batch.run import Event

OUT_HELP = "folder or address for the results (default: longtake-batch)"
STATES = ("done", "gaps", "same", "failed", "untried")
SHOWN_ERRORS = 10


@click.command(
    cls=Command,
    params=[
        click.Argument(
            ["sources"],
            metavar="SOURCE…",
            nargs=-1,
            required=True,
            help="files, folders, patterns, links, s3:// and the like, lists (.txt, .csv, .jsonl)",
            shell_complete=offer(files="file"),
        ),
        click.Option(["--match"], metavar="PATTERN", default="",
                     help="of folders, only files that are named so, as '*.mkv'"),
        take_switch("--playlist", "playlist", "links are playlists: every video of them"),
        click.Option(["--jobs", "-j"], type=click.IntRange(0, 4096), default=0, metavar="N",
                     help="videos at once (default: 2, or 1 where each would load a model)"),
        take_switch("--retry-failed", "retry_failed", "try again what failed before"),
        click.Option(["--ray"], metavar="ADDRESS", default="",
                     help="on a Ray cluster: auto, or HOST:6379"),
        take_switch("--json", "as_json", "print one JSON document"),
        take_switch("-q/--quiet", "quiet", "print nothing but the result and errors"),
        *take_settings(OF_RUN, {"out": OUT_HELP}),
    ],
)  # fmt: skip
def batch(
    sources: Sequence[str], given: Given, *, as_json: bool, quiet: bool, **options: Any
) -> int:
    """Summarise many videos; what is done already is not done again.

    \b
    longtake batch talks/ --jobs 4 --out results
    longtake batch list.csv                 # a column `source`, and any settings of that row
    """  # noqa: D301 - click's mark for lines that are not joined
    from longtake.batch.many import FOLDER, choose_crew
    from longtake.batch.run import BatchPlan, run_batch
    from longtake.batch.sources import list_items

    settings = read_settings(given, quiet=quiet)
    out = settings.out or FOLDER
    items = list_items(
        sources, settings, match=options["match"], playlist=options["playlist"], wide=True
    )
    plan = BatchPlan(items, out, settings, given, options["retry_failed"])
    go, word = choose_crew(settings, options["jobs"], options["ray"])
    if not quiet:
        note(word)
    # A batch system ends what takes too long by SIGTERM: the tables are written then, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    counts = _Counts()
    with _open_display(quiet=quiet) as show:
        for event in run_batch(plan, go):
            show(event)
            counts.take(event)
    if as_json:
        print(json.dumps({**counts.values(), "out": out}, indent=2))
    else:
        print(counts.say())
        print(
            f"{out.rstrip('/')}/index.html: all of them, to look through; index.csv: a row a video"
        )
        if counts.left and not quiet:
            note(f"{say_count(counts.left, 'video')} that failed before: --retry-failed tries them")
    return counts.status


class _Counts:
    """What came of the videos so far; errors are told as they come, but for the many."""

    def __init__(self) -> None:
        self._by_state: Counter[str] = Counter()
        self._before = 0
        self.left = 0
        """Videos that failed in an earlier batch and were not tried again."""
        self._exits: list[int] = []

    def take(self, event: "Event") -> None:
        """Count a video that has ended."""
        from longtake.batch.run import Ended

        if not isinstance(event, Ended):
            return
        row = event.row
        self._by_state[row.status] += 1
        self._before += event.before
        if row.status == "failed":
            self.left += event.before
            self._exits.append(event.exit_status)
            if not event.before and len(self._exits) <= SHOWN_ERRORS:
                named = row.error if row.source in row.error else f"{row.source}: {row.error}"
                note_error(named, row.hint)

    def values(self) -> dict[str, int]:
        """By status, and how many of them were known before."""
        return {state: self._by_state[state] for state in STATES} | {"before": self._before}

    def say(self) -> str:
        """In a line."""
        parts = [f"{self._by_state[state]} {state}" for state in STATES if self._by_state[state]]
        known = f" ({self._before} before)" if self._before else ""
        count = say_count(self._by_state.total(), "video")
        return f"{count}: {', '.join(parts)}{known}" if parts else "no video"

    @property
    def status(self) -> int:
        """The exit status: that of the first error, where no video came to a result."""
        done, gaps = self._by_state["done"], self._by_state["gaps"]
        if self._exits and not done + gaps:
            return self._exits[0]
        return EXIT_GAPS if self._by_state.total() > done + self._by_state["same"] else 0


@contextmanager
def _open_display(*, quiet: bool) -> "Iterator[Any]":
    """What takes each event: a bar for all and a line a video at work, or plain lines."""
    if quiet:
        yield lambda event: None
    elif sys.stdout.isatty() and sys.stderr.isatty():
        with _BatchBars() as bars:
            yield bars.show
    else:
        yield _say


def _say(event: "Event") -> None:
    from longtake.batch.run import Ended
    from longtake.batch.task import BatchStep

    if isinstance(event, Ended) and not event.before:
        note(f"{event.number}: {event.row.title or event.row.source}: {event.row.status}")
    elif isinstance(event, BatchStep) and event.note:
        note(f"note: {event.note}")


class _BatchBars:
    """Bars of rich: how many videos are done, and how far those at work are."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._bars = Progress(
            TextColumn("{task.fields[stage]:>10}"),
            BarColumn(24),
            TextColumn("{task.fields[count]:<14}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[name]}", markup=False, table_column=rest),
            console=Console(stderr=True),
            transient=True,
            expand=True,
        )
        self._all = self._bars.add_task("", stage="videos", count="", name="", total=None)
        self._tasks: dict[int, Any] = {}
        self._ended = 0

    def __enter__(self) -> "_BatchBars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, event: "Event") -> None:
        """Take an event."""
        from longtake.batch.run import Begun, Ended

        if isinstance(event, Begun):
            name = one_line(event.item.title or event.item.source)
            self._tasks[event.number] = self._bars.add_task(
                "", stage="", count="", name=name, total=None
            )
        elif isinstance(event, Ended):
            self._ended += 1
            self._bars.update(self._all, count=f"{self._ended} ended", completed=self._ended)
            if (task := self._tasks.pop(event.number, None)) is not None:
                self._bars.remove_task(task)
        elif event.note:
            self._bars.console.print(f"note: {one_line(event.note)}", markup=False)
        elif event.number in self._tasks:
            self._bars.update(
                self._tasks[event.number],
                stage=event.stage,
                completed=event.done,
                total=event.total,
            )
