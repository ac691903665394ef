"""One video after another in a process of its own: `python -P -m longtake.batch.worker`.

Tasks come on standard input, steps and outcomes go to standard output, a line of JSON each; where
the input ends, so does the process, whatever it is at. Engines stay open from video to video.
"""

import json
import logging
import os
import queue
import sys
import threading
import time
import traceback
from dataclasses import asdict
from typing import IO, Any

from longtake.batch.task import BatchOutcome, BatchTask, go_through
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import open_session, run_to_end
from longtake.records import Progress
from longtake.settings import Settings
from longtake.text.untrusted import one_line

TELL_SECONDS = 0.5
"""Between two steps that are told."""
NICENESS = 5


class _Wire(logging.Handler):
    """Writes lines to who started this process: what is logged, too."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(logging.INFO)
        self._file = file
        self._told = 0.0
        self.number = 0

    def send(self, **line: Any) -> None:
        """One line; all is lost anyway where nobody reads it."""
        print(json.dumps(line), file=self._file, flush=True)

    def emit(self, record: logging.LogRecord) -> None:
        """A note of the video at hand."""
        self.send(number=self.number, note=one_line(record.getMessage()))

    def take(self, step: Progress) -> None:
        """How far the video at hand is, now and then."""
        if time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            self.send(number=self.number, stage=step.stage, done=step.done, total=step.total)


def main() -> None:
    """Take tasks until there are no more."""
    os.nice(NICENESS)
    wire = _Wire(os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else prints
    log = logging.getLogger("longtake")
    log.setLevel(logging.INFO)
    log.handlers = [wire]
    tasks: queue.Queue[BatchTask] = queue.Queue()
    threading.Thread(target=_read, args=(tasks,), daemon=True).start()
    with open_session(Engines()) as session:
        while True:
            task = tasks.get()
            wire.number = task.number
            try:
                outcome = run_to_end(go_through(session, task), wire.take)
            except Exception as error:  # noqa: BLE001 - a bug, which costs one video
                traceback.print_exc()
                said = f"this is a bug in Longtake: {type(error).__name__}: {one_line(str(error))}"
                outcome = BatchOutcome(task.number, "failed", error=said[:300], exit_status=1)
            wire.send(outcome=asdict(outcome))


def _read(tasks: "queue.Queue[BatchTask]") -> None:
    for line in sys.stdin:
        told = json.loads(line)
        tasks.put(BatchTask(told["number"], told["source"], Settings(**told["settings"])))
    os._exit(0)  # who gave the tasks is gone, or has no more


if __name__ == "__main__":
    main()
