"""Settings that are kept: the rest of the file stays as it was."""

from pathlib import Path

import pytest

from longtake.errors import UsageError
from longtake.settings import load_settings, save_settings


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
