"""What is handed on: the sources as an archive, the wheel made of it, Longtake installed so."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.version import __version__
from tests.conftest import ROOT

pytestmark = pytest.mark.wheel

LECTURE = ROOT / "examples/lecture.mp4"
NAME = f"longtake-{__version__}"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def call(*command: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """In a folder and with an environment that know nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, env=kept | more, capture_output=True, text=True, check=False)


def succeed(*command: str | Path) -> str:
    done = call(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone: what is not committed yet is not in it."""
    folder = tmp_path_factory.mktemp("clone")
    succeed("git", "clone", "--quiet", ROOT, folder)
    return folder


def list_tracked(clone: Path, *folders: str) -> set[str]:
    return set(succeed("git", "-C", clone, "ls-files", *folders).splitlines())


@pytest.fixture(scope="module")
def sources(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the sources."""
    folder = tmp_path_factory.mktemp("sources")
    build = "import os, sys; os.chdir(sys.argv[1]); import hatchling.build as b;"
    succeed(sys.executable, "-c", f"{build} b.build_sdist(sys.argv[2])", clone, folder)
    return folder / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    succeed(*pip, "--wheel-dir", folder, sources)
    return folder / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("fresh")
    succeed(sys.executable, "-m", "venv", folder)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet"]
    succeed(*pip, "--require-hashes", "--requirement", ROOT / "requirements/default.txt")
    succeed(*pip, "--no-deps", wheel)
    return folder / "bin"


@pytest.fixture
def longtake(installed: Path, home: Path) -> Run:
    """Runs it, with a home of its own."""
    return lambda *words: call(installed / "longtake", *words, LONGTAKE_HOME=str(home))


def test_archive_holds_what_git_tracks_and_its_own_metadata(clone: Path, sources: Path) -> None:
    with tarfile.open(sources) as archive:
        names = {member.name for member in archive if member.isfile()}
    assert names == {f"{NAME}/{name}" for name in list_tracked(clone) | {"PKG-INFO"}}


def test_wheel_holds_the_package_whole_and_nothing_else(clone: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        licenses = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
    assert names == list_tracked(clone, "longtake")
    assert len(licenses) == 2


def test_what_runs_is_what_was_installed(installed: Path) -> None:
    where = succeed(installed / "python", "-c", "import longtake; print(longtake.__file__)")
    assert Path(where).is_relative_to(installed.parent)


def test_installed_program_helps_and_tells_its_version(longtake: Run) -> None:
    assert "summarize" in longtake("--help").stdout
    assert longtake("--version").stdout.split()[-1] == __version__


@pytest.mark.parametrize(
    "engines",
    [
        ("--engine", "fake", "--reconciler", "fake"),
        ("--engine", "sketch", "--reconciler", "digest", "--embedder", "words"),
    ],
    ids=["fake", "built-in"],
)
def test_installed_program_summarises_a_sample(
    longtake: Run, tmp_path: Path, engines: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    done = longtake("summarize", LECTURE, *engines, "--speech", "off", "--out", out)
    assert done.returncode == 0, done.stderr
    said = json.loads((out / "summary.json").read_text())
    assert said["ledger"]["failed"] == 0 and len(said["summary"]) > 2


def test_installed_program_compares_on_a_page(longtake: Run, tmp_path: Path) -> None:
    engines = ("--engine", "fake", "--reconciler", "fake", "--speech", "off")
    done = longtake("compare", LECTURE, *engines, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "<table" in (tmp_path / "out/compare.html").read_text()


def test_page_that_is_missing_names_the_wheel_that_brings_it(longtake: Run, wheel: Path) -> None:
    done = longtake("app")
    assert done.returncode == 2
    assert f"-m pip install 'longtake[app] @ {wheel.as_uri()}'" in done.stderr
