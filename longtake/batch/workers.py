"""Workers on this machine: processes that take one video after another; who dies is replaced.

What they tell comes as it happens. One that ends under a video costs that video and no other.
"""

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any

from longtake.batch.task import BatchOutcome, BatchStep, BatchTask, Told, fail
from longtake.errors import EngineFailed
from longtake.text.untrusted import one_line

END_SECONDS = 5.0
SHOWN_BYTES = 2000


Lines = queue.Queue[tuple["_Process", Mapping[str, Any] | None]]
"""What processes tell, a line each; None: one has ended."""


def run_here(tasks: Iterator[BatchTask], jobs: int) -> Iterator[Told]:
    """What becomes of each task, by so many processes; tasks are taken as these are free."""
    lines: Lines = queue.Queue()
    crew: set[_Process] = set()
    try:
        while len(crew) < jobs:
            crew.add(_Process(lines))
        while _give(crew, tasks):
            process, line = lines.get()
            if line is not None:
                yield process.read(line)
                continue
            crew.discard(process)
            if process.task:
                crew.add(_Process(lines))
                yield process.say_death()
            process.wait()
    finally:
        for process in crew:
            process.end()
        for process in crew:
            process.wait()


def _give(crew: Iterable["_Process"], tasks: Iterator[BatchTask]) -> bool:
    """A task to each process that has none; whether any has one."""
    for process in [process for process in crew if not process.task]:
        if not (task := next(tasks, None)):
            break
        process.give(task)
    return any(process.task for process in crew)


class _Process:
    """A worker and the task that it is at."""

    def __init__(self, lines: "Lines") -> None:
        self.task: BatchTask | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "longtake.batch.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            start_new_session=True,  # an interrupt of the terminal is for who gives the tasks
        )
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def give(self, task: BatchTask) -> None:
        """Have it go through a video; one that has just ended tells so itself."""
        self.task = task
        assert self._process.stdin
        line = {"number": task.number, "source": task.source, "settings": asdict(task.settings)}
        try:
            print(json.dumps(line), file=self._process.stdin, flush=True)
        except OSError:
            return

    def read(self, line: Mapping[str, Any]) -> Told:
        """What a line tells; after an outcome it is free."""
        if "outcome" not in line:
            return BatchStep(**line)
        self.task = None
        return BatchOutcome(**line["outcome"])

    def say_death(self) -> BatchOutcome:
        """The outcome of a task whose process has ended under it."""
        assert self.task
        status = self._process.wait()
        how = f"status {status}"
        if status < 0:
            how = signal.Signals(-status).name
        self._errors.seek(0, 2)
        self._errors.seek(max(0, self._errors.tell() - SHOWN_BYTES))
        last = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        said = f": {one_line(last[0])[:200]}" if last else ""
        hint = "Run it again to try it anew."
        if status == -signal.SIGKILL:
            hint = "The machine's memory may not suffice: run it again with fewer --jobs."
        error = EngineFailed(f"the process that went through it ended ({how}){said}", hint)
        return fail(self.task.number, error)

    def end(self) -> None:
        """Have it end."""
        self._process.terminate()

    def wait(self) -> None:
        """Until it has ended; what does not within some seconds is killed."""
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(OSError):
                if file:
                    file.close()

    def _read(self, lines: "Lines") -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with suppress(ValueError):  # half a line: it was killed while it told
                lines.put((self, json.loads(line)))
        lines.put((self, None))
