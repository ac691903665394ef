"""What the docs name is there: files, modules, commands, flags; and what they show is so."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from longtake.inference.engine import Engine, Request
from longtake.settings import Settings
from longtake.version import __version__
from scripts.write_reference import reference
from tests.conftest import ROOT
from tests.frames import make_frame

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob(".github/**/*.md")])
PLACES = (ROOT, ROOT / "longtake")
FOREIGN = frozenset(
    # of pip, git and other programs that the docs tell people to call, and --version
    "--upgrade --no-deps --no-build-isolation --wheel-dir --follow-tags --exit-code --oneline"
    " --no-verify --version".split()
)
OF_BENCHMARKS = frozenset("--long --set --vllm".split())

each_doc = pytest.mark.parametrize("doc", DOCS, ids=lambda path: str(path.relative_to(ROOT)))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def is_there(name: str) -> bool:
    """Whether it is a path of the repository or the package, or the bare name of a file there."""
    bare = "/" not in name and any(
        True
        for top in ("longtake", "tests", "scripts", "benchmarks", "examples")
        for _ in (ROOT / top).rglob(name)
    )
    return bare or any((place / name).exists() for place in PLACES)


def is_module_or_name(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    parent, _, name = dotted.rpartition(".")
    return is_module_or_name(parent) and hasattr(import_module(parent), name)


@each_doc
def test_files_and_folders_that_a_doc_names_exist(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/.:-])((?:\w+/)*[a-z_]\w*\.py)\b", text))
    named |= set(re.findall(r"`((?:[a-z_]+/)+)`", text))
    if doc.name == "README.md":  # the tree
        named |= set(re.findall(r"^  ([a-z]+/) ", text, re.MULTILINE))
    named = {name for name in named if "NAME" not in name}
    assert [name for name in sorted(named) if not is_there(name)] == []


@each_doc
def test_modules_and_names_that_a_doc_names_exist(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    named = set(re.findall(r"\b((?:longtake|benchmarks|scripts)(?:\.[a-z_]\w*)+)\b", text))
    named = {name for name in named if not name.endswith(".py")}
    assert [name for name in sorted(named) if not is_module_or_name(name)] == []


@each_doc
def test_links_between_docs_lead_somewhere(doc: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", doc.read_text(encoding="utf-8"))
    assert [link for link in links if not (doc.parent / link).exists()] == []


@each_doc
def test_targets_and_flags_that_a_doc_names_exist(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    asked = re.findall(r"(?:`|\n)make ([a-z][a-z-]*)", code)
    assert [target for target in asked if target not in targets] == []
    if doc.name != "CHANGELOG.md":  # it may tell of what is gone
        flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
        known = set(re.findall(r"--[a-z][a-z-]*", reference())) | FOREIGN | OF_BENCHMARKS
        assert sorted(flags - known) == []


def test_figure_of_the_floors_is_the_layer_contract() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    figure = read("docs/architecture.md").split("```")[1].strip().splitlines()
    assert figure == contract


def test_every_room_and_every_doc_is_told_of() -> None:
    rooms = [path.parent.name for path in (ROOT / "longtake").glob("*/__init__.py")]
    assert [room for room in rooms if f"`longtake/{room}/`" not in read("CONTRIBUTING.md")] == []
    docs = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"]
    assert [name for name in docs if f"({name})" not in read("docs/README.md")] == []


def test_changelog_begins_with_this_version() -> None:
    found = re.search(r"^## \[?(\d[\w.]*)", read("CHANGELOG.md"), re.MULTILINE)
    assert found and found[1] == __version__


def test_examples_of_an_engine_and_a_step_run_as_they_stand() -> None:
    blocks = re.findall(r"^```python\n(\S.*?)^```", read("docs/extending.md"), re.M | re.S)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    engine: Engine = names["open_brightness"]("", Settings())
    assert engine.answer(Request("", (make_frame(),))).text.startswith("The frames are ")
    assert names["_read"]("bridge, load, load.") == ("bridge", "load")
