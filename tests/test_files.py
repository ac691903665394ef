"""Files are written whole or not at all, and known by their content."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from longtake.files import LEFT_SECONDS, check_regular, hash_file, replacing, say_hint


def test_new_content_takes_the_place_of_the_old_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt])
def test_what_breaks_off_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def break_off() -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        break_off()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_folder_that_is_missing_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "none" / "a.txt") as part:
        part.write_text("new")


def test_hash_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 10_000)
    assert hash_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_a_killed_writer_left_goes_away_with_the_next_and_others_parts_stay(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.txt"
    old, fresh, other = (tmp_path / name for name in (".a.txt.99", ".a.txt.98", ".b.txt.99"))
    for left in (old, fresh, other):
        left.write_text("half")
    for left in (old, other):
        os.utime(left, (1, time.time() - LEFT_SECONDS - 5))
    with replacing(path) as part:
        part.write_text("new")
    assert not old.exists() and fresh.exists() and other.exists()


def test_pipe_is_no_file_that_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe or a device"):
        check_regular(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "none", tmp_path, Path(os.devnull)):
        check_regular(path)


def test_full_disk_is_told_as_such_and_nothing_else_is() -> None:
    assert "Free some room" in say_hint(OSError(errno.ENOSPC, "full"), "Look.")
    assert say_hint(OSError(errno.EACCES, "denied"), "Look.") == "Look."
