"""Engines in actors of a Ray cluster, one on each graphics card, asked by all workers."""

import os
import threading
from collections import Counter
from typing import Any

import ray
from ray.exceptions import RayActorError

from longtake import engines
from longtake.errors import EngineFailed, LongtakeError
from longtake.inference.engine import Engine, Reply, Request
from longtake.settings import Settings

MOST_AT_ONCE = 64
"""Requests that an engine in an actor holds at once."""


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
    """Engines of one model in actors, as a worker sees them: it asks where it waits for least."""

    def __init__(self, actors: list[Any]) -> None:
        super().__init__(**ray.get(actors[0].show.remote()))
        self._actors = actors
        self._asked: Counter[int] = Counter()
        """How much each is asked by this worker, and has not answered."""
        self._turn = os.getpid()
        self._lock = threading.Lock()

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
        with self._lock:
            many = len(self._actors)
            chosen = min(range(many), key=lambda n: (self._asked[n], (n - self._turn) % many))
            self._asked[chosen] += 1
            self._turn += 1
        try:
            found = ray.get(self._actors[chosen].call.remote(method, *values))
        except RayActorError as error:
            raise EngineFailed(f"the actor of {self.name} ended: {error}") from error
        finally:
            with self._lock:
                self._asked[chosen] -= 1
        if isinstance(found, LongtakeError):
            raise found
        return found


def serve(settings: Settings, cards: int) -> list[Any]:
    """The engine that the settings name, in an actor on each card."""
    actor = ray.remote(EngineActor).options(
        num_gpus=1, num_cpus=0, max_restarts=-1, max_task_retries=1, max_concurrency=MOST_AT_ONCE
    )
    return [actor.remote(settings.engine, settings) for _ in range(cards)]
