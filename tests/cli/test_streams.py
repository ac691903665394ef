"""What a terminal shows while something goes on, and streams that take no more."""

import logging
import os
import pty
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from longtake.cli.bars import fetch_with_bar, note, open_bars
from longtake.cli.main import main
from longtake.models.table import FolderModel, asset_path
from longtake.records import Progress
from tests.models.packages import make_asset
from tests.servers import ScriptedServer

FAKE = ["--engine", "fake", "--reconciler", "fake", "--chunking", "fixed", "--read-text", "off"]


class Terminal:
    """A terminal that both streams go to, and what it was shown."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        self.stream = os.fdopen(theirs, "w")
        self._shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._shown += os.read(self._ours, 4096)
            except OSError:  # the other end is closed
                return

    def close(self) -> None:
        self.stream.close()
        self._reader.join()
        os.close(self._ours)

    @property
    def shown(self) -> str:
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", self._shown.decode())


@contextmanager
def open_terminal() -> Iterator[Terminal]:
    """Both streams go there, until it is closed."""
    terminal = Terminal()
    with closing(terminal), redirect_stdout(terminal.stream), redirect_stderr(terminal.stream):
        yield terminal


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")


def test_terminal_is_shown_a_bar_for_each_stage(numbered: Path) -> None:
    with open_terminal() as terminal:
        assert main(["summarize", str(numbered), *FAKE, "--out", "out"]) == 0
    for stage in ("read", "scan", "describe", "reconcile"):
        assert re.search(rf" {stage} .*━", terminal.shown)
    assert "described by fake" in terminal.shown and "4/4" in terminal.shown


def test_arms_of_a_comparison_have_bars_of_their_own_and_notes_act_on_no_terminal() -> None:
    with open_terminal() as terminal, open_bars() as advance:
        advance(Progress("describe", 1, 4, "a\x1b]0;title\x07b", arm="context"))
        advance(Progress("describe", 1, 2, arm="independent"))
    assert "context: describe" in terminal.shown and "independent: describe" in terminal.shown
    assert "\x1b]" not in terminal.shown and "\x07" not in terminal.shown


def test_download_says_first_what_it_fetches_and_how_large_that_is(
    index: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    model = FolderModel("tiny", "for tests", "MIT", (make_asset(),))
    with open_terminal() as terminal:
        fetch_with_bar(model)
    assert terminal.shown.startswith("fetching tiny (0.0 MiB, MIT)")
    asset_path(model, model.files[0]).unlink()
    fetch_with_bar(model)
    assert capsys.readouterr().err == "fetching tiny (0.0 MiB, MIT)\n"


def test_reader_who_leaves_early_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream, redirect_stdout(stream):
        assert main(["models", "list"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_full_standard_output_ends_with_2_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w") as stream, redirect_stdout(stream):
        assert main(["models", "list"]) == 2
    assert "standard output takes no more" in capsys.readouterr().err


def test_note_goes_to_the_standard_error_of_the_moment_as_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["engines"]) == 0
    capsys.readouterr()
    logging.getLogger("longtake").info("slower\nthan usual")
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == "note: slower than usual\n"


def test_without_a_terminal_a_line_of_progress_comes_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_bars(line_seconds=0) as advance:
        advance(Progress("describe", 1, 4))
        advance(Progress("scan", 30, 60))
    assert capsys.readouterr().err == "describe: 1 of 4, 25 %\nscan: 50 %\n"
    with open_bars(line_seconds=60) as advance:
        advance(Progress("describe", 1, 4))
    with open_bars(quiet=True, line_seconds=0) as advance:
        advance(Progress("describe", 1, 4))
    assert capsys.readouterr().err == ""


def test_bar_keeps_its_width_whatever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with open_terminal() as terminal, open_bars() as advance:
        for number, note in enumerate(["short", "long " * 60, ""]):
            advance(Progress("describe", number, 4, note))
    drawn = [line.partition("\x1b")[0] for line in terminal.shown.splitlines() if "━" in line]
    assert drawn and {line.count("━") + line.count("╸") + line.count("╺") for line in drawn} == {24}
    assert max(map(len, drawn)) <= 80


def test_notes_are_wrapped_at_words_in_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    with open_terminal() as terminal:
        note("a few words\nthat are longer than a line")
    assert terminal.shown.splitlines() == ["a few words that are", "longer than a line"]
    note("a few words\nthat are longer than a line")
    assert capsys.readouterr().err == "a few words that are longer than a line\n"
