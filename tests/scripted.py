"""Engines that say what a test tells them to, and a run with them to its end."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from longtake.actions import ActionRecogniser, Sampling
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.inference.scheduler import Sleep
from longtake.pipeline.open_engines import Writer
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import Assistants, run
from longtake.records import Result
from longtake.settings import Settings
from longtake.store import Store
from tests.talks import write_down

Said = Reply | str | BaseException
FrameCost = Callable[[int, int], int]


class ScriptedEngine(Engine):
    """Says what a function says of each request, raises it where it is an error; counts words.

    Capabilities are given by their names, and else those of a model that sees small pictures.
    """

    def __init__(
        self,
        say: Callable[[Request], Said],
        name: str = "scripted",
        frame_tokens: FrameCost = lambda width, height: 0,
        **able: object,
    ) -> None:
        usual = {"images": None, "context_tokens": 4096, "frame_side": 64, "repeats": True}
        super().__init__(name, Capabilities(**(usual | able)))  # type: ignore[arg-type]
        self.asked: list[Request] = []
        self.under_way = self.most_at_once = 0
        self._say, self._frame_tokens = say, frame_tokens
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.asked.append(request)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            said = self._say(request)
        finally:
            with self._lock:
                self.under_way -= 1
        if isinstance(said, BaseException):
            raise said
        return Reply(said) if isinstance(said, str) else said

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def frame_tokens(self, width: int, height: int) -> int:
        return self._frame_tokens(width, height)


class ScriptedRecogniser(ActionRecogniser):
    """Says in turn what is done in each call's clips, the last again and again; raises errors."""

    name = "tiny-actions"
    options: Mapping[str, object] = {"top": 2}
    sampling = Sampling(frames=4, seconds=2.0, side=32)
    batch = 8

    def __init__(self, *said: Sequence[tuple[str, float]] | BaseException) -> None:
        self._said = said
        self.calls: list[Sequence[np.ndarray]] = []

    def classify(self, clips: Sequence[np.ndarray]) -> list[list[tuple[str, float]]]:
        said = self._said[min(len(self.calls), len(self._said) - 1)]
        self.calls.append(clips)
        if isinstance(said, BaseException):
            raise said
        return [list(said) for _ in clips]


class Scribe(ScriptedEngine):
    """A reconciler that knows nothing but the question, and writes it down."""

    def __init__(self) -> None:
        super().__init__(write_down, "scribe", images=0, small=True)


def say_time(request: Request) -> Reply:
    """A description that tells chunks apart by their first frame's time."""
    return Reply(f"Something happens at {request.frames[0].time} seconds.", 10, 5, 0.1)


def say_in_turn(*said: Said) -> Callable[[Request], Said]:
    """One after the other, whatever is asked."""
    left = list(said)
    return lambda request: left.pop(0)


def finish(
    source: Path,
    store: Store,
    describer: Engine,
    writer: Writer | None = None,
    sleep: Sleep = lambda seconds: None,
    recogniser: ActionRecogniser | None = None,
    **values: object,
) -> Result:
    """What comes of a run in the end, without waits; nobody reads the pictures unless told so."""
    usual = {"out": "out", "chunking": "fixed", "read_text": "off"}
    settings = Settings(**(usual | values))  # type: ignore[arg-type]
    beside = Assistants(recogniser=recogniser)
    return run_to_end(run(source, settings, store, describer, writer, sleep, beside))
