"""A batch as a function, and who goes through its videos."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from longtake.batch.journal import BatchRow
from longtake.batch.run import BatchPlan, Ended, GoThrough, run_batch
from longtake.batch.sources import list_items
from longtake.batch.workers import run_here
from longtake.engines import AUTO, LOADED, choose_engine
from longtake.errors import UsageError
from longtake.installation import say_extra_install
from longtake.settings import Settings, load_settings
from longtake.text.plurals import say_count

FOLDER = "longtake-batch"


def summarize_many(
    sources: Iterable[str | Path],
    *,
    jobs: int = 0,
    ray: str = "",
    retry_failed: bool = False,
    on_ended: Callable[[BatchRow], object] | None = None,
    **settings: Any,
) -> list[BatchRow]:
    """Describe and summarise many videos, as `longtake batch`; what is done is not done again.

    `sources` are files, folders, patterns, links, addresses of fsspec, lists; results go into `out`
    (default: longtake-batch). `jobs` videos are gone through at once, by processes here, or by
    workers of the Ray cluster at the address `ray`. `on_ended` is called with the row of each video
    as it ends. Raises LongtakeError for what concerns all of them; one that fails is a row.
    """
    given = {"out": FOLDER, **settings}
    read = load_settings(given)
    items = list_items([str(source) for source in sources], read, wide=True)
    go, _ = choose_crew(read, jobs, ray)
    rows = []
    for event in run_batch(BatchPlan(items, read.out, read, given, retry_failed), go):
        if isinstance(event, Ended):
            rows.append(event.row)
            if on_ended:
                on_ended(event.row)
    return rows


def choose_crew(settings: Settings, jobs: int = 0, ray: str = "") -> tuple[GoThrough, str]:
    """Who goes through the videos, processes here or workers of a cluster; and a word on it."""
    if ray:
        try:
            from longtake.batch.on_ray import open_crew
        except ImportError as error:
            raise UsageError("Ray is not installed", say_extra_install("ray")) from error
        return open_crew(ray, jobs, settings).go, f"on the Ray cluster {ray}"
    engine = choose_engine()[0] if settings.engine == AUTO else settings.engine
    loads = engine.partition(":")[0] in LOADED
    wide = jobs or (1 if loads else 2)
    many = f", {wide} copies of its model" if loads and wide > 1 else ""
    word = f"{say_count(wide, 'video')} at once, described by {engine}{many}"
    return lambda tasks: run_here(tasks, wide), word
