"""The videos of a batch on the machines of a Ray cluster; Ray places and watches what runs there.

One actor keeps the answers of all in the driver's store. Workers take one video after another, each
with a store of its own that lasts as long as the video. A model that wants a graphics card lives in
an actor of its own, and is asked by all workers, so that it is never without work. What ends with a
worker or its machine is begun again elsewhere, and goes on at the answers that are kept.
"""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from longtake import engines
from longtake.batch.ray_engines import serve
from longtake.batch.ray_workers import Handed, StoreActor, VideoActor
from longtake.batch.task import BatchOutcome, BatchStep, BatchTask, Told, fail
from longtake.errors import EngineFailed, UsageError
from longtake.report.folder import write_handed
from longtake.settings import Settings
from longtake.store import store_path
from longtake.text.untrusted import one_line

AUTO = "auto"
REACH_SECONDS = 10.0
MOST_DEATHS = 3
"""A video under which so many workers ended is not begun again: perhaps it is what ends them."""


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
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}
        """Workers, by what is answered as soon as they stand."""
        self._false_starts = 0
        self._at_work: dict[Any, tuple[Any, BatchTask]] = {}
        """Workers and what they are at, by the stream of what they tell."""
        for _ in range(jobs):
            self._hire()

    def go(self, tasks: Iterator[BatchTask]) -> Iterator[Told]:
        """What becomes of each task, as it comes; none is taken that no worker is free for."""
        while True:
            while self._idle and (task := self._next(tasks)):
                worker = self._idle.pop()
                self._at_work[worker.go.remote(task)] = worker, task
            if self._idle and not self._at_work:
                return
            (ready,), _ = ray.wait([*self._starting, *self._at_work], num_returns=1)
            if ready in self._starting:
                self._start(ready)
            elif told := self._hear(ready):
                yield told

    def _hire(self) -> None:
        """Begin a worker; it stands once Ray has found room for it."""
        worker = self._worker.remote(self._keeper, self._served)
        self._starting[worker.ready.remote()] = worker

    def _start(self, ready: Any) -> None:
        """Take a worker that stands; EngineFailed where again and again none does."""
        worker = self._starting.pop(ready)
        try:
            ray.get(ready)
        except RayError as error:
            self._false_starts += 1
            if self._false_starts >= MOST_DEATHS:
                why = one_line(str(error).strip().splitlines()[-1])[:300]
                hint = "Has each machine the same Longtake and Python as this one?"
                raise EngineFailed(f"no worker starts on the cluster: {why}", hint) from error
            self._hire()
        else:
            self._false_starts = 0
            self._idle.append(worker)

    def _next(self, tasks: Iterator[BatchTask]) -> BatchTask | None:
        return self._again.pop() if self._again else next(tasks, None)

    def _hear(self, stream: Any) -> Told | None:
        """The next of what a worker tells; nothing where its task is to be begun again."""
        worker, task = self._at_work[stream]
        try:
            told = ray.get(next(stream))
        except RayActorError as error:
            del self._at_work[stream]
            self._hire()
            return self._begin_again(task, error)
        except RayTaskError as error:
            said = f"this is a bug in Longtake: {one_line(str(error.cause))[:300]}"
            told = Handed(BatchOutcome(task.number, "failed", error=said, exit_status=1))
        if isinstance(told, BatchStep):
            return told
        del self._at_work[stream]
        self._idle.append(worker)
        return self._keep(task, told)

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
    except RuntimeError as error:  # as Ray says that versions differ
        raise UsageError(
            f"the Ray cluster {address} can't be joined: {one_line(str(error))[:300]}",
            "Ray and Python must be the same here and there.",
        ) from error
    except (OSError, RayError, ValueError) as error:
        raise UsageError(
            f"the Ray cluster {address} can't be reached: {one_line(str(error))[:300]}",
            "Give HOST:6379, or start one: ray start --head."
            " Where it wants a token: RAY_AUTH_MODE=token, and its token in ~/.ray/auth_token.",
        ) from error
    has = ray.cluster_resources()
    cards = int(has.get("GPU", 0))
    if settings.device == "cuda" and not cards:
        raise UsageError(
            "the Ray cluster has no graphics card, and --device cuda asks for one",
            "Add machines with cards (ray start --num-gpus 1), or leave --device out.",
        )
    loaded = settings.engine.partition(":")[0] in engines.LOADED and settings.device != "cpu"
    served = {settings.engine: serve(settings, cards)} if loaded and cards else {}
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
