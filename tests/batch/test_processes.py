"""A batch by real processes: killed, interrupted, left alone; nothing is lost and none stays."""

import csv
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import longtake
from longtake.batch.task import BatchOutcome, BatchTask
from longtake.batch.workers import run_here
from longtake.cli.main import main
from longtake.settings import Settings
from tests.batch.slow_server import CHUNKS, SlowServer, wait_for
from tests.batch.test_run import make_film
from tests.videos import draw_noisy, make_video

pytestmark = pytest.mark.slow

GIVEN = {"speech": "off", "read_text": "off", "embedder": "words", "reconciler": "digest"}
OFF = ["--speech", "off", "--read-text", "off", "--embedder", "words", "--reconciler", "digest"]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two films of some chunks each."""
    for seed in (1, 2):
        path = tmp_path / "films" / f"{seed}.mp4"
        path.parent.mkdir(exist_ok=True)
        make_video(path, seconds=CHUNKS, draw=lambda k, w, h, n=seed: draw_noisy(k + 200 * n, w, h))
    return tmp_path / "films"


def start(films: Path, server: SlowServer, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "longtake", "batch", str(films), "--jobs", "2", *OFF, *more,
               "--base-url", server.url, "--chunk-seconds", "1", "--chunking", "fixed",
               "--at-once", "1"]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def list_workers(parent: int) -> list[int]:
    told = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in told.stdout.split()]


def is_gone(pid: int) -> bool:
    ends = time.monotonic() + 15
    while time.monotonic() < ends:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_command_tells_what_came_of_all_and_the_second_time_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_film(tmp_path / "films" / "a.mp4", 1)
    make_film(tmp_path / "films" / "b.mp4", 2)
    (tmp_path / "films" / "bad.mp4").write_text("no film")
    command = ["batch", "films", "--engine", "fake", *OFF]
    assert main(command) == 3
    shown = capsys.readouterr()
    assert shown.out.startswith("3 videos: 2 done, 1 failed\nlongtake-batch/index.html: ")
    assert "error: films/bad.mp4 can't be read as a video" in shown.err
    assert main([*command, "--json"]) == 3
    shown = capsys.readouterr()
    assert '"before": 3' in shown.out and '"out": "longtake-batch"' in shown.out
    assert main(["batch", "films/a.mp4", "--engine", "fake", *OFF, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_worker_that_is_killed_costs_its_video_and_no_other(
    films: Path, server: SlowServer, tmp_path: Path
) -> None:
    settings = Settings(engine="server", base_url=server.url, chunk_seconds=1, chunking="fixed",
                        speech="off", read_text="off", embedder="words", at_once=1,
                        reconciler="digest")  # fmt: skip

    tasks = [
        BatchTask(
            n, str(films / f"{n}.mp4"), dataclasses.replace(settings, out=str(tmp_path / str(n)))
        )
        for n in (1, 2)
    ]
    outcomes: list[BatchOutcome] = []
    killed = False
    for told in run_here(iter(tasks), 1):
        if isinstance(told, BatchOutcome):
            outcomes.append(told)
        elif not killed:
            (worker,) = list_workers(os.getpid())
            os.kill(worker, signal.SIGKILL)
            killed = True
    first, second = outcomes
    assert first.status == "failed" and "SIGKILL" in first.error and "--jobs" in first.hint
    assert second.status == "done" and first.of_all
    assert list_workers(os.getpid()) == []


def test_interrupt_ends_all_processes_and_the_next_batch_asks_only_what_is_missing(
    films: Path, server: SlowServer
) -> None:
    with start(films, server) as process:
        wait_for(server, 6)
        workers = list_workers(process.pid)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and "answers so far are kept" in told
    assert len(workers) == 2 and all(map(is_gone, workers))
    assert Path("longtake-batch/index.html").is_file()
    server.seconds = 0
    with start(films, server) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.startswith("2 videos: 2 done")
    assert len(server.asked) == 2 * CHUNKS
    assert sum(count - 1 for count in server.asked.values()) <= 2  # one under way each


def test_batch_that_a_batch_system_ends_has_its_tables(films: Path, server: SlowServer) -> None:
    with start(films, server) as process:
        wait_for(server, 2)
        workers = list_workers(process.pid)
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 130 and all(map(is_gone, workers))
    assert Path("longtake-batch/index.csv").is_file()


def test_second_batch_at_the_same_time_is_refused(films: Path, server: SlowServer) -> None:
    with start(films, server) as process:
        wait_for(server, 2)
        with start(films, server) as other:
            _, told = other.communicate(timeout=30)
        assert other.returncode == 2 and "longtake-batch" in told
        server.seconds = 0
        out, _ = process.communicate(timeout=60)
    assert out.startswith("2 videos: 2 done")


def test_files_that_change_or_vanish_while_they_are_gone_through_cost_no_other(
    films: Path, server: SlowServer
) -> None:
    make_film(films / "3.mp4", 3)
    with start(films, server) as process:
        wait_for(server, 6)
        with (films / "1.mp4").open("ab") as file:
            file.write(b"more of it")
        (films / "2.mp4").unlink()
        server.seconds = 0
        out, _ = process.communicate(timeout=60)
    assert process.returncode in (0, 3) and out.startswith("3 videos: ")
    rows = read_rows()
    assert rows["3.mp4"]["status"] == "done" and set(rows) == {"1.mp4", "2.mp4", "3.mp4"}
    with start(films, server) as process:
        out, _ = process.communicate(timeout=60)
    assert "(1 before)" in out  # the one that grew is another film now
    assert read_rows()["1.mp4"]["status"] == "done"


def read_rows() -> dict[str, dict[str, str]]:
    with Path("longtake-batch/index.csv").open(newline="", encoding="utf-8") as file:
        return {Path(row["source"]).name: row for row in csv.DictReader(file)}


def test_batch_is_a_function_of_python(films: Path) -> None:
    ended: list[longtake.BatchRow] = []
    rows = longtake.summarize_many(
        [films], out="results", jobs=2, on_ended=ended.append, engine="fake", **GIVEN
    )
    assert [row.status for row in rows] == ["done", "done"] and ended == rows
    assert Path("results/index.html").is_file()


def test_workers_end_with_a_batch_that_is_killed(films: Path, server: SlowServer) -> None:
    with start(films, server) as process:
        wait_for(server, 2)
        workers = list_workers(process.pid)
        process.kill()
        process.communicate(timeout=30)
    assert len(workers) == 2 and all(map(is_gone, workers))


def test_server_that_is_away_leaves_the_rest_untried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(6):
        make_film(tmp_path / "films" / f"{seed}.mp4", seed)
    command = ["batch", "films", *OFF, "--jobs", "1", "--base-url", "http://127.0.0.1:9"]
    assert main(command) == 4
    assert "6 videos: 3 failed, 3 untried" in capsys.readouterr().out
