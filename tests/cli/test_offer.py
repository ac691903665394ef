"""A better describer is offered to a person at a terminal, from a stand-in for the hub."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.cli.offer import answer_offer
from longtake.doctor.offer import Offer
from longtake.models.table import SMOLVLM2, Hub, is_model_here
from tests.models.packages import make_asset
from tests.servers import Answer, ScriptedServer, serve
from tests.videos import make_video

COMMAND = [sys.executable, "-m", "longtake", "talk.mp4", "--speech", "off", "--read-text", "off"]
QUESTION = "Fetch it now? yes, no, never"


def weights_path() -> str:
    source = SMOLVLM2.weights.sources[0]
    assert isinstance(source, Hub)
    return f"/{source.repository}/resolve/{source.revision}/{source.file}"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[ScriptedServer]:
    """Has the weights, as far as anybody asks for their size."""
    make_video(tmp_path / "talk.mp4", seconds=3)
    headers = {"ETag": '"tag"', "X-Repo-Commit": "0" * 40}
    with serve() as server:
        server.set(weights_path(), Answer(200, b"not the weights", headers))
        yield server


def run_in_terminal(typed: str, hub: ScriptedServer, *flags: str, home: Path) -> tuple[int, str]:
    """The command with a person at its terminal; status, and what that was shown."""
    ours, theirs = pty.openpty()
    names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_ETAG_TIMEOUT": "1", "LONGTAKE_HOME": str(home)}
    environment |= {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HOME": str(home / "hub")}
    with subprocess.Popen(
        [*COMMAND, *flags], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:  # the other end is closed
            pass
        os.close(ours)
    return process.returncode, shown.decode()


@pytest.mark.slow
def test_person_is_asked_once_with_size_time_and_what_it_brings(
    hub: ScriptedServer, tmp_path: Path
) -> None:
    status, shown = run_in_terminal("no\n", hub, home=tmp_path / "home")
    assert status == 0 and shown.count(QUESTION) == 1
    assert "smolvlm2-500m-video (0.5 GB, Apache-2.0) describes what people do" in shown
    assert "this video would take about " in shown
    assert "described by sketch" in shown
    assert {asked.method for asked in hub.asked} == {"HEAD"}


@pytest.mark.slow
def test_never_is_remembered(hub: ScriptedServer, tmp_path: Path) -> None:
    assert QUESTION in run_in_terminal("never\n", hub, home=tmp_path / "home")[1]
    status, shown = run_in_terminal("", hub, home=tmp_path / "home")
    assert status == 0 and QUESTION not in shown


@pytest.mark.slow
def test_download_that_goes_wrong_is_told_and_the_run_goes_on(
    hub: ScriptedServer, tmp_path: Path
) -> None:
    status, shown = run_in_terminal("yes\n", hub, home=tmp_path / "home")
    assert status == 0 and "described by sketch" in shown
    assert "what came is not the file of the table" in " ".join(shown.split())
    assert "It goes on without." in " ".join(shown.split())


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--json",), ("--quiet",), ("--engine", "sketch")])
def test_nobody_is_asked_who_wants_a_document_or_names_an_engine(
    flags: tuple[str, ...], hub: ScriptedServer, tmp_path: Path
) -> None:
    status, shown = run_in_terminal("", hub, *flags, home=tmp_path / "home")
    assert status == 0 and QUESTION not in shown and hub.asked == []


@pytest.mark.slow
def test_nobody_is_asked_where_there_is_no_terminal(hub: ScriptedServer, tmp_path: Path) -> None:
    environment = os.environ | {"HF_ENDPOINT": hub.url, "LONGTAKE_HOME": str(tmp_path / "home")}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=True)
    assert QUESTION not in done.stderr + done.stdout and hub.asked == []


def wait(*_: object) -> Answer:
    time.sleep(8)
    return Answer(200, b"")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [Answer(404), Answer(500), wait])
def test_hub_that_is_slow_or_broken_offers_nothing_and_costs_seconds(
    answer: Answer | Callable[..., Answer], hub: ScriptedServer, tmp_path: Path
) -> None:
    hub.set(weights_path(), answer)  # type: ignore[arg-type]
    status, shown = run_in_terminal("", hub, home=tmp_path / "home")
    assert status == 0 and QUESTION not in shown and "described by sketch" in shown


def test_model_that_is_wanted_is_here_afterwards(
    index: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = replace(SMOLVLM2, name="tiny", weights=make_asset(), projector=None)
    reader, writer = os.pipe()
    os.write(writer, b"perhaps\ny\n")
    os.close(writer)
    with os.fdopen(reader) as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        answer_offer(Offer(tiny, 90.0), "this video")
    shown = capsys.readouterr().err
    assert "'perhaps' is none of yes, no, never" in shown and "about 1.5 min" in shown
    assert is_model_here(tiny)
