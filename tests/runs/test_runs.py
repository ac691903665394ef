"""Runs in processes of their own: none is lost, none works twice, and each can be stopped."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longtake.errors import UsageError
from longtake.report.csv import as_csv
from longtake.report.html import read_thumbs
from longtake.report.read_back import read_descriptions
from longtake.runs.folder import (
    Asked,
    Run,
    delete,
    is_alive,
    list_runs,
    read_run,
    read_told,
    resume,
    runs_folder,
    stop,
    submit,
    write_state,
)
from longtake.runs.queue import Queue
from tests.servers import Answer, as_chat, as_json, serve
from tests.videos import make_video

QUICK = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
         "chunking": "fixed"}  # fmt: skip
PATIENCE = 30.0


def ask(source: Path | str, **changes: Any) -> Asked:
    asked = Asked(str(source), "summarize", QUICK, "A title", "me", time.time())
    return replace(asked, **changes)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, [
            (run, (run.folder / "worker.log").read_text()) for run in list_runs()
        ]
        time.sleep(0.02)


def finish(*runs: str) -> list[Run]:
    wait_until(lambda: all(read_run(r).state in ("done", "failed", "stopped") for r in runs))
    return [read_run(run) for run in runs]


@contextmanager
def open_queue(at_once: int = 1) -> Iterator[Queue]:
    queue = Queue(at_once)
    queue.start()
    with closing(queue):
        yield queue


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    for run in list_runs():
        if is_alive(run.folder):
            stop(run.id)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[dict[str, object]]:
    """Settings with an engine that takes a while for each chunk, and one request at a time."""

    def answer(_asked: Any, _connection: Any) -> Answer:
        time.sleep(0.15)
        return as_chat("A dog runs.")

    with serve() as server:
        server.set("/v1/models", as_json({"data": [{"id": "tiny"}]}))
        server.set("/v1/chat/completions", answer)
        yield QUICK | {"engine": "server:tiny", "base_url": f"{server.url}/v1", "at_once": 1,
                       "chunk_seconds": 2.0}  # fmt: skip


def test_run_is_done_with_its_files_its_pictures_and_all_that_it_told(numbered: Path) -> None:
    with open_queue():
        (run,) = finish(submit(ask(numbered)))
    assert (run.state, run.error, run.title) == ("done", "", "A title")
    assert run.duration == 20.0 and run.video == numbered
    out = {path.name for path in (run.folder / "out").iterdir()}
    assert {"descriptions.csv", "summary.md", "summary.json", "report.html", "result.json"} < out
    told = read_told(run.id)
    assert [entry["n"] for entry in told] == list(range(1, len(told) + 1))
    assert {entry["chunk"] for entry in told} == {1, 2, 3, 4}
    assert read_told(run.id, after=3) == told[3:]
    for chunk in range(1, 5):
        picture = run.folder / "thumbs" / f"{chunk}.jpg"
        assert picture.read_bytes().startswith(b"\xff\xd8")
    stages = [step.stage for step in run.steps]
    assert stages.index("describe") < stages.index("reconcile")


def test_stopped_run_leaves_no_process_and_goes_on_with_what_it_knew(
    numbered: Path, slow: dict[str, object]
) -> None:
    with open_queue():
        name = submit(ask(numbered, settings=slow))
        wait_until(lambda: len(read_told(name)) >= 2)
        running = read_run(name)
        assert running.state == "running" and running.video == numbered
        started = time.monotonic()
        stop(name)
        assert time.monotonic() - started < 6
        stopped = read_run(name)
        assert stopped.state == "stopped" and not is_alive(stopped.folder)
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)
        known = len(read_told(name))
        assert known < 10
        resume(name)
        (run,) = finish(name)
    assert run.state == "done"
    assert sorted(entry["chunk"] for entry in read_told(name)) == list(range(1, 11))
    usage = json.loads((run.folder / "out" / "summary.json").read_text())["usage"]
    assert usage[0]["from_store"] >= known


def test_run_can_be_stopped_as_soon_as_it_is_started(numbered: Path) -> None:
    with open_queue():
        name = submit(ask(numbered))
        wait_until(lambda: read_run(name).state == "running")
        started = time.monotonic()
        stop(name)
        assert time.monotonic() - started < 4
    assert read_run(name).state in ("stopped", "done") and not is_alive(runs_folder() / name)


@pytest.mark.slow
def test_worker_that_is_killed_is_followed_by_another(
    numbered: Path, slow: dict[str, object]
) -> None:
    with open_queue():
        name = submit(ask(numbered, settings=slow))
        wait_until(lambda: len(read_told(name)) >= 2)
        os.killpg(read_run(name).pid, signal.SIGKILL)
        (run,) = finish(name)
    assert (run.state, run.attempts) == ("done", 2)
    assert sorted(entry["chunk"] for entry in read_told(name)) == list(range(1, 11))


def test_worker_that_vanishes_three_times_is_not_started_again(numbered: Path) -> None:
    name = submit(ask(numbered))
    write_state(replace(read_run(name), state="running", attempts=3))
    with open_queue():
        (run,) = finish(name)
    assert run.state == "failed" and "vanished 3 times" in run.error and "memory" in run.hint


@pytest.mark.slow
def test_server_that_starts_anew_finds_the_run_at_work_and_does_not_start_it_twice(
    numbered: Path, slow: dict[str, object]
) -> None:
    with open_queue():
        name = submit(ask(numbered, settings=slow))
        wait_until(lambda: len(read_told(name)) >= 1)
    before = read_run(name)
    assert before.state == "running"
    with open_queue():
        (run,) = finish(name)
    assert (run.state, run.pid, run.attempts) == ("done", before.pid, 1)


@pytest.mark.slow
def test_worker_outlives_the_server_that_started_it(
    numbered: Path, slow: dict[str, object]
) -> None:
    name = submit(ask(numbered, settings=slow))
    code = (
        "import time\n"
        "from longtake.runs.folder import read_told\n"
        "from longtake.runs.queue import Queue\n"
        "queue = Queue(1); queue.start()\n"
        f"while not read_told({name!r}): time.sleep(0.05)\n"
        "import os; os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert read_run(name).state == "running"
    (run,) = finish(name)
    assert (run.state, run.attempts) == ("done", 1)


@pytest.mark.slow
def test_two_queues_on_one_home_start_no_more_than_the_slots_allow(numbered: Path) -> None:
    names = [submit(ask(numbered, settings=QUICK | {"chunk_seconds": 1.0 + k})) for k in range(5)]
    most = 0
    with open_queue(2), open_queue(2):
        while any(run.state in ("waiting", "running") for run in list_runs()):
            most = max(most, sum(run.state == "running" for run in list_runs()))
            time.sleep(0.01)
    assert [run.state for run in finish(*names)] == ["done"] * 5
    assert most == 2


def test_runs_wait_in_their_order_and_know_how_many_are_ahead(numbered: Path) -> None:
    names = [submit(ask(numbered, created=float(k))) for k in range(3)]
    assert [read_run(name).ahead for name in names] == [0, 1, 2]
    assert [run.id for run in list_runs()] == names[::-1]
    stop(names[0])
    assert [read_run(name).ahead for name in names] == [0, 0, 1]
    assert read_run(names[0]).state == "stopped"


def test_run_at_work_counts_as_one_that_comes_before(
    numbered: Path, slow: dict[str, object]
) -> None:
    with open_queue():
        first = submit(ask(numbered, settings=slow))
        wait_until(lambda: read_run(first).state == "running")
        assert read_run(submit(ask(numbered))).ahead == 1
        stop(first)


def test_those_who_look_at_once_don_t_take_each_other_for_the_worker(numbered: Path) -> None:
    name = submit(ask(numbered))
    (runs_folder() / name / "alive").touch()
    wrong = []

    def look() -> None:
        for _ in range(300):
            wrong.extend([1] if is_alive(runs_folder() / name) else [])

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert not wrong


def test_home_that_is_named_relatively_serves_as_well(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_HOME", "here/home")
    with open_queue():
        (run,) = finish(submit(ask(numbered)))
    assert (run.state, run.error) == ("done", "")


def test_visitors_see_their_own_and_may_have_twenty_waiting(numbered: Path) -> None:
    mine = [submit(ask(numbered)) for _ in range(20)]
    theirs = submit(ask(numbered, visitor="you"))
    assert {run.id for run in list_runs("me")} == set(mine)
    assert [run.id for run in list_runs("you")] == [theirs]
    with pytest.raises(UsageError, match="20 runs of yours wait"):
        submit(ask(numbered))


def test_failure_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"nothing" * 100)
    with open_queue():
        (run,) = finish(submit(ask(tmp_path / "x.mp4")))
    assert run.state == "failed" and "can't be read as a video" in run.error and run.hint
    assert not (run.folder / "trace.txt").exists()


@pytest.mark.parametrize(
    "values",
    [{"api_key": "s"}, {"cookies": "c"}, {"allow_private_addresses": True}, {"out": "/tmp/x"},
     {"page_runs": 9}, {"frames": -1}, {"nonsense": 1}],
)  # fmt: skip
def test_settings_that_are_the_server_s_own_or_can_t_be_are_refused(
    numbered: Path, values: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        submit(ask(numbered, settings=values))
    assert list_runs() == []


def test_upload_becomes_the_run_s_own_and_goes_with_it(numbered: Path, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    shutil.copy(numbered, upload)
    with open_queue():
        (run,) = finish(submit(ask("../../etc/passwd", title="../../x"), upload=upload))
        assert run.state == "done" and not upload.exists()
        assert run.video == run.folder / "upload" / "video"
        told = (run.folder / "out" / "summary.json").read_text()
        assert json.loads(told)["video"]["source"] == "../../x" and str(run.folder) not in told
        delete(run.id)
    assert not run.folder.exists() and not list(runs_folder().glob(".gone*"))
    with pytest.raises(UsageError, match="no such run"):
        read_run(run.id)


@pytest.mark.slow
def test_run_at_work_is_not_deleted(numbered: Path, slow: dict[str, object]) -> None:
    with open_queue():
        name = submit(ask(numbered, settings=slow))
        wait_until(lambda: len(read_told(name)) >= 1)
        with pytest.raises(UsageError, match="at work"):
            delete(name)
        stop(name)
        delete(name)
    assert list_runs() == []


def test_edited_table_is_a_run_of_its_own_with_its_parent_s_pictures(
    numbered: Path, tmp_path: Path
) -> None:
    with open_queue():
        (parent,) = finish(submit(ask(numbered)))
        found = read_descriptions(parent.folder / "out" / "descriptions.csv")
        edited = tmp_path / "edited.csv"
        edited.write_text(as_csv([replace(found[0], text="A red kite."), *found[1:]]), newline="")
        (run,) = finish(submit(ask("", kind="reconcile", of=parent.id), upload=edited))
    assert (run.state, run.error, run.title) == ("done", "", parent.title)
    assert run.video == parent.video and (run.folder / "thumbs" / "1.jpg").is_file()
    result = json.loads((run.folder / "out" / "result.json").read_text())
    assert result["descriptions"][0]["description"] == "A red kite."
    again = read_descriptions(run.folder / "out" / "descriptions.csv")
    assert again[0].text == "A red kite."
    assert result["video"]["sha256"]
    shown = read_thumbs(run.folder / "out" / "report.html")
    assert shown and shown == read_thumbs(parent.folder / "out" / "report.html")


@pytest.mark.slow
def test_both_flows_are_told_by_their_names(numbered: Path) -> None:
    with open_queue():
        (run,) = finish(submit(ask(numbered, kind="compare")))
    assert (run.state, run.error) == ("done", "")
    assert {entry["arm"] for entry in read_told(run.id)} == {"independent", "context"}
    out = run.folder / "out"
    assert (out / "compare.html").is_file()
    assert "nobody listened" in (out / "transcript.json").read_text()
    assert len(list(out.glob("arms/*/result.json"))) == 2


def test_damaged_half_made_and_foreign_folders_break_no_list(numbered: Path) -> None:
    names = [submit(ask(numbered)) for _ in range(10)]
    folders = [runs_folder() / name for name in names]
    (folders[0] / "state.json").write_text("{")
    (folders[1] / "request.json").unlink()
    (folders[2] / "state.json").write_text('{"form": 99}')
    (folders[3] / "state.json").write_bytes(b"\xff\xfe\x00")
    (folders[4] / "state.json").write_text("[" * 100_000)
    for name, change in ((names[6], '"created": "yesterday"'), (names[7], '"created": NaN')):
        request = runs_folder() / name / "request.json"
        request.write_text(re.sub(r'"created": [\d.]+', change, request.read_text()))
    state = runs_folder() / names[8] / "state.json"
    state.write_text(state.read_text().replace('"waiting"', '"bogus"'))
    for name in (".making-x", "notes", "zz"):
        (runs_folder() / name).mkdir()
    states = {run.id: run.state for run in list_runs()}
    assert [states[name] for name in names] == [
        *["failed"] * 5,
        "waiting",
        *["failed"] * 3,
        "waiting",
    ]
    assert "damaged" in read_run(names[0]).error
    for name in (*names[:5], *names[6:9]):
        delete(name)
    assert {run.id for run in list_runs()} == {names[5], names[9]}


def test_run_of_a_newer_form_is_left_as_it_is(numbered: Path) -> None:
    name = submit(ask(numbered))
    state = runs_folder() / name / "state.json"
    state.write_text(newer := state.read_text().replace('"form": 1', '"form": 2'))
    assert "newer Longtake" in read_run(name).error
    with pytest.raises(UsageError, match="newer Longtake"):
        resume(name)
    with open_queue():
        time.sleep(0.7)
    assert state.read_text() == newer


def test_run_whose_state_can_t_be_written_is_not_started(numbered: Path) -> None:
    name = submit(ask(numbered))
    folder = runs_folder() / name
    (folder / f".state.json.{os.getpid()}").mkdir()
    with open_queue():
        time.sleep(0.7)
        assert not (folder / "worker.log").exists()
        (folder / f".state.json.{os.getpid()}").rmdir()
        (run,) = finish(name)
    assert (run.state, run.attempts) == ("done", 1)


@pytest.mark.parametrize("name", ["", "..", "../x", "a" * 24 + "/..", "A" * 24, "0" * 24])
def test_name_that_is_no_run_s_leads_nowhere(name: str) -> None:
    for act in (read_run, stop, resume, delete):
        with pytest.raises(UsageError, match="no such run"):
            act(name)


def test_table_that_is_none_is_told_as_such(numbered: Path) -> None:
    with open_queue():
        (run,) = finish(submit(ask(numbered, kind="reconcile")))
    assert run.state == "failed" and "is not text in UTF-8" in run.error
    assert not (run.folder / "trace.txt").exists()


def test_what_nobody_foresaw_is_told_to_be_a_bug_and_where(numbered: Path) -> None:
    name = submit(ask(numbered))
    (runs_folder() / name / "chunks.jsonl").mkdir()
    with open_queue():
        (run,) = finish(name)
    assert run.state == "failed" and "this is a bug in Longtake: IsADirectoryError" in run.error
    assert "Traceback" in (run.folder / "trace.txt").read_text()


def test_damaged_line_is_not_told_and_stops_no_worker(numbered: Path) -> None:
    name = submit(ask(numbered))
    path = runs_folder() / name / "chunks.jsonl"
    path.write_text('{"chunk": 1}\nnonsense\n[1]\n{"chunk": 2}\n{"chu')
    assert read_told(name) == [{"n": 1, "chunk": 1}, {"n": 4, "chunk": 2}]
    with open_queue():
        (run,) = finish(name)
    assert run.state == "done"
    assert sorted(entry["chunk"] for entry in read_told(name)) == [1, 1, 2, 2, 3, 4]


def test_video_s_title_from_a_link_is_the_run_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "talk.mp4", seconds=4)
    content = (tmp_path / "talk.mp4").read_bytes()
    monkeypatch.setenv("LONGTAKE_ALLOW_PRIVATE_ADDRESSES", "1")
    with serve() as web, open_queue():
        web.set("/a%20talk.mp4", Answer(200, content, {"Content-Type": "video/mp4"}))
        (run,) = finish(submit(ask(f"{web.url}/a%20talk.mp4")))
    assert (run.state, run.error, run.title) == ("done", "", "a talk")
    assert run.video and "cache" in run.video.parts
