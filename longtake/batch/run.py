"""A batch from its sources to its tables: what is missing is done, and all is written down.

Who goes through the videos (processes here, or Ray) is given; this knows the journal, the folders,
and when to stop.
"""

import os
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from longtake import report
from longtake.batch.journal import BatchRow, Journal, open_journal, writing
from longtake.batch.place import Here, open_place
from longtake.batch.remote import identify, is_remote
from longtake.batch.sources import Item, apply
from longtake.batch.tables import write_tables
from longtake.batch.task import BatchOutcome, BatchStep, BatchTask, Told
from longtake.errors import LongtakeError
from longtake.files import hash_file
from longtake.links.addresses import is_link
from longtake.pipeline.sources import list_made_with, name_folder
from longtake.settings import Settings
from longtake.store import make_key

MOST_TROUBLE = 3
"""Errors in a row that are no video's own after which no further video is begun."""
OF_BOTH = {f.name for f in fields(BatchOutcome)} & {f.name for f in fields(BatchRow)}
"""What an outcome tells that a row holds."""

ANEW = "anew"
"""In place of what a video was made with: it is tried in any batch, whatever the settings."""

GoThrough = Callable[[Iterator[BatchTask]], Iterator[Told]]


@dataclass(frozen=True)
class BatchPlan:
    """What a batch is to do: its videos, where its results go, settings for all, those given.

    `out` is a folder or an address of fsspec.
    """

    items: Iterable[Item]
    out: str
    settings: Settings
    given: Mapping[str, Any] = field(default_factory=dict)
    retry_failed: bool = False


@dataclass(frozen=True)
class Begun:
    """A video whose turn has come."""

    number: int
    item: Item


@dataclass(frozen=True)
class Ended:
    """A video of which all is known; `before` tells that it was known before this batch."""

    number: int
    row: BatchRow
    before: bool = False
    exit_status: int = 2
    """That of its error, where it failed."""


Event = BatchStep | Begun | Ended


def run_batch(plan: BatchPlan, go: GoThrough) -> Iterator[Event]:
    """Go through all videos that are not done yet; the tables are written however it ends."""
    place = open_place(plan.out)
    place.begin()
    with open_journal(place.folder) as journal:
        batch = _Batch(plan, journal, place)
        try:
            yield from batch.run(go)
        finally:
            place.gather(journal.rows())
            with writing(place.folder):
                written = write_tables(place.folder, journal.rows)
            place.end(written)


