"""The videos of a batch on the machines of a Ray cluster; Ray places and watches what runs there.

One actor keeps the answers of all in the driver's store. Workers take one video after another, each
with a store of its own that lasts as long as the video. A model that wants a graphics card lives in
an actor of its own, and is asked by all workers, so that it is never without work. What ends with a
worker or its machine is begun again elsewhere, and goes on at the answers that are kept.
"""

import socket
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from longtake import engines
from longtake.batch.shared_store import SharedStore
from longtake.batch.task import BatchOutcome, BatchTask, fail, go_through
from longtake.errors import EngineFailed, LongtakeError, UsageError
from longtake.inference.engine import Engine, Reply, Request
from longtake.library.handover import Volume, put_in, take_out
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session, run_to_end
from longtake.report.folder import write_handed
from longtake.settings import Settings
from longtake.store import Answer, Store, store_path
from longtake.text.untrusted import one_line

AUTO = "auto"
REACH_SECONDS = 10.0
MOST_AT_ONCE = 64
"""Requests that an engine in an actor holds at once."""
MOST_DEATHS = 3
"""A video under which so many workers ended is not begun again: perhaps it is what ends them."""


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


class EngineActor:
    """An engine in an actor; errors are given back as values, so that they come whole."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._engine = engines.open_engine(name, settings)
        self._engine.load()

    def show(self) -> dict[str, Any]:
        """What a far engine needs to stand for this one."""
        names = ("name", "capabilities", "options", "why")
        return {name: getattr(self._engine, name) for name in names}

    def call(self, method: str, *values: Any) -> Any:
        """What that method of the engine gives, or its error."""
        try:
            return getattr(self._engine, method)(*values)
        except LongtakeError as error:
            return error


class FarEngine(Engine):
    """Engines of one model in actors, as a worker sees them: the next one in turn is asked."""

    def __init__(self, actors: list[Any]) -> None:
        super().__init__(**ray.get(actors[0].show.remote()))
        self._actors = actors
        self._turn = 0

    def answer(self, request: Request) -> Reply:
        """As the engine answers; EngineFailed where its machine is gone."""
        reply: Reply = self._call("answer", request)
        return reply

    def count_tokens(self, text: str) -> int:
        """By the engine's own tokenizer."""
        return int(self._call("count_tokens", text))

    def frame_tokens(self, width: int, height: int) -> int:
        """As the engine counts them."""
        return int(self._call("frame_tokens", width, height))

    def _call(self, method: str, *values: Any) -> Any:
        self._turn += 1
        actor = self._actors[self._turn % len(self._actors)]
        try:
            found = ray.get(actor.call.remote(method, *values))
        except RayActorError as error:
            raise EngineFailed(f"the actor of {self.name} ended: {error}") from error
        if isinstance(found, LongtakeError):
            raise found
        return found


@dataclass(frozen=True)
class Handed:
    """What a worker hands over of a video: the outcome, its files by name, what to search in."""

    outcome: BatchOutcome
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    volume: Volume | None = field(default=None, repr=False)


class VideoActor:
    """Goes through one video after another; engines stay open in between."""

    def __init__(self, keeper: Any, served: Mapping[str, list[Any]]) -> None:
        self._keeper = FarStore(keeper)
        self._served = served
        self._engines = Engines(open_engine=self._open)

    def ready(self) -> None:
        """Answered as soon as the worker stands."""

    def go(self, task: BatchTask) -> Handed:
        """One video, to its end."""
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            out = Path(folder) / "out"
            here = replace(task, settings=replace(task.settings, out=str(out)))
            with SharedStore(Path(folder) / "store.sqlite", self._keeper) as store:
                outcome = run_to_end(go_through(Session(store, self._engines), here))
                if not outcome.out:
                    return Handed(outcome)
                files = {p.name: p.read_bytes() for p in Path(outcome.out).iterdir() if p.is_file()}
                return Handed(outcome, files, take_out(store, outcome.sha256))

    def _open(self, name: str, settings: Settings) -> Engine:
        actors = self._served.get(name)
        return FarEngine(actors) if actors else engines.open_engine(name, settings)


@dataclass(eq=False)
class _Hand:
    """A worker, and the task that it is at."""

    actor: Any
    task: BatchTask | None = None


