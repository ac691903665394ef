"""What the docs name is there: files, modules, commands, flags; and what they show is so."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from longtake import summarize
from longtake.inference.engine import Engine, Request
from longtake.settings import Settings
from longtake.version import __version__
from scripts.write_reference import reference
from tests.conftest import ROOT
from tests.frames import make_frame
from tests.ollamas import CHAT, as_reply, set_ollama
from tests.servers import CHAT as COMPLETIONS
from tests.servers import as_chat, serve

DOCS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "examples/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)
PLACES = (ROOT, ROOT / "longtake")
FOREIGN = frozenset(
    # of pip, git and other programs that the docs tell people to call, and --version
    "--upgrade --require-hashes --follow-tags --exit-code --oneline --no-verify --version"
    " --max-model-len"
    # of curl
    " --data-urlencode"
    # of Ray and Slurm
    " --address --block --cpus-per-task --exclude --gpus-per-task --head --ip-address --nodes"
    " --ntasks --ntasks-per-node --port --time".split()
)
OF_BENCHMARKS = frozenset("--long --many --own --set --vllm".split())

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
    named = {name for name in named if "NAME" not in name}
    assert [name for name in sorted(named) if not is_there(name)] == []


@each_doc
def test_modules_and_names_that_a_doc_names_exist(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w.])((?:longtake|benchmarks|scripts)(?:\.[a-z_]\w*)+)\b", text))
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


@each_doc
def test_commands_that_a_doc_names_exist(doc: Path) -> None:
    known = set(re.findall(r"^### longtake (\w+)", reference(), re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```", doc.read_text(encoding="utf-8"), re.DOTALL))
    asked = re.findall(r"^(?:\S*/)?longtake +([^-\s]\S*)", code, re.MULTILINE)
    assert [word for word in asked if word not in known and not is_source(word)] == []


def is_source(word: str) -> bool:
    """Whether it stands for a file or a link, which is short for `summarize`."""
    return word.endswith((".mp4", "/")) or word.startswith("'https://")


@each_doc
def test_nothing_is_installed_from_an_index_that_does_not_have_it(doc: Path) -> None:
    assert re.findall(r"pip install[^`\n]*\blongtake\b(?!-)", doc.read_text(encoding="utf-8")) == []


def test_readme_is_short_and_its_picture_small() -> None:
    text = read("README.md")
    assert len(text.splitlines()) <= 150
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert (ROOT / picture).stat().st_size < 300_000


@pytest.mark.parametrize("word", ["chunk", "digest", "ledger", "flow"])
def test_readme_explains_a_word_where_it_first_stands(word: str) -> None:
    text = re.sub(r"```.*?```|\]\([^)]*\)", "", read("README.md"), flags=re.DOTALL)
    first = re.search(rf"\S*\b{word}s?\b\S*", text)
    assert first and re.match(r"\*\w+\*", first[0])


def commands_of_readme(heading: str) -> list[list[str]]:
    """What is called below the heading, word by word, without the folder that it is in."""
    part = read("README.md").split(f"### {heading}\n")[1].split("\n#")[0]
    lines = re.findall(r"^\.venv/bin/(longtake .+)$", part, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def run_as_readme_says(words: list[str], folder: Path, **environment: str) -> dict[str, Any]:
    """The summary that the command leaves, in a folder that has the video."""
    source = words.index("talk.mp4")
    words = [*words[source:], "--speech", "off", "--out", "out"]
    subprocess.run(
        [sys.executable, "-m", "longtake", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads((folder / "out/summary.json").read_text())
    return found


@pytest.mark.slow
def test_readme_s_block_for_ollama_runs(numbered: Path, tmp_path: Path) -> None:
    shutil.copy(numbered, tmp_path / "talk.mp4")
    (name,) = re.findall(r"ollama pull (\S+)", read("README.md"))
    (words,) = commands_of_readme("With Ollama")
    with serve() as server:
        set_ollama(server, name)
        server.set(CHAT, as_reply("A number stands in the middle."))
        made = run_as_readme_says(words, tmp_path, OLLAMA_HOST=server.url)
    assert made["ledger"]["failed"] == 0 and made["ledger"]["described"] > 2


@pytest.mark.slow
def test_readme_s_block_for_a_server_runs(numbered: Path, tmp_path: Path) -> None:
    shutil.copy(numbered, tmp_path / "talk.mp4")
    (words,) = commands_of_readme("With vLLM on a machine with a graphics card")
    with serve() as server:
        server.set(COMPLETIONS, as_chat("A number stands in the middle."))
        words[words.index("--base-url") + 1] = server.base_url
        made = run_as_readme_says(words, tmp_path)
    assert made["ledger"]["failed"] == 0 and made["ledger"]["described"] > 2


@pytest.mark.real
def test_result_in_the_readme_is_what_a_run_says(tmp_path: Path) -> None:
    result = summarize(ROOT / "examples/lecture.mp4", engine="sketch", out=str(tmp_path / "out"))
    said = (tmp_path / "out/summary.md").read_text()
    part = read("README.md").split("## What you get")[1].split("```")[1]
    assert result.summary and result.summary.made_by[1:] in " ".join(part.split())
    quoted = re.findall(r'(\d:\d\d) (".+?") \[(\d+)\]$', part, re.MULTILINE)
    assert len(quoted) > 3
    assert [q for q in quoted if "{1} ({0}, chunk {2})".format(*q) not in said] == []


def test_examples_in_python_run_as_they_stand(
    numbered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("engine", "reconciler"):
        monkeypatch.setenv(f"LONGTAKE_{name.upper()}", "fake")
    shutil.copy(numbered, tmp_path / "talk.mp4")
    (tmp_path / "talk.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nWelcome.\n")
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", read("docs/python.md"), re.M | re.S):
        exec(block, names)
    assert names["result"].files and names["found"].worths


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
