"""What lives on the machines of a Ray cluster: workers, and the one actor that writes the store."""

import logging
import queue
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray

from longtake import engines
from longtake.batch.ray_engines import FarEngine
from longtake.batch.shared_store import SharedStore
from longtake.batch.task import BatchOutcome, BatchStep, BatchTask, tell
from longtake.inference.engine import Engine
from longtake.library.handover import Volume, put_in, take_out
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session
from longtake.settings import Settings
from longtake.store import Answer, Store
from longtake.text.untrusted import one_line


class StoreActor:
    """The store of the driver, on its machine: the one that writes it."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path)

    def call(self, method: str, *values: Any) -> Any:
        """What that method of the store gives."""
        return getattr(self._store, method)(*values)

    def add(self, volume: Volume) -> None:
        """Have a video in the library."""
        put_in(self._store, volume)


class FarStore:
    """The store of the driver as a worker sees it: a `Keeper`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def get(self, key: str) -> Answer | None:
        """As `Store.get`."""
        found: Answer | None = self._call("get", key)
        return found

    def put(self, key: str, stage: str, answer: Answer) -> Answer:
        """As `Store.put`."""
        kept: Answer = self._call("put", key, stage, answer)
        return kept

    def get_scan(self, key: str) -> str | None:
        """As `Store.get_scan`."""
        found: str | None = self._call("get_scan", key)
        return found

    def put_scan(self, key: str, scan: str) -> None:
        """As `Store.put_scan`."""
        self._call("put_scan", key, scan)

    def _call(self, method: str, *values: Any) -> Any:
        return ray.get(self._actor.call.remote(method, *values))


@dataclass(frozen=True)
class Handed:
    """What a worker hands over of a video: the outcome, its files by name, what to search in."""

    outcome: BatchOutcome
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    volume: Volume | None = field(default=None, repr=False)


class _Notes(logging.Handler):
    """What is logged in this process, kept until it is taken."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._kept: queue.SimpleQueue[str] = queue.SimpleQueue()
        log = logging.getLogger("longtake")
        log.setLevel(logging.INFO)
        log.handlers = [self]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it; from any thread."""
        self._kept.put(one_line(record.getMessage()))

    def take(self, number: int) -> Iterator[BatchStep]:
        """What was kept, as notes of a task."""
        while not self._kept.empty():
            yield BatchStep(number, note=self._kept.get())


class VideoActor:
    """Goes through one video after another; engines stay open in between."""

    def __init__(self, keeper: Any, served: Mapping[str, list[Any]]) -> None:
        self._keeper = FarStore(keeper)
        self._served = served
        self._engines = Engines(open_engine=self._open)
        self._notes = _Notes()

    def ready(self) -> None:
        """Answered as soon as the worker stands."""

    def go(self, task: BatchTask) -> Iterator[BatchStep | Handed]:
        """One video: how far it is, and at last what it hands over."""
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            out = Path(folder) / "out"
            here = replace(task, settings=replace(task.settings, out=str(out)))
            with SharedStore(Path(folder) / "store.sqlite", self._keeper) as store:
                for told in tell(Session(store, self._engines), here):
                    yield from self._notes.take(task.number)
                    yield told if isinstance(told, BatchStep) else _hand_over(store, told)

    def _open(self, name: str, settings: Settings) -> Engine:
        actors = self._served.get(name)
        return FarEngine(actors) if actors else engines.open_engine(name, settings)


def _hand_over(store: Store, outcome: BatchOutcome) -> Handed:
    """All that there is of a video, before its folder and its store go."""
    if not outcome.out:
        return Handed(outcome)
    files = {p.name: p.read_bytes() for p in Path(outcome.out).iterdir() if p.is_file()}
    return Handed(outcome, files, take_out(store, outcome.sha256))
