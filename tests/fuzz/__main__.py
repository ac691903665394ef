"""`python -m tests.fuzz [--minutes N] [--seed S] [--out FOLDER] [TARGET…]`: tries until time is up.

Each try runs in a process of its own, with limits of time and memory. What hangs, crashes, raises
what is no LongtakeError or takes too much is told with its seed; the files are kept in the folder.
"""

import argparse
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

from longtake.machine import read_used

Target = Callable[[int, Path], None]

SECONDS = 60.0
"""For a try; most take less than one."""
MEMORY_BYTES, ADDRESS_BYTES = 1 << 30, 6 << 30
"""Of a try beyond what it begins with, and of addresses at all."""
LINES = 12
"""Of a traceback that is told."""


@dataclass(frozen=True)
class Fault:
    """What went wrong in a try."""

    target: str
    seed: int
    what: str


def try_once(
    name: str, target: Target, seed: int, folder: Path, seconds: float = SECONDS
) -> Fault | None:
    """One try in a child, in a folder of its own in this one."""
    own = folder / f"{name}-{seed}"
    own.mkdir()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _run_child(target, seed, own, writing)
    os.close(writing)
    said = _read_all(reading, time.monotonic() + seconds)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    what = _judge(said, status, used.ru_maxrss << 10)
    if not what:
        shutil.rmtree(own)
    return Fault(name, seed, what) if what else None


def _run_child(target: Target, seed: int, folder: Path, writing: int) -> None:
    from longtake.errors import LongtakeError

    said = ""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.environ["LONGTAKE_HOME"] = str(folder / "home")
        os.chdir(folder)
        target(seed, folder)
    except LongtakeError as error:
        said = error.message if "stands still" in error.message else ""
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        said = "".join(traceback.format_exc().splitlines(keepends=True)[-LINES:])
    os.write(writing, json.dumps(said).encode())
    os._exit(0)


def _read_all(reading: int, deadline: float) -> bytes | None:
    """What the child says to its end; None where it is late."""
    parts = []
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([reading], [], [], left)[0]:
                return None
            if not (part := os.read(reading, 1 << 16)):
                return b"".join(parts)
            parts.append(part)
    finally:
        os.close(reading)


def _judge(said: bytes | None, status: int, peak: int) -> str:
    """What is wrong with a try; empty where nothing is."""
    if said is None:
        return "hangs"
    if os.WIFSIGNALED(status):
        return f"crashes by signal {os.WTERMSIG(status)}"
    if text := json.loads(said or b'"ends without a word"'):
        return str(text)
    before = read_used()  # not what is counted as the most: that comes over from who started this
    much = peak - before > MEMORY_BYTES
    return f"takes {(peak - before) >> 20} MiB" if much else ""


def fuzz(targets: list[str], seed: int, minutes: float, out: Path) -> list[Fault]:
    """Try each target until the time is up, in equal shares of it; each at least once.

    A target's tries have the seeds from `seed` on, whatever others are tried beside it.
    """
    from tests.fuzz.targets import TARGETS, prepare

    if not (child := os.fork()):  # so that no thread of a library is forked on
        prepare(out)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the films could not be made")
    ends, faults = time.monotonic() + 60 * minutes, list[Fault]()
    spent, tries = dict.fromkeys(targets, 0.0), dict.fromkeys(targets, 0)
    while time.monotonic() < ends or not all(tries.values()):
        target, began = min(spent, key=lambda name: spent[name]), time.monotonic()
        fault = try_once(target, TARGETS[target], seed + tries[target], out)
        spent[target] += time.monotonic() - began
        tries[target] += 1
        if fault:
            faults.append(fault)
            sys.stdout.write(f"{target}, seed {fault.seed}: {fault.what}\n")
            sys.stdout.flush()
    told = ", ".join(f"{name} {count}" for name, count in tries.items())
    sys.stdout.write(f"{told} tries, {len(faults)} faults\n")
    return faults


def main() -> int:
    """The number of faults decides the exit status."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where the files of faults are kept")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET")
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp(prefix="longtake-fuzz-"))
    out.mkdir(parents=True, exist_ok=True)
    faults = fuzz(given.targets or list(TARGETS), given.seed, given.minutes, out.absolute())
    if faults:
        sys.stdout.write(f"the files lie in {out}\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
