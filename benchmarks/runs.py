"""Ten runs at once through the page's queue: none lost, and what they take together.

    python -m benchmarks.runs [--engine sketch] [--slots 1 2 3]

Each of them is the lecture or the street, cut into chunks of another length, in a fresh home with
the models of the user's. Prints seconds, runs done, most workers at a time, and the peak of the
memory of all of them together (proportional set size, sampled ten times a second; Linux).
"""

import argparse
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

from longtake.models.table import models_folder
from longtake.runs.folder import Asked, list_runs, submit
from longtake.runs.queue import Queue

ROOT = Path(__file__).parents[1]
RUNS = 10
SAMPLE_SECONDS = 0.1


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="sketch")
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    models = models_folder().absolute()
    print(f"{RUNS} runs, engine {options.engine}")
    print(f"{'slots':>6}{'done':>6}{'at once':>9}{'seconds':>9}{'peak MiB':>10}")
    for slots in options.slots:
        with tempfile.TemporaryDirectory() as home:
            os.environ["LONGTAKE_HOME"] = home
            if models.is_dir():
                (Path(home) / "models").symlink_to(models)
            done, most, seconds, peak = measure(slots, options.engine)
            print(f"{slots:>6}{done:>6}{most:>9}{seconds:>9.1f}{peak / 2**20:>10.0f}", flush=True)


def measure(slots: int, engine: str) -> tuple[int, int, float, int]:
    """Runs done, most workers at a time, seconds, and the peak of their memory in bytes."""
    started, most, peak = time.perf_counter(), 0, 0
    for number in range(RUNS):
        source = ROOT / "examples" / ("lecture.mp4" if number % 2 else "bikes.mp4")
        settings = {"engine": engine, "chunk_seconds": 5.0 + number / 10}
        submit(Asked(str(source), "summarize", settings, "", str(number), time.time()))
    queue = Queue(slots)
    queue.start()
    with closing(queue):
        while any(run.state in ("waiting", "running") for run in list_runs()):
            workers = [run.pid for run in list_runs() if run.state == "running"]
            most = max(most, len(workers))
            peak = max(peak, sum(map(memory, workers)))
            time.sleep(SAMPLE_SECONDS)
    done = sum(run.state == "done" for run in list_runs())
    return done, most, time.perf_counter() - started, peak


def memory(pid: int) -> int:
    """What a process takes, what it shares with others shared out among them; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
