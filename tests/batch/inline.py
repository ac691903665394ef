"""A batch whose videos are gone through in this process, one after the other."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from longtake.batch.journal import BatchRow
from longtake.batch.run import BatchPlan, Begun, Ended, run_batch
from longtake.batch.sources import list_items
from longtake.batch.task import BatchOutcome, BatchTask, go_through
from longtake.pipeline.session import open_session, run_to_end
from longtake.settings import load_settings

GIVEN = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
         "embedder": "words", "chunking": "fixed"}  # fmt: skip


def go_here(tasks: Iterator[BatchTask]) -> Iterator[BatchOutcome]:
    """What becomes of each task."""
    with open_session() as session:
        for task in tasks:
            yield run_to_end(go_through(session, task))


class Batch:
    """What was begun, and the rows that ended, by their source's name."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.rows: dict[str, BatchRow] = {}
        self.before: list[str] = []
        self.notes: list[str] = []


def run(
    *sources: Path | str,
    out: str = "out",
    match: str = "",
    retry_failed: bool = False,
    go: Callable[[Iterator[BatchTask]], Any] = go_here,
    **given: Any,
) -> Batch:
    """Go through them to the end."""
    settings = load_settings({**GIVEN, **given})
    items = list_items([str(s) for s in sources], settings, match=match, wide=True)
    plan = BatchPlan(items, out, settings, {**GIVEN, **given}, retry_failed)
    batch = Batch()
    for event in run_batch(plan, go):
        if isinstance(event, Begun):
            batch.begun.append(Path(event.item.source).name)
        elif isinstance(event, Ended):
            name = Path(event.row.source).name
            batch.rows[name] = event.row
            batch.before += [name] if event.before else []
        elif event.note:
            batch.notes.append(event.note)
    return batch
