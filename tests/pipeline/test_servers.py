"""Whole runs by several servers: one dies, all die, one is added; and who answered what."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from longtake.cli.main import main
from longtake.engines import open_engine
from longtake.errors import EngineUnreachable
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.records import Progress, Result
from longtake.report.json import read_json
from longtake.settings import Settings
from longtake.store import Store
from tests.conftest import ROOT
from tests.scripted import finish
from tests.servers import (
    CHAT,
    MODELS,
    Answer,
    Asked,
    ScriptedServer,
    as_chat,
    as_models,
    drop,
    serve,
)
from tests.videos import make_video

CAT = as_chat("A cat sits on a mat and looks at the door.")
SEEING = as_models(
    {
        "id": "Qwen2.5-VL-3B",  # whose frames' tokens nobody has to ask for
        "max_model_len": 4096,
        "architecture": {"input_modalities": ["text", "image"]},
    }
)


@pytest.fixture
def two() -> Iterator[list[ScriptedServer]]:
    with serve() as first, serve() as second:
        for server in (first, second):
            server.set(MODELS, SEEING)
            server.set(CHAT, CAT)
        yield [first, second]


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 40 chunks of a second."""
    return make_video(tmp_path_factory.mktemp("forty") / "forty.mp4", seconds=40)


def describe(video: Path, store: Store, base_url: str) -> Result:
    with open_engine("server", Settings(base_url=base_url)) as engine:
        return finish(video, store, engine, chunk_seconds=1, base_url=base_url)


def name_all(servers: list[ScriptedServer]) -> str:
    return ",".join(server.base_url for server in servers)


def die_after(server: ScriptedServer, answers: int) -> None:
    """It answers so many chats, and then none, nor anything else."""
    gone, asked_so_far = threading.Event(), itertools.count()

    def list_models(asked: Asked, connection: object) -> Answer | None:
        return None if gone.is_set() else SEEING

    def answer(asked: Asked, connection: object) -> Answer | None:
        if next(asked_so_far) >= answers:
            gone.set()
            return None
        return CAT

    server.set(MODELS, list_models)
    server.set(CHAT, answer)


def test_run_goes_on_without_a_gap_when_one_server_dies(
    forty: Path, store: Store, two: list[ScriptedServer]
) -> None:
    die_after(two[0], 5)
    result = describe(forty, store, name_all(two))
    assert result.ledger.described == 40 and not result.ledger.gaps
    (usage,) = (usage for usage in result.usage if usage.stage == "describe")
    died, lives = usage.servers
    assert (died.server, lives.server) == (two[0].base_url, two[1].base_url)
    assert 1 <= died.failed <= 4
    assert (died.cost.requests, lives.cost.requests) == (5 + died.failed, 35)
    assert [len(server.chats) for server in two] == [5 + died.failed, 35]
    assert usage.cost.input_tokens == died.cost.input_tokens + lives.cost.input_tokens == 440


def test_who_answered_what_stands_in_the_reports_where_there_are_several(
    forty: Path, two: list[ScriptedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    asks = [str(forty), "--reconciler", "digest", "--read-text", "off", "--verbose"]
    assert main(["summarize", *asks, "--out", "one", "--base-url", two[0].base_url]) == 0
    assert "servers:" not in capsys.readouterr().out
    assert "servers" not in json.loads(Path("one/summary.json").read_text())["usage"][0]

    two[0].set(CHAT, drop)
    again = ["--chunk-seconds", "4", "--at-once", "1", "--out", "several"]
    assert main(["summarize", *asks, *again, "--base-url", name_all(two)]) == 0
    said = f"describe: {two[0].base_url} 1 request (0 tokens, 0 s, 1 without a reply), "
    assert f"servers: {said}" in capsys.readouterr().out
    usage = json.loads(Path("several/summary.json").read_text())["usage"][0]
    assert [part["server"] for part in usage["servers"]] == [two[0].base_url, two[1].base_url]
    assert usage["servers"][1]["requests"] == usage["requests"] > 5
    assert said in Path("several/report.html").read_text()
    assert "Servers, describe: http" in Path("several/summary.md").read_text().replace("\\", "")
    assert read_json(Path("several/summary.json")).usage[0].servers[0].failed == 1


def test_server_that_is_added_asks_nothing_anew(
    forty: Path, store: Store, two: list[ScriptedServer]
) -> None:
    before = describe(forty, store, two[0].base_url)
    asked = len(two[0].chats)
    after = describe(forty, store, name_all(two))
    assert asked == len(two[0].chats) == 40 and two[1].chats == []
    assert [d.text for d in before.descriptions] == [d.text for d in after.descriptions]
    assert all(not usage.servers for usage in after.usage)


def test_run_whose_servers_all_die_keeps_what_came_and_has_gaps_for_the_rest(
    forty: Path, store: Store, two: list[ScriptedServer]
) -> None:
    for server in two:
        die_after(server, 5)
    result = describe(forty, store, name_all(two))
    assert result.ledger.described == 10 and len(result.ledger.gaps) == 30
    assert "none of the servers is there" in result.ledger.gaps[0].reason
    with pytest.raises(EngineUnreachable):
        describe(forty, store, name_all(two))


def test_command_without_a_server_that_answers_ends_with_status_4(
    forty: Path, two: list[ScriptedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    for server in two:
        server.set(MODELS, drop)
    assert main(["describe", str(forty), "--base-url", name_all(two)]) == 4
    said = capsys.readouterr().err
    assert two[0].base_url in said and two[1].base_url in said


@contextmanager
def serve_alone(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, which takes half a second for an answer; its address."""
    command = [sys.executable, "-m", "tests.servers", str(port), "0.5"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        try:
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


@pytest.mark.slow
def test_server_that_is_killed_in_the_middle_leaves_no_gap_and_is_asked_again_once_it_is_back(
    forty: Path, store: Store
) -> None:
    with ExitStack() as running:
        killed, first = running.enter_context(serve_alone())
        other, second = running.enter_context(serve_alone())
        anew: list[subprocess.Popen[str]] = []

        def tell(step: Progress) -> None:
            if step.stage == "describe" and step.done == 8 and killed.poll() is None:
                os.kill(killed.pid, signal.SIGKILL)
                killed.wait()
                port = urlsplit(first).port or 0
                anew.append(running.enter_context(serve_alone(port))[0])

        settings = Settings(
            base_url=f"{first},{second}",
            at_once=2,
            chunking="fixed",
            chunk_seconds=1.0,
            read_text="off",
            out="out",
        )
        with open_engine("server", settings) as engine:
            result = run_to_end(run(forty, settings, store, engine, None), tell)
    assert result.ledger.described == 40 and not result.ledger.gaps
    answered = Counter(int(d.text.split()[-1].rstrip(".")) for d in result.descriptions)
    assert set(answered) == {killed.pid, other.pid, anew[0].pid}
    assert answered[anew[0].pid] >= 3
    (usage,) = (usage for usage in result.usage if usage.stage == "describe")
    assert usage.servers[0].failed == 1
    assert sum(part.cost.requests for part in usage.servers) == 41
