"""Runs that programs ask for: transcripts, looks and answers, in processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.runs import uploads
from longtake.runs.folder import KEPT_SECONDS, Run, list_runs, read_run, sweep, write_state
from longtake.runs.queue import Queue
from longtake.runs.requests import KINDS, Order, place_order
from longtake.runs.say import read_result, run_values
from longtake.store import Store, store_path
from tests import looks
from tests.servers import ScriptedServer, as_json, serve

PATIENCE = 40.0
QUICK = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
         "chunking": "fixed", "embedder": "words"}  # fmt: skip


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue(1)
    queue.start()
    with closing(queue):
        yield queue


def finish(run: Run) -> Run:
    deadline = time.monotonic() + PATIENCE
    while (now := read_run(run.id)).state in ("waiting", "running"):
        assert time.monotonic() < deadline, (run.folder / "worker.log").read_text()
        time.sleep(0.02)
    return now


def place(order: Order, root: Path) -> Run:
    return place_order(order, [root], "laptop")


@pytest.mark.usefixtures("queue")
def test_look_leaves_its_frames_and_what_was_seen(numbered: Path) -> None:
    order = Order("look", str(numbered), settings=QUICK, start=4, end=10, question="what is it?")
    run = finish(place(order, numbered.parent))
    assert (run.state, run.error) == ("done", "")
    found = read_result(run)
    assert found and (found["start"], found["end"], found["question"]) == (4, 10, "what is it?")
    assert found["video"].keys() == {"sha256", "name"}
    assert found["answered_by"] == "fake" and found["remarks"]
    for frame in found["frames"]:
        jpeg = run.folder / "out" / "frames" / f"{frame['number']}.jpg"
        assert jpeg.read_bytes().startswith(b"\xff\xd8") and 4 <= frame["time"] <= 10


@pytest.mark.usefixtures("queue")
def test_question_is_answered_from_the_videos_that_it_is_of(hall: Path, tmp_path: Path) -> None:
    with Store(store_path()) as store:
        looks.put_known(hall, store)
    settings = QUICK | {"reconciler": "digest", "engine": "sketch"}
    run = finish(
        place(
            Order("ask", question="does a man walk through the hall?", settings=settings), tmp_path
        )
    )
    assert (run.state, run.error) == ("done", "")
    found = read_result(run)
    assert found and found["moments"] and "no text model" in found["remarks"][0]
    assert found["moments"][0]["video"]["source"] == "hall.mp4"  # and no folder of this machine
    assert str(tmp_path) not in json.dumps(run_values(run))


@pytest.mark.usefixtures("queue")
def test_transcript_of_a_silent_film_says_that_nothing_is_said(numbered: Path) -> None:
    run = finish(place(Order("transcribe", str(numbered)), numbered.parent))
    assert run.state == "done"
    found = read_result(run)
    assert found and found["segments"] == [] and "no" in found["remark"]


@pytest.mark.usefixtures("queue")
def test_stretch_behind_the_end_fails_with_where_that_is(numbered: Path) -> None:
    run = finish(place(Order("look", str(numbered), start=900, end=910), numbered.parent))
    assert run.state == "failed" and "the video ends at 20.0 seconds" in run.error


def test_light_run_does_not_wait_for_those_that_fill_the_slots(
    numbered: Path, queue: Queue, hall: Path, tmp_path: Path
) -> None:
    with Store(store_path()) as store:
        looks.put_known(hall, store)
    heavy = [
        place(Order(source=str(numbered), settings=QUICK | {"chunk_seconds": 1 + k}),
              numbered.parent) for k in range(4)
    ]  # fmt: skip
    settings = QUICK | {"reconciler": "digest", "engine": "sketch"}
    light = place(
        Order("ask", question="does a man walk through the hall?", settings=settings), tmp_path
    )
    assert light.ahead == 0 and read_run(heavy[3].id).ahead >= 2
    assert finish(light).state == "done"
    assert read_run(heavy[3].id).state == "waiting"
    queue.close()


@pytest.mark.slow
@pytest.mark.usefixtures("queue")
def test_who_wants_to_know_is_told_by_the_worker_s_end(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_ALLOW_PRIVATE_ADDRESSES", "1")
    with serve() as ear:
        ear.set("/hook", as_json({}))
        order = Order(source=str(numbered), settings=QUICK, notify=f"{ear.url}/hook")
        run = finish(place(order, numbered.parent))
        _wait_for(ear)
        assert ear.asked[0].json == {"run": run.id, "kind": "summarize", "state": "done"}


def _wait_for(ear: ScriptedServer) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ear.asked and time.monotonic() < deadline:
        time.sleep(0.05)


SWELL = """
import threading
from longtake.machine import read_used
from longtake.runs.worker import watch_memory

ended = []
most = read_used() + (50 << 20)
watch = threading.Thread(target=watch_memory, args=(most, lambda: ended.append("now"), 0.01))
watch.start()
watch.join(0.2)
print("waits" if watch.is_alive() and not ended else "ended early")
taken = b"x" * (200 << 20)
watch.join(20)
print(*ended)
"""


def test_process_that_takes_more_memory_than_it_may_is_ended_and_no_other() -> None:
    done = subprocess.run([sys.executable, "-c", SWELL], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["waits", "now"], done.stderr


def test_page_s_lists_hold_no_questions_of_programs_and_old_ones_go_away(
    hall: Path, tmp_path: Path
) -> None:
    with Store(store_path()) as store:
        looks.put_known(hall, store)
    run = place(Order("ask", question="what is it?", settings=QUICK), tmp_path)
    assert list_runs() == [] and [r.id for r in list_runs(kinds=KINDS)] == [run.id]
    write_state(replace(run, state="done", ended=time.time() - KEPT_SECONDS + 60))
    sweep()
    assert list_runs(kinds=KINDS)
    write_state(replace(run, state="done", ended=time.time() - KEPT_SECONDS - 60))
    sweep()
    assert not list_runs(kinds=KINDS)


def test_server_that_stands_for_long_drops_old_answers_and_uploads_by_itself(
    hall: Path,
    tmp_path: Path,
) -> None:
    with Store(store_path()) as store:
        looks.put_known(hall, store)
    queue = Queue(1, sweep_seconds=0.1)
    queue.start()
    try:
        run = place(Order("ask", question="what is it?", settings=QUICK), tmp_path)
        finish(run)
        write_state(replace(read_run(run.id), ended=time.time() - KEPT_SECONDS - 60))
        upload = uploads.new_path()
        upload.write_bytes(b"film")
        os.utime(upload, (0, 0))
        deadline = time.monotonic() + PATIENCE
        while (upload.exists() or run.folder.exists()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not upload.exists() and not run.folder.exists()
    finally:
        queue.close()


def test_failure_is_told_without_the_place_of_the_file(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film")
    run = place(Order("summarize", str(film), settings=QUICK), tmp_path)
    said = f"{film} can't be read; free {run.folder}"
    write_state(replace(run, state="failed", error=said, notes=(said,), ended=time.time()))
    values = run_values(read_run(run.id))
    assert str(tmp_path) not in str(values)
    assert values["error"]["message"].startswith("film.mp4 can't be read; free LONGTAKE_HOME/runs/")
