"""A stranger's file is looked at in a process of its own: whatever it does, the server stands."""

from pathlib import Path

import pytest

from longtake.errors import SourceError
from longtake.video.apart import probe_apart
from tests.videos import make_video


def test_length_is_told_as_by_the_probe_itself(tmp_path: Path) -> None:
    assert probe_apart(make_video(tmp_path / "a.mp4", seconds=3)) == 3.0


def test_what_is_wrong_is_told_as_by_the_probe_itself(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no" * 900)
    with pytest.raises(SourceError, match="can't be read as a video") as told:
        probe_apart(tmp_path / "x.mp4")
    assert told.value.hint


def test_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"takes more than 0\.01 seconds"):
        probe_apart(make_video(tmp_path / "a.mp4", seconds=1), wall_seconds=0.01)


def test_pipe_that_never_says_anything_is_given_up(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="takes more than 1 seconds"):
        probe_apart(tmp_path / "pipe", wall_seconds=1)
