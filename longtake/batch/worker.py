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
import traceback
from dataclasses import asdict
from typing import IO, Any

from longtake.batch.task import BatchOutcome, BatchTask, Told, tell
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import open_session
from longtake.settings import Settings
from longtake.text.untrusted import one_line

NICENESS = 5


class _Wire(logging.Handler):
    """Writes lines to who started this process: what is logged, too."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(logging.INFO)
        self._file = file
        self.number = 0

    def send(self, **line: Any) -> None:
        """One line; all is lost anyway where nobody reads it."""
        print(json.dumps(line), file=self._file, flush=True)

    def send_told(self, told: Told) -> None:
        """How far the video at hand is, or what came of it."""
        line = asdict(told)
        self.send(**({"outcome": line} if isinstance(told, BatchOutcome) else line))

    def emit(self, record: logging.LogRecord) -> None:
        """A note of the video at hand."""
        self.send(number=self.number, note=one_line(record.getMessage()))


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
                for told in tell(session, task):
                    wire.send_told(told)
            except Exception as error:  # noqa: BLE001 - a bug, which costs one video
                traceback.print_exc()
                said = f"this is a bug in Longtake: {type(error).__name__}: {one_line(str(error))}"
                bug = BatchOutcome(task.number, "failed", error=said[:300], exit_status=1)
                wire.send_told(bug)


def _read(tasks: "queue.Queue[BatchTask]") -> None:
    for line in sys.stdin:
        told = json.loads(line)
        tasks.put(BatchTask(told["number"], told["source"], Settings(**told["settings"])))
    os._exit(0)  # who gave the tasks is gone, or has no more


if __name__ == "__main__":
    main()
