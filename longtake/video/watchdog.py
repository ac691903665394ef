"""Reading that can be given up: in a thread of its own, watched by the one that waits for it.

A call into FFmpeg can't be ended. Where one stands still (a decoder whose threads wait for each
other, a drive that answers no more), who waits goes on with an error that names file and place; the
thread is left behind with all that it holds, since nothing of that may be closed under it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from longtake.errors import SourceError
from longtake.text.untrusted import one_line
from longtake.timecode import format_time
from longtake.video.source import read_facts

if TYPE_CHECKING:
    from av.packet import Packet

SILENT_SECONDS = 60
"""So long may nothing be read or decoded; the slowest picture that was seen took three."""
TICK_SECONDS = 1.0
"""Ticks are counted, not the clock: a process that was stopped for a while stood not still."""
END_SECONDS = 5.0
"""How long a thread that is told to end is waited for."""
MOST_STUCK = 3
"""So often may one file stand still in this process: each leaves a thread behind, and a film of a
thousand chunks would be waited for a thousand times."""

Found = TypeVar("Found")
_here = threading.local()
_stood_still: Counter[tuple[object, ...]] = Counter()
"""How often each file did, by its path and what it was then."""


class Pulse:
    """What a thread that reads packets tells of itself to the one that watches it."""

    def __init__(self) -> None:
        self.beats = 0
        self.packet: Packet[Any] | None = None

    def beat(self, packet: "Packet[Any]") -> None:
        """It goes on, and is so far."""
        self.beats, self.packet = self.beats + 1, packet

    def say_place(self) -> str:
        """`after 0:12`, by the file's own clock."""
        if self.packet is None or not self.packet.time_base:
            return "at its beginning"
        stamp = self.packet.dts if self.packet.pts is None else self.packet.pts
        seconds = float((stamp or 0) * self.packet.time_base)
        return f"after {format_time(max(0.0, seconds))}"


def find_pulse() -> Pulse:
    """That of this thread; where nobody watches, one that nobody hears."""
    pulse: Pulse | None = getattr(_here, "pulse", None)
    return pulse or Pulse()


class _Worker:
    """A thread that does one thing after the other for one that waits."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._ticks = path, max(1, round(seconds / TICK_SECONDS))
        self._file = (path, read_facts(path))
        if _stood_still[self._file] >= MOST_STUCK:
            raise SourceError(
                f"{one_line(path.name)}: reading it has stood still {MOST_STUCK} times, and is not"
                " tried again",
                "Convert it to H.264 first.",
            )
        self._pulse, self._stuck = Pulse(), False
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], Found]) -> Found:
        """What it gives, or raises; SourceError where it, or what was done before, stands still."""
        if self._stuck:
            raise self._error()
        future: Future[Found] = Future()
        self._jobs.put((future, work))
        try:
            return self._wait(future)
        except KeyboardInterrupt:
            self._stuck = True  # nobody waits any more
            raise

    def _wait(self, future: "Future[Found]") -> Found:
        beats, silent = self._pulse.beats, 0
        while silent < self._ticks:
            with suppress(TimeoutError):
                return future.result(TICK_SECONDS)
            if future.done():
                return future.result()
            silent = silent + 1 if beats == self._pulse.beats else 0
            beats = self._pulse.beats
        self._stuck = True
        _stood_still[self._file] += 1
        raise self._error()

    def do_if_it_goes(self, work: Callable[[], Found]) -> Found | None:
        """The same of what is left undone where it stands still: nothing may be closed there."""
        return None if self._stuck else self.do(work)

    def end(self) -> None:
        """Let it end, and wait a little; one that stands still is left behind."""
        self._jobs.put(None)
        if not self._stuck:
            self._thread.join(END_SECONDS)

    def _error(self) -> SourceError:
        return SourceError(
            f"{one_line(self._path.name)}: reading it stands still {self._pulse.say_place()}:"
            f" nothing came for {self._ticks * TICK_SECONDS:.0f} s",
            "Run it again: what is known is kept. If it stays so, convert it to H.264 first.",
        )

    def _run(self) -> None:
        _here.pulse = self._pulse
        while job := self._jobs.get():
            future, work = job
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
            del job, future, work  # nothing is held while it waits


@contextmanager
def _working(path: Path, seconds: float) -> Iterator[_Worker]:
    worker = _Worker(path, seconds)
    try:
        yield worker
    finally:
        worker.end()


def watch(path: Path, work: Callable[[], Found], seconds: float = SILENT_SECONDS) -> Found:
    """What `work` gives; SourceError where nothing is read of the file for so long."""
    with _working(path, seconds) as worker:
        return worker.do(work)


def watch_steps(
    path: Path, steps: Iterator[Found], seconds: float = SILENT_SECONDS
) -> Iterator[Found]:
    """What a generator yields, each step of it watched; it is closed where it ran."""
    with _working(path, seconds) as worker:
        yield from _step(worker, steps)


@contextmanager
def watch_opened(
    path: Path,
    opened: Callable[[], AbstractContextManager[Found]],
    seconds: float = SILENT_SECONDS,
) -> Iterator[Found]:
    """What is opened of a file: each of its methods is watched, and it is closed where it ran."""
    with _working(path, seconds) as worker:
        context = opened()
        found = worker.do(context.__enter__)
        with ExitStack() as stack:
            stack.push(lambda *raised: worker.do_if_it_goes(lambda: context.__exit__(*raised)))
            yield cast(Found, _Watched(worker, found))


def _step(worker: _Worker, steps: Iterator[Found]) -> Iterator[Found]:
    try:
        while found := worker.do(lambda: list(islice(steps, 1))):
            yield from found
    finally:
        if isinstance(steps, Generator):
            worker.do_if_it_goes(steps.close)


class _Watched(Generic[Found]):
    """A thing whose methods run in a worker's thread, step by step where they are generators."""

    def __init__(self, worker: _Worker, thing: Found) -> None:
        self._worker, self._thing = worker, thing

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)
        if not callable(method):
            return method

        def call(*given: Any, **named: Any) -> Any:
            found = self._worker.do(lambda: method(*given, **named))
            return _step(self._worker, found) if isinstance(found, Iterator) else found

        return call