class _Batch:
    """What is under way, and what was met so far."""

    def __init__(self, plan: BatchPlan, journal: Journal, place: Here) -> None:
        self._plan, self._journal, self._place = plan, journal, place
        self._running: dict[int, BatchRow] = {}
        self._events: list[Event] = []
        self._met: dict[str, BatchRow] = {}
        """By source: what this batch has met, so that nothing is done twice."""
        self._by_size: dict[int, list[str]] = {}
        self._hashes: dict[str, str] = {}
        self._trouble = 0

    def run(self, go: GoThrough) -> Iterator[Event]:
        for told in go(self._tasks()):
            yield from self._drain()
            if isinstance(told, BatchOutcome):
                yield self._take(told)
            else:
                yield told
        yield from self._drain()

    def _drain(self) -> Iterator[Event]:
        events, self._events = self._events, []
        yield from events

    def _tasks(self) -> Iterator[BatchTask]:
        """The videos that are to be gone through, as they are asked for."""
        for number, item in enumerate(self._plan.items, 1):
            if self._trouble >= MOST_TROUBLE:
                self._events.append(Ended(number, BatchRow(item.source, "untried", item.title)))
                continue
            try:
                task = self._plan_one(number, item)
            except LongtakeError as error:
                task = None
                self._end(number, _fail(BatchRow(item.source, "failed", item.title), error))
            if task:
                self._events.append(Begun(number, item))
                yield task

    def _plan_one(self, number: int, item: Item) -> BatchTask | None:
        """The task of a video, unless it is known what came of it."""
        if item.error:
            raise item.error
        source = item.source
        settings = apply(item, self._plan.given, self._plan.settings)
        names = (report.DESCRIPTIONS, *report.OF_SUMMARY)
        made = make_key(dict(list_made_with(settings, names)))
        if met := self._met.get(source):
            if met.made != made:
                note = f"{source} stands there again with other settings: the first are taken"
                self._events.append(BatchStep(number, note=note))
            return None
        row = BatchRow(source, "failed", item.title, made=made, file=_tell_file(source))
        known = self._journal.find(source)
        if known and self._still_holds(known, row.made, row.file):
            self._end(number, known, before=True)
            return None
        if twin := self._find_twin(source, made):
            same = replace(row, status="same", same_as=twin.source, folder=twin.folder)
            self._end(number, same)
            return None
        folder = self._journal.name_folder(source, name_folder(item.name))
        row = replace(row, folder=folder)
        self._met[source] = self._running[number] = row
        return BatchTask(number, source, replace(settings, out=str(self._place.folder / folder)))

    def _still_holds(self, known: BatchRow, made: str, file: str) -> bool:
        """Whether what is known of a source needs no work: the same file, settings, result.

        One with gaps is tried anew: what was answered costs nothing.
        """
        if (known.made, known.file) != (made, file):
            return False
        if known.status == "failed":
            return not self._plan.retry_failed
        if known.status == "same":
            twin = self._journal.find(known.same_as)
            return twin is not None and self._still_holds(twin, made, _tell_file(twin.source))
        return known.status == "done" and self._place.has_result(known.folder)

    def _find_twin(self, source: str, made: str) -> BatchRow | None:
        """Another source of this batch that has the same content; hashed where sizes are equal."""
        others = self._know_size(source)
        if not others:
            return None
        own = self._hash(source)
        met = [self._met[other] for other in others if own and self._hash(other) == own]
        return next((row for row in met if row.made == made), None)

    def _know_size(self, source: str, sha256: str = "") -> Sequence[str]:
        """The sources before it that have its size."""
        if is_link(source):
            return ()
        try:
            others = self._by_size.setdefault(os.stat(source).st_size, [])  # noqa: PTH116 - many
        except OSError:
            return ()
        if sha256:
            self._hashes[source] = sha256
        others.append(source)
        return others[:-1]

    def _hash(self, source: str) -> str:
        if source not in self._hashes:
            self._hashes[source] = ""
            with suppress(OSError):
                self._hashes[source] = hash_file(Path(source))
        return self._hashes[source]

    def _take(self, told: BatchOutcome) -> Ended:
        """Write down what came of a task; what was no video's own fault is tried in any batch."""
        row = self._running.pop(told.number)
        self._trouble = self._trouble + 1 if told.of_all else 0
        row = replace(
            row,
            **{name: getattr(told, name) for name in OF_BOTH},
            folder=os.path.relpath(told.out, self._place.folder) if told.out else "",
            made=ANEW if told.of_all else row.made,
        )
        if told.out:
            self._place.take(row.folder, b64decode(told.thumb))
        self._journal.add(row)
        return Ended(told.number, row, exit_status=told.exit_status)

    def _end(self, number: int, row: BatchRow, *, before: bool = False) -> None:
        """A video that needs no work."""
        if not before:
            self._journal.add(row)
        elif row.sha256:
            self._know_size(row.source, row.sha256)
        self._met[row.source] = row
        self._events.append(Ended(number, row, before))


def _fail(row: BatchRow, error: LongtakeError) -> BatchRow:
    return replace(row, error=error.message, hint=error.hint)


def _tell_file(source: str) -> str:
    """What tells a file from what lay there before, without reading it."""
    if is_remote(source):
        return identify(source)
    if is_link(source):
        return ""
    with suppress(OSError):
        facts = os.stat(source)  # noqa: PTH116
        return f"{facts.st_size} {facts.st_mtime_ns}"
    return ""