class Crew:
    """The actors of a batch, on the cluster that this process is connected to."""

    def __init__(self, jobs: int, served: Mapping[str, list[Any]] = MappingProxyType({})) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        keeper = ray.remote(StoreActor).options(num_cpus=0, scheduling_strategy=here)
        self._keeper = keeper.remote(store_path())
        self._worker = ray.remote(VideoActor).options(num_cpus=1)
        self._served = dict(served)
        self._deaths: Counter[int] = Counter()
        self._again: list[BatchTask] = []
        self._asked: dict[Any, _Hand] = {}
        """By what is waited for."""
        self._idle: list[_Hand] = []
        for _ in range(jobs):
            self._hire()

    def go(self, tasks: Iterator[BatchTask]) -> Iterator[BatchOutcome]:
        """What becomes of each task, as it comes; none is taken that no worker is free for."""
        while True:
            while self._idle and (task := self._next(tasks)):
                hand = self._idle.pop()
                hand.task = task
                self._asked[hand.actor.go.remote(task)] = hand
            under_way = self._again or any(hand.task for hand in self._asked.values())
            if self._idle and not under_way:
                return
            (ref,), _ = ray.wait(list(self._asked), num_returns=1)
            if outcome := self._take(ref, self._asked.pop(ref)):
                yield outcome

    def _hire(self) -> None:
        """Begin a worker; it stands once Ray has found room for it."""
        hand = _Hand(self._worker.remote(self._keeper, self._served))
        self._asked[hand.actor.ready.remote()] = hand

    def _next(self, tasks: Iterator[BatchTask]) -> BatchTask | None:
        return self._again.pop() if self._again else next(tasks, None)

    def _take(self, ref: Any, hand: _Hand) -> BatchOutcome | None:
        """What came of a task; nothing yet, where it is to be begun again or none was given."""
        task, hand.task = hand.task, None
        try:
            handed = ray.get(ref)
        except RayActorError as error:
            self._hire()
            return self._begin_again(task, error) if task else None
        except RayTaskError as error:
            self._idle.append(hand)
            said = f"this is a bug in Longtake: {one_line(str(error.cause))[:300]}"
            return BatchOutcome(task.number, "failed", error=said, exit_status=1) if task else None
        self._idle.append(hand)
        return self._keep(task, handed) if task else None

    def _begin_again(self, task: BatchTask, error: Exception) -> BatchOutcome | None:
        """Have a video taken anew whose worker ended, unless too many did."""
        self._deaths[task.number] += 1
        if self._deaths[task.number] < MOST_DEATHS:
            self._again.append(task)
            return None
        why = one_line(str(error))[:300]
        said = f"{MOST_DEATHS} workers ended while they went through it: {why}"
        hint = "Their memory may not suffice: give workers more, or make them fewer by --jobs."
        return replace(fail(task.number, EngineFailed(said, hint)), of_all=False)

    def _keep(self, task: BatchTask, handed: Handed) -> BatchOutcome:
        """Write what was handed over to where it belongs."""
        if not handed.files:
            return handed.outcome
        out = write_handed(Path(task.settings.out), handed.outcome.sha256, handed.files)
        if handed.volume:
            ray.get(self._keeper.add.remote(handed.volume))
        return replace(handed.outcome, out=str(out))


def open_crew(address: str, jobs: int, settings: Settings) -> Crew:
    """Connect to the cluster, or with `auto` to this machine's, and place the actors there.

    A model that is loaded lives on each graphics card there is. UsageError where the cluster can't
    be reached, or has none and one is asked for.
    """
    try:
        _connect(address)
    except (OSError, RayError, ValueError) as error:
        raise UsageError(
            f"the Ray cluster {address} can't be reached: {one_line(str(error))[:300]}",
            "Give HOST:6379, or start one: ray start --head.",
        ) from error
    has = ray.cluster_resources()
    cards = int(has.get("GPU", 0))
    if settings.device == "cuda" and not cards:
        raise UsageError(
            "the Ray cluster has no graphics card, and --device cuda asks for one",
            "Add machines with cards (ray start --num-gpus 1), or leave --device out.",
        )
    loaded = settings.engine.partition(":")[0] in engines.LOADED and settings.device != "cpu"
    served = {settings.engine: _serve(settings, cards)} if loaded and cards else {}
    return Crew(jobs or max(1, int(has.get("CPU", 1))), served)


def _connect(address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address != AUTO:
        _check_reachable(address)
        ray.init(address=address, **quiet)
        return
    try:
        ray.init(address=AUTO, **quiet)
    except ConnectionError:  # there is none: one of this machine alone, which ends with us
        ray.init(include_dashboard=False, **quiet)


def _check_reachable(address: str) -> None:
    """OSError or ValueError where nothing listens there: Ray tries for minutes, and then exits."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS):
        pass


def _serve(settings: Settings, cards: int) -> list[Any]:
    """An engine on each card."""
    actor = ray.remote(EngineActor).options(
        num_gpus=1, num_cpus=0, max_restarts=-1, max_task_retries=1, max_concurrency=MOST_AT_ONCE
    )
    return [actor.remote(settings.engine, settings) for _ in range(cards)]
