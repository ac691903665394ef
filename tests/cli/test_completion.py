"""What shells are told when a line is to be completed, asked as they ask."""

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faster_whisper import available_models

from longtake.cli.main import main
from longtake.cli.names import NAMES
from longtake.embed import check_embedder
from longtake.engines import ENGINES, find_needed_model
from longtake.models.table import VLMS, WHISPER_NAMES


def complete(*words: str) -> list[tuple[str, str]]:
    """The kind and the value of each item that bash is given for the last of these words."""
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    env = os.environ | asked | {"_LONGTAKE_COMPLETE": "bash_complete"}
    found = subprocess.check_output([sys.executable, "-m", "longtake"], text=True, env=env)
    items = [line.partition(",") for line in found.splitlines()]
    return [(kind, value) for kind, _, value in items]


def complete_names(*words: str) -> list[str]:
    return [value for kind, value in complete(*words) if kind == "plain"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_is_told_how_to_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_LONGTAKE_COMPLETE" in capsys.readouterr().out


def test_commands_flags_and_values_are_offered() -> None:
    assert complete_names("longtake", "su") == ["summarize"]
    assert "--chunk-seconds" in complete_names("longtake", "scan", "--chunk")
    assert complete_names("longtake", "summarize", "--length", "s") == ["short"]


@pytest.mark.parametrize(
    "words",
    [
        ["ta"],
        ["summarize", "ta"],
        ["compare", "ta"],
        ["reconcile", "ta"],
        ["summarize", "a.mp4", "ta"],
        ["a.mp4", "--subtitles", "ta"],
        ["summarize", "a.mp4", "--cookies", "ta"],
    ],
)
def test_shell_is_asked_for_files_where_a_file_may_stand(words: list[str]) -> None:
    assert complete("longtake", *words)[0] == ("file", "ta")


def test_shell_is_asked_for_folders_where_a_folder_may_stand() -> None:
    for flag in ("--out", "--speech", "--embedder"):
        assert complete("longtake", "scan" if flag == "--out" else "summarize", flag, "zz") == [
            ("dir", "zz")
        ]


def test_engines_and_models_are_offered_by_name() -> None:
    assert complete_names("longtake", "a.mp4", "--engine", "sk") == ["sketch"]
    assert complete_names("longtake", "a.mp4", "--reconciler", "di") == ["digest"]
    assert complete_names("longtake", "a.mp4", "--judge", "sk") == []
    assert "large-v3-turbo" in complete_names("longtake", "transcript", "--speech", "large")
    for command in ("pull", "path", "remove"):
        assert complete_names("longtake", "models", command, "tiny") == ["tiny.en"]


def test_bash_breaks_words_at_colons_and_signs_and_is_given_what_follows_them() -> None:
    assert complete_names("longtake", "a.mp4", "--engine", "gguf", ":", "smol") == [VLMS[-1].name]
    assert complete_names("longtake", "a.mp4", "--engine", "gguf:smol") == [f"gguf:{VLMS[-1].name}"]
    assert complete_names("longtake", "a.mp4", "--engine", "=", "sk") == ["sketch"]
    assert complete_names("longtake", "a.mp4", "--engine", "=", "gguf", ":") == [
        model.name for model in VLMS
    ]


def test_every_name_that_is_offered_is_known() -> None:
    for setting in ("engine", "reconciler", "judge"):
        for name in NAMES[setting]():
            kind = name.partition(":")[0]
            assert kind in (*ENGINES, "auto", "off", "digest")
            assert kind == name or find_needed_model(name)
    for name in NAMES["embedder"]():
        check_embedder(name)
    assert set(WHISPER_NAMES) == set(available_models())


@contextmanager
def open_bash(folder: Path) -> Iterator[int]:
    """The terminal of an interactive bash in that folder that completes for `longtake`."""
    program = folder / "bin" / "longtake"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m longtake "$@"\n')
    program.chmod(0o755)
    child, terminal = pty.fork()
    if not child:
        os.environ |= {"PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb"}
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    try:
        os.write(terminal, b'eval "$(longtake completion bash)"; echo rea""dy\n')
        wait_for("\nready", terminal)
        yield terminal
    finally:
        os.write(terminal, b"\x15exit\n")
        os.waitpid(child, 0)
        os.close(terminal)


def wait_for(text: str, terminal: int, seconds: float = 60) -> None:
    """Read until the terminal has shown the text; fails where it never does."""
    shown, end = "", time.monotonic() + seconds
    while text not in shown.replace("\r", ""):
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_line_is_completed_in_a_real_bash(tmp_path: Path) -> None:
    (tmp_path / "my film.mp4").touch()
    (tmp_path / "results").mkdir()
    with open_bash(tmp_path) as terminal:
        for typed, made in (
            ("longtake my", r"my\ film.mp4 "),
            ("longtake summ", "summarize "),
            ("longtake a.mp4 --out res", "results/"),
            ("longtake a.mp4 --engine gguf:smol", f"gguf:{VLMS[-1].name} "),
        ):
            os.write(terminal, f"{typed}\t".encode())
            wait_for(made, terminal)
            os.write(terminal, b"\x15")
