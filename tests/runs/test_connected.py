"""Servers that were connected: remembered for their user alone, each key for its address alone."""

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.runs.folder import ENDED, Asked, read_run, submit
from longtake.runs.queue import Queue
from longtake.runs.servers import (
    Connected,
    choose,
    connect,
    forget,
    give_keys,
    list_connected,
    read_chosen,
    servers_path,
)
from longtake.settings import Settings
from tests.servers import CHAT, as_chat, as_error, serve
from tests.servers import Asked as Sent

KEY = "sk-only-for-this-server-0123456789"
HERE, THERE = "http://127.0.0.1:8000/v1", "https://models.example/v1"


def test_a_server_is_remembered_in_a_file_that_its_user_alone_may_read() -> None:
    old = os.umask(0)  # as lax as can be
    try:
        connect(Connected(HERE, "vLLM", ("a",), KEY))
        connect(Connected(HERE, "vLLM", ("b",), KEY))
    finally:
        os.umask(old)
    assert stat.S_IMODE(servers_path().stat().st_mode) == 0o600
    assert [path.name for path in servers_path().parent.iterdir()] == ["servers.json"]
    assert list_connected() == [Connected(HERE, "vLLM", ("b", "a"), KEY)]
    assert KEY not in repr(list_connected())


def test_a_server_that_is_forgotten_takes_its_key_with_it() -> None:
    connect(Connected(HERE, "vLLM", ("a",), KEY))
    connect(Connected(THERE, "", ("b",), "other"))
    choose("sketch")
    forget(HERE)
    assert [known.address for known in list_connected()] == [THERE]
    assert KEY not in servers_path().read_text() and read_chosen() == "sketch"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"form": 2, "servers": []}', '{"form": 1, "servers": [1, {"models": "x"}]}'],
)
def test_a_damaged_file_is_no_server_and_can_be_written_anew(text: str) -> None:
    servers_path().parent.mkdir(parents=True)
    servers_path().write_text(text)
    assert list_connected() == [] and read_chosen() == ""
    connect(Connected(HERE, "", ("a",), KEY))
    assert [known.address for known in list_connected()] == [HERE]


def test_each_address_is_given_its_own_key_and_no_other() -> None:
    connect(Connected(HERE, "vLLM", ("a",), KEY))
    own = Settings(base_url=THERE, api_key="the page's")
    assert give_keys(own, own).api_key == "the page's"
    there = give_keys(replace(own, base_url=HERE), own)
    assert there.api_key == KEY
    assert (there.reconciler_base_url, there.reconciler_api_key) == (THERE, "the page's")
    assert give_keys(replace(own, base_url="http://127.0.0.1:9/v1"), own).api_key == ""
    alone = Settings(api_key="of no address")
    assert give_keys(replace(alone, base_url="http://127.0.0.1:9/v1"), alone).api_key == ""


def test_key_for_several_addresses_is_for_each_of_them_and_no_other() -> None:
    other = "http://127.0.0.1:9/v1"
    connect(Connected(HERE, "vLLM", ("a",), KEY))
    own = Settings(base_url=f"{HERE},{THERE}", api_key="the page's")
    for named in (own.base_url, f"{THERE}/,{HERE}", HERE, THERE):
        assert give_keys(replace(own, base_url=named), own).api_key == "the page's"
    for foreign in (other, f"{HERE},{other}", ""):
        assert give_keys(replace(own, base_url=foreign), own).api_key == ""
    alone = Settings(api_key="of no address")
    assert give_keys(replace(alone, base_url=f"{HERE},{THERE}"), alone).api_key == ""


def test_a_run_by_a_connected_server_sends_its_key_and_leaves_it_nowhere(
    numbered: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    seen: list[str] = []

    def answer(sent: Sent, _connection: object) -> object:
        seen.append(sent.headers.get("Authorization", ""))
        return as_chat("A number counts up.")

    with serve() as server:
        server.set(CHAT, answer)  # type: ignore[arg-type]
        connect(Connected(server.base_url, "vLLM", ("tiny",), KEY))
        settings = {
            "engine": "server:tiny", "base_url": server.base_url, "reconciler": "fake",
            "speech": "off", "read_text": "off",
        }  # fmt: skip
        run = submit(Asked(str(numbered), "summarize", settings, "", "me", time.time()))
        queue = Queue(1)
        queue.start()
        commands = set()
        try:
            deadline = time.monotonic() + 60
            while (found := read_run(run)).state not in ENDED:
                assert time.monotonic() < deadline, found
                if found.pid:
                    listed = subprocess.run(
                        ["ps", "-o", "args=", "-p", str(found.pid)],
                        capture_output=True, text=True, check=False,
                    )  # fmt: skip
                    commands.add(listed.stdout)
                time.sleep(0.05)
        finally:
            queue.close()
    assert found.state == "done", found
    assert seen and set(seen) == {f"Bearer {KEY}"}
    assert any("longtake.runs.worker" in command for command in commands)
    assert not any(KEY in command for command in commands)
    holding = [
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert holding == ["servers.json"]


def test_a_refused_key_is_told_without_the_key(numbered: Path, home: Path) -> None:
    with serve() as server:
        server.set("/v1/models", as_error(401, f"Incorrect API key provided: {KEY}"))
        connect(Connected(server.base_url, "", ("tiny",), KEY))
        settings = {"engine": "server:tiny", "base_url": server.base_url}
        run = read_run(submit(Asked(str(numbered), "summarize", settings, "", "me", 1.0)))
        subprocess.run(
            [sys.executable, "-m", "longtake.runs.worker", str(run.folder)], check=False, timeout=60
        )
    found = json.loads((run.folder / "state.json").read_text())
    assert found["state"] == "failed" and "401" in found["error"]
    assert not any(
        KEY.encode() in path.read_bytes() for path in run.folder.rglob("*") if path.is_file()
    )
