"""Copies for browsers, made by real workers: beside the results, and gone with the run."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longtake.report.csv import as_csv
from longtake.report.read_back import read_descriptions
from longtake.runs.folder import Run, delete, is_alive, read_run, resume, runs_folder, stop, submit
from longtake.runs.playing import CopyThread, Playing, find_copy, read_playing
from longtake.video.playable import find_plays
from longtake.video.probe import probe
from longtake.web.progress import show_update
from tests.runs.test_runs import PATIENCE, ask, finish, open_queue, wait_until
from tests.videos import make_video


@pytest.fixture
def avi(tmp_path: Path) -> Path:
    return make_video(tmp_path / "v.avi", seconds=6, codec="mpeg4", sound_seconds=6)


@pytest.fixture(scope="module")
def long_avi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of which a copy takes seconds, and a summary by `fake` less."""
    noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    return make_video(
        tmp_path_factory.mktemp("long") / "v.avi", seconds=30, rate=25, codec="mpeg4",
        size=(640, 360), draw=lambda number, *_: np.roll(noise, 7 * number, axis=1),
    )  # fmt: skip


def test_a_run_of_an_avi_leaves_a_copy_that_plays_and_describes_the_file_itself(avi: Path) -> None:
    with open_queue():
        (run,) = finish(submit(ask(avi)))
    assert (run.state, run.error, run.video) == ("done", "", avi)
    playing = read_playing(run.folder)
    assert playing == Playing("none", 1.0, 64, 48)
    copy = find_copy(run.folder)
    assert copy and find_plays(copy) == "all"
    before, after = probe(avi, "")[1], probe(copy, "")[1]
    assert after.times == pytest.approx(before.times, abs=0.002)
    sha = json.loads((run.folder / "out" / "result.json").read_text())["video"]["sha256"]
    assert sha and not list(run.folder.glob(".play*"))


def test_a_run_of_what_browsers_play_leaves_none(numbered: Path) -> None:
    with open_queue():
        (run,) = finish(submit(ask(numbered)))
    assert read_playing(run.folder) == Playing() and find_copy(run.folder) is None


@pytest.mark.slow
def test_the_result_is_shown_while_a_copy_is_made_and_stop_ends_that_too(long_avi: Path) -> None:
    with open_queue():
        name = submit(ask(long_avi))
        wait_until(lambda: _is_copying(name))
        running = read_run(name)
        told = show_update(running, 0, result=True)
        assert running.state == "running" and told["result"]["arms"][0]["headline"]
        assert "Making a copy that browsers play" in told["run"]["doing"]
        assert "is being made" in told["run"]["player"]["said"]
        stop(name)
        stopped = read_run(name)
        assert stopped.state == "stopped" and not is_alive(stopped.folder)
        assert find_copy(stopped.folder) is None and not list(stopped.folder.glob(".play*"))
        assert show_update(stopped, 0, result=True)["result"]
        resume(name)
        (run,) = finish(name)
    assert run.state == "done" and read_playing(run.folder).part == 1
    assert find_copy(run.folder)
    delete(name)
    assert not run.folder.exists()


def _is_copying(name: str) -> bool:
    run = read_run(name)
    return bool(run.steps) and run.steps[-1].stage == "play"


@pytest.mark.slow
def test_what_a_killed_worker_left_of_a_copy_goes_away(avi: Path) -> None:
    name = submit(ask(avi))
    left = runs_folder() / name / ".play.mp4.1234"
    left.write_bytes(b"half")
    with open_queue():
        (run,) = finish(name)
    assert run.state == "done" and find_copy(run.folder) and not left.exists()


def test_a_copy_that_can_t_be_kept_says_so_and_the_rest_is_there(avi: Path) -> None:
    name = submit(ask(avi))
    (runs_folder() / name / "play.mp4").mkdir()
    with open_queue():
        (run,) = finish(name)
    assert run.state == "done" and (run.folder / "out" / "summary.md").is_file()
    assert read_playing(run.folder).error == "making one broke off"
    said = show_update(run, 0, result=True)["run"]["player"]
    assert said["sources"] == ("video",) and "no copy that it could: making one" in said["said"]


def test_a_file_of_which_no_copy_can_be_made_says_why(tmp_path: Path, avi: Path) -> None:
    video, _ = probe(avi, "")
    thread = CopyThread(replace(video, path=tmp_path / "gone.avi"), tmp_path)
    thread.start()
    thread.join(PATIENCE)
    assert "the file can't be read: No such file" in read_playing(tmp_path).error


def test_a_thread_that_is_closed_leaves_nothing_half(tmp_path: Path, long_avi: Path) -> None:
    thread = CopyThread(probe(long_avi, "")[0], tmp_path)
    thread.start()
    _wait(lambda: read_playing(tmp_path).part > 0)
    started = time.monotonic()
    thread.close()
    assert time.monotonic() - started < 2 and not thread.is_alive()
    assert not [path for path in tmp_path.iterdir() if "play.mp4" in path.name]


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_run_of_an_edited_table_has_the_copy_and_the_transcript_of_its_video(
    tmp_path: Path, avi: Path
) -> None:
    avi.with_suffix(".srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n")
    with open_queue():
        (parent,) = finish(submit(ask(avi)))
        found = read_descriptions(parent.folder / "out" / "descriptions.csv")
        edited = tmp_path / "edited.csv"
        edited.write_text(as_csv([replace(found[0], text="A red kite."), *found[1:]]), newline="")
        (run,) = finish(submit(ask("", kind="reconcile", of=parent.id), upload=edited))
    assert (run.state, run.error) == ("done", "")
    assert _read(parent, "transcript.json")["segments"][0]["text"] == "Good morning."
    assert _read(run, "transcript.json") == _read(parent, "transcript.json")
    delete(parent.id)
    copy = find_copy(run.folder)
    assert copy and find_plays(copy) == "all" and read_playing(run.folder).part == 1


def _read(run: Run, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((run.folder / "out" / name).read_text())
    return document
