"""A file that changes while it is read ends the run, and leaves no answer under its old hash."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.errors import FileChanged
from longtake.files import hash_file
from longtake.inference.engine import Request
from longtake.pipeline.session import run_to_end
from longtake.pipeline.sources import SourceFile, look_at, open_video
from longtake.store import Store
from longtake.video.frames import open_frames
from longtake.video.source import KnownFile
from tests.scripted import ScriptedEngine, finish
from tests.videos import draw_shots, make_video

SECONDS = 60


def film(path: Path, seed: int = 0) -> Path:
    draw = draw_shots(*range(20, 10 * SECONDS, 20), seed=seed)
    return make_video(path, seconds=SECONDS, draw=draw)


def rewrite(path: Path) -> None:
    """Over the old content, in the same file, as long as before."""
    other = film(path.with_name("other.mp4"), seed=1).read_bytes()
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(other[: len(content)].ljust(len(content), b"\0"))


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(10))


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace(path: Path) -> None:
    film(path.with_name("other.mp4"), seed=1).replace(path)


CHANGES = (rewrite, append, cut_off, replace)


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_ends_where_its_file_changes(
    change: Callable[[Path], None], tmp_path: Path, store: Store
) -> None:
    path = film(tmp_path / "film.mp4")
    asked: list[Request] = []

    def answer(request: Request) -> str:
        asked.append(request)
        if len(asked) == 3:
            change(path)
        return f"Something is seen, for the {len(asked)}th time."

    with pytest.raises(FileChanged, match=r"film\.mp4 was changed while it was read") as told:
        finish(path, store, ScriptedEngine(answer), chunk_seconds=2.0, speech="off", at_once=1)
    assert "run it again" in told.value.hint
    assert 3 <= len(asked) < SECONDS // 2


@pytest.mark.parametrize("change", CHANGES)
def test_pictures_of_another_content_are_given_to_nobody(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = film(tmp_path / "film.mp4")
    _, index = run_to_end(open_video(SourceFile(path)))

    def read() -> None:
        with open_frames(path, index) as reader:
            found = reader.thumbs(0, SECONDS)
            next(found)
            change(path)
            deque(found, maxlen=0)

    with pytest.raises(FileChanged):
        read()


@pytest.mark.parametrize("change", CHANGES)
def test_a_scan_of_a_file_that_changes_is_not_kept(
    change: Callable[[Path], None], tmp_path: Path, store: Store
) -> None:
    path = film(tmp_path / "film.mp4")

    def scan() -> None:
        for step in look_at(SourceFile(path), store):
            if step.stage == "scan":
                change(path)

    with pytest.raises(FileChanged):
        scan()
    assert store.read("SELECT count(*) FROM scans") == [(0,)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_hashed_is_told(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = film(tmp_path / "film.mp4")
    path.write_bytes(path.read_bytes() + bytes(3 << 20))
    steps = open_video(SourceFile(path))
    next(steps)
    change(path)
    with pytest.raises(FileChanged):
        run_to_end(steps)


def test_a_file_that_is_touched_or_gone_is_no_other_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    known = KnownFile(path)
    known.sha256 = hash_file(path)
    os.utime(path, (1, 1))
    known.check()
    path.unlink()
    known.check()
    path.write_bytes(b"b")
    with pytest.raises(FileChanged):
        known.check()
