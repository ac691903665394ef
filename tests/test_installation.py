"""The command that a hint names is the one that works for how Longtake was installed."""

import json
import os
import shlex
import subprocess
import sys
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest

from longtake.installation import say_extra_install, say_pip_install


def install(folder: Path, origin: dict[str, Any] | None) -> Distribution:
    """A distribution as pip leaves it; what came from an index has no origin."""
    info = folder / "longtake-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: longtake\nVersion: 0.1.0\n")
    if origin:
        (info / "direct_url.json").write_text(json.dumps(origin))
    return PathDistribution(info)


def words_of(folder: Path, origin: dict[str, Any] | None) -> list[str]:
    """What stands after `pip install`."""
    command = shlex.split(say_extra_install("app", install(folder, origin)))
    assert command[1:4] == ["-m", "pip", "install"]
    return command[4:]


def test_what_came_from_an_index_is_named(tmp_path: Path) -> None:
    assert words_of(tmp_path, None) == ["longtake[app]"]


def test_folder_that_it_was_installed_from_is_named_in_its_place(tmp_path: Path) -> None:
    folder = Path("/opt/a clone")
    assert words_of(tmp_path, {"url": folder.as_uri(), "dir_info": {}}) == [f"{folder}[app]"]


def test_editable_installation_stays_one(tmp_path: Path) -> None:
    origin = {"url": "file:///opt/clone", "dir_info": {"editable": True}}
    assert words_of(tmp_path, origin) == ["-e", "/opt/clone[app]"]


def test_folder_is_short_where_it_is_at_hand(tmp_path: Path) -> None:
    here = Path.cwd()
    assert words_of(tmp_path, {"url": here.as_uri(), "dir_info": {}}) == [".[app]"]
    below = tmp_path / "below"
    below.mkdir()
    origin = {"url": (here / "clone").as_uri(), "dir_info": {}}
    assert words_of(below, origin) == ["./clone[app]"]


def test_wheel_and_repository_are_named_by_their_address(tmp_path: Path) -> None:
    wheel = {"url": "file:///w/longtake-0.1.0-py3-none-any.whl", "archive_info": {}}
    assert words_of(tmp_path, wheel) == [f"longtake[app] @ {wheel['url']}"]
    commit = "0123456789abcdef0123456789abcdef01234567"
    below = tmp_path / "below"
    below.mkdir()
    origin = {
        "url": "https://example.org/longtake.git",
        "vcs_info": {"vcs": "git", "commit_id": commit},
    }
    assert words_of(below, origin) == [
        f"longtake[app] @ git+https://example.org/longtake.git@{commit}"
    ]


def test_interpreter_that_runs_is_the_one_that_is_named() -> None:
    here = str(Path.cwd() / ".venv/bin/python")
    assert say_pip_install("deno>=2", python=here) == ".venv/bin/python -m pip install 'deno>=2'"
    there = say_pip_install("deno", python="/opt/my tools/bin/python")
    assert there == "'/opt/my tools/bin/python' -m pip install deno"


def test_activated_environment_needs_no_path() -> None:
    folder = Path(sys.executable).parent
    code = "from longtake.installation import say_pip_install as s; print(s('a', python=PYTHON))"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("PYTHON", repr(str(folder / "python")))],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "python -m pip install a\n"


@pytest.mark.slow
def test_command_is_one_that_pip_takes(tmp_path: Path) -> None:
    """Of an installation by pip itself, from a folder; nothing is fetched."""
    folder, site = tmp_path / "clone", tmp_path / "site"
    package = folder / "longtake"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "longtake"\nversion = "0.1.0"\n'
        "[project.optional-dependencies]\napp = []\n"
    )
    alone = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", *alone, "--target"]
    subprocess.run([*pip, str(site), str(folder)], check=True, capture_output=True)
    (info,) = site.glob("longtake-*.dist-info")
    _, _, _, _, said = shlex.split(say_extra_install("app", PathDistribution(info)))
    assert said == "./clone[app]"
    subprocess.run([*pip, str(tmp_path / "again"), said], check=True, capture_output=True)
    assert (tmp_path / "again/longtake/__init__.py").is_file()
