"""Starts runs that wait, in as many slots as there are, whoever put them there.

A slot is a file whose lock the worker inherits: it is free exactly when the worker is gone, so that
the bound holds for several servers on one home, and for workers that outlived theirs.
"""

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import IO, Any

from longtake.files import lock_now
from longtake.runs import uploads
from longtake.runs.folder import (
    Run,
    list_waiting,
    load_run,
    locked,
    runs_folder,
    sweep,
    write_state,
)
from longtake.runs.notice import start_notice
from longtake.settings import load_settings, make_home

LOG = logging.getLogger("longtake")

TICK_SECONDS = 0.5
SWEEP_SECONDS = 3600.0
"""Between two looks for what is too old to be kept: a server may stand for months."""
LIGHT_AT_ONCE = 2
"""Runs that load no model themselves, beside the others."""
MOST_ATTEMPTS = 3
"""A run whose worker vanished so often is not started again by itself."""


class Queue:
    """A thread that starts runs, `at_once` of them at most; workers outlive it."""

    def __init__(self, at_once: int, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self.at_once, self.sweep_seconds = at_once, sweep_seconds
        self._closed = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    def start(self) -> None:
        """Begin to start runs, those that lost their worker included."""
        sweep()
        uploads.drop_old()
        self._thread.start()

    def close(self) -> None:
        """Start no more; those under way go on."""
        self._closed.set()
        self._thread.join()

    def _work(self) -> None:
        swept = time.monotonic()
        while not self._closed.is_set():
            try:
                if time.monotonic() - swept >= self.sweep_seconds:
                    swept = time.monotonic()
                    sweep()
                    uploads.drop_old()
                full: set[bool] = set()
                for run in list_waiting():
                    if run.asked.light not in full and not self._start(run):
                        full.add(run.asked.light)
            except Exception as error:  # whatever one folder holds, the others must go on
                self._say(error)
            self._closed.wait(TICK_SECONDS)

    def _start(self, run: Run) -> bool:
        """Whether there was a free slot."""
        with ExitStack() as files:
            most, kind = (LIGHT_AT_ONCE, "light-") if run.asked.light else (self.at_once, "")
            slot = take_slot(most, files, kind)
            if slot is None:
                return False
            try:
                with locked(run.folder):
                    now = load_run(run.folder)
                    if now.state == "waiting":
                        _launch(now, slot, files)
            except Exception as error:  # a full disk, a folder that has gone: others must go on
                self._say(error)
        return True

    def _say(self, error: Exception) -> None:
        """Log an error, once as long as it is the same."""
        if str(error) != self._said:
            self._said = str(error)
            LOG.warning("a run can't be started: %s", error)


@asynccontextmanager
async def starting_runs() -> AsyncIterator[None]:
    """Start runs that wait while a server stands; those under way outlive it."""
    queue = Queue(load_settings().page_runs)
    await asyncio.to_thread(queue.start)
    try:
        yield
    finally:
        await asyncio.to_thread(queue.close)


def take_slot(at_once: int, files: ExitStack, kind: str = "") -> IO[Any] | None:
    """A free slot of so many, held until its file is closed here and in who inherits it."""
    folder = runs_folder() / ".slots"
    make_home()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(at_once):
        file = (folder / f"{kind}{number}").open("w")
        if lock_now(file):
            return files.enter_context(file)
        file.close()
    return None


def _launch(run: Run, slot: IO[Any], files: ExitStack) -> None:
    """Start the worker, which inherits the locks of its slot and of `alive`."""
    if run.attempts >= MOST_ATTEMPTS:
        said = f"the run's process vanished {run.attempts} times"
        hint = "The machine's memory may not suffice; `longtake doctor` says what fits."
        write_state(replace(run, state="failed", error=said, hint=hint, ended=time.time()))
        start_notice(run)
        return
    alive = files.enter_context((run.folder / "alive").open("w"))
    if not lock_now(alive):
        return
    # Counted first: what can't be written down must not be started again and again.
    started = run.started or time.time()
    run = replace(run, state="running", attempts=run.attempts + 1, pid=0, started=started)
    write_state(run)
    with (run.folder / "worker.log").open("ab") as log:
        worker = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            [sys.executable, "-P", "-m", "longtake.runs.worker", str(run.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(slot.fileno(), alive.fileno()),
            start_new_session=True,
        )
    threading.Thread(target=worker.wait, daemon=True).start()
    write_state(replace(run, pid=worker.pid))  # the worker waits with its own until this is done
