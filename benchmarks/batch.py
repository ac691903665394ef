"""Videos an hour by one and two jobs, what Ray adds to a video, and memory for many rows.

    python -m benchmarks.batch [--films 24] [--rows 100000] [--ray ADDRESS]
    python -m benchmarks.batch --many 10000

The films have two seconds each and differ: `fake` answers at once, so that what is measured is all
else; `sketch` looks at them. By Ray where an address is given (in `.cache/ray`, `make test-ray`
installs it; `auto` begins a cluster here), its workers and theirs side by side with two jobs. A
batch over so many rows that are known already is `--rows`: seconds, and the most memory it took.
`--many` is one batch of so many films with `fake`, to its end, and once again, where all is known.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from longtake.batch.journal import NAME, BatchRow, Journal
from longtake.batch.tables import write_tables
from tests.videos import draw_noisy, make_video

OFF = ("--speech", "off", "--read-text", "off", "--embedder", "words", "--reconciler", "digest")


def make_films(folder: Path, count: int) -> None:
    """Short films, none like another."""
    folder.mkdir()
    first = make_video(folder / "0.mp4", seconds=2, draw=draw_noisy, size=(320, 240))
    content = first.read_bytes()
    for number in range(1, count):
        # An empty box of MP4 at the end makes it another file.
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        (folder / f"{number}.mp4").write_bytes(content + box)


def time_batch(films: Path, *more: str) -> float:
    """Seconds for all of them, with an empty home."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            "-m",
            "longtake",
            "batch",
            str(films),
            *OFF,
            "--out",
            f"{home}/out",
        ]
        began = time.perf_counter()
        variables = {"LONGTAKE_HOME": home, "PATH": "/usr/bin:/bin"}
        subprocess.run(
            [*command, *more, "-q"], check=True, env=variables, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - began


def measure_many(count: int, jobs: int) -> Iterator[str]:
    """What a batch of so many films took, and what the same one takes when all is known."""
    with tempfile.TemporaryDirectory() as name:
        make_films(Path(name) / "films", count)
        flags = [*OFF, "--engine", "fake", "--out", f"{name}/out", "--jobs", str(jobs), "-q"]
        command = [sys.executable, "-m", "longtake", "batch", f"{name}/films", *flags, "--json"]
        variables = {"LONGTAKE_HOME": f"{name}/home", "PATH": "/usr/bin:/bin"}
        for which in ("first", "again"):
            began, most = time.perf_counter(), 0
            with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE) as process:
                while process.poll() is None:
                    most = max(most, read_peak(process.pid))
                    time.sleep(0.5)
                assert process.stdout
                said = json.loads(process.stdout.read())
            took = time.perf_counter() - began
            counts = ", ".join(f"{said[state]} {state}" for state in ("done", "failed", "before"))
            yield (
                f"{count} films, {which}, --jobs {jobs}: {counts}; {took:.0f} s,"
                f" {took / count:.3f} s a film;"
                f" the process that gives the tasks took {most / 1024:.0f} MiB at most"
            )


def read_peak(pid: int) -> int:
    """The most memory that a process has taken so far, in KiB; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line), 0)


def measure_rows(count: int) -> str:
    """Seconds and memory for the tables of so many rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / NAME).open("w", encoding="utf-8") as file:
            for number in range(count):
                row = BatchRow(
                    f"s3://bucket/talks/{number % 100}/a talk with a name {number}.mp4",
                    "done",
                    folder=f"a talk with a name {number}",
                    sha256=f"{number:064x}",
                    seconds=600.0,
                    headline="A headline of some ten words that tells what this is about",
                    chunks=100,
                    made="0" * 64,
                    file=f"{number} {number}",
                )
                file.write(json.dumps(asdict(row)) + "\n")
        began = time.perf_counter()
        journal = Journal(folder)
        read = time.perf_counter() - began
        write_tables(folder, journal.rows)
        whole = time.perf_counter() - began
        journal.close()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts = f"journal read in {read:.1f} s, tables in {whole - read:.1f} s"
    return f"{count} rows: {parts}, {most:.0f} MiB"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ray", default="")
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if given.many:
        for line in measure_many(given.many, given.jobs):
            print(line, flush=True)
        return
    print(measure_rows(given.rows), flush=True)
    ways = [("1 job", ["--jobs", "1"]), ("2 jobs", ["--jobs", "2"])]
    if given.ray:
        ways.append(("Ray, 2 workers", ["--ray", given.ray, "--jobs", "2"]))
    with tempfile.TemporaryDirectory() as name:
        for count in (2, given.films):
            make_films(Path(name) / str(count), count)
        for engine in ("fake", "sketch"):
            for way, flags in ways:
                few = time_batch(Path(name) / "2", "--engine", engine, *flags)
                all_of_them = time_batch(Path(name) / str(given.films), "--engine", engine, *flags)
                each = (all_of_them - few) / (given.films - 2)
                print(
                    f"{engine}, {way}: {all_of_them:.1f} s, {few:.1f} s of it for the first two;"
                    f" {each:.2f} s a further film, {3600 / max(each, 1e-6):.0f} an hour",
                    flush=True,
                )


if __name__ == "__main__":
    main()
