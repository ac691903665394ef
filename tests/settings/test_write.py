"""Settings that are kept: the rest of the file stays as it was."""

import os
from pathlib import Path

import pytest

from longtake.errors import UsageError
from longtake.settings import load_settings, make_home, save_settings
from longtake.store import Store, store_path


def test_what_is_kept_counts_and_remarks_stay(tmp_path: Path) -> None:
    file = tmp_path / "new" / "settings.toml"
    save_settings(file, {"frames": 4})
    with file.open("a", encoding="utf-8") as opened:
        opened.write('# mine\nlength = "short"  # short ones\n')
    save_settings(file, {"frames": 8, "chunk_seconds": 12.0})
    read = load_settings(file=file)
    assert (read.frames, read.chunk_seconds, read.length) == (8, 12.0, "short")
    assert '# mine\nlength = "short"  # short ones' in file.read_text(encoding="utf-8")


def test_damaged_file_is_told_and_left(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("frames = [", encoding="utf-8")
    with pytest.raises(UsageError, match="can't be read"):
        save_settings(file, {"frames": 4})
    assert file.read_text(encoding="utf-8") == "frames = ["


def test_home_is_made_for_its_user_alone_and_one_that_is_there_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_HOME", str(tmp_path / "new"))
    with Store(store_path()):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "shared").mkdir(mode=0o755)
    monkeypatch.setenv("LONGTAKE_HOME", str(tmp_path / "shared"))
    assert make_home().stat().st_mode & 0o777 == 0o755


def test_settings_file_that_is_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings.toml")
    with pytest.raises(UsageError, match="pipe or a device"):
        load_settings(file=tmp_path / "settings.toml")


def test_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_HOME", "~nobody-of-that-name/x")
    with pytest.raises(UsageError, match="no home folder is known") as told:
        load_settings()
    assert "Set LONGTAKE_HOME" in told.value.hint
