"""Real processes and sockets: both transports, nothing but the protocol, and who may come in."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from longtake.door.access import Access
from longtake.errors import UsageError
from longtake.mcp import serve_http
from longtake.mcp.transports import BODY_SECONDS
from tests.mcp.clients import (
    ERAS,
    NEW,
    OLD,
    QUICK,
    as_stdio,
    data_of,
    start_http,
    summarize,
    take_port,
    text_of,
    wait_for_port,
)

pytestmark = pytest.mark.slow

READ, RUN = "r" * 20, "w" * 20
DISCOVER: dict[str, Any] = {
    "jsonrpc": "2.0", "id": 1, "method": "server/discover",
    "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                         "io.modelcontextprotocol/clientCapabilities": {}}},
}  # fmt: skip
HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "server/discover",
}


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    path = tmp_path / "tokens"
    path.write_text(f"read {READ} reader\nrun {RUN} runner\n")
    path.chmod(0o600)
    return str(path)


@asynccontextmanager
async def connect(url: str, token: str = "", mode: str = NEW) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@pytest.mark.parametrize("era", ERAS)
def test_video_is_summarised_over_standard_input_and_output(numbered: Path, era: str) -> None:
    async def go() -> None:
        async with Client(as_stdio(numbered.parent), mode=era) as client:
            found = await summarize(client, numbered.name)
            assert data_of(found)["headline"]
            assert len((await client.list_tools()).tools) == 8

    asyncio.run(go())


@pytest.mark.parametrize("era", ERAS)
def test_video_is_summarised_over_http(numbered: Path, era: str) -> None:
    async def go(url: str) -> None:
        async with connect(url, mode=era) as client:
            found = await summarize(client, numbered.name)
            run = found.structured_content["run"]
            read = await client.read_resource(f"longtake://runs/{run}/summary")
            assert data_of(found)["headline"] in read.contents[0].text

    with start_http([numbered.parent]) as url:
        asyncio.run(go(url))


@pytest.mark.parametrize("era", ERAS)
def test_run_started_at_one_server_is_polled_at_another(
    numbered: Path, slow: dict[str, object], era: str
) -> None:
    async def go(one: str, other: str) -> None:
        async with connect(one, mode=era) as client:
            asked = {"source": str(numbered), "settings": slow}
            run = (await client.call_tool("summarize", asked)).structured_content["run"]
        async with connect(other, mode=era) as client:
            found = await client.call_tool("get_run", {"run": run, "wait_seconds": 3})
            assert found.structured_content["state"] == "running"
            stopped = await client.call_tool("stop_run", {"run": run})
            assert stopped.structured_content["state"] == "stopped"

    with start_http([numbered.parent]) as one, start_http() as other:
        asyncio.run(go(one, other))


def test_run_outlives_the_server_that_started_it(numbered: Path, slow: dict[str, object]) -> None:
    async def start(url: str) -> str:
        async with connect(url) as client:
            asked = {"source": str(numbered), "settings": slow}
            run: str = (await client.call_tool("summarize", asked)).structured_content["run"]
            found = await client.call_tool("get_run", {"run": run, "wait_seconds": 4})
            assert found.structured_content["state"] == "running"
            return run

    async def look(url: str, run: str) -> None:
        async with connect(url) as client:
            found = await client.call_tool("get_run", {"run": run})
            assert found.structured_content["state"] == "running"

    with start_http([numbered.parent]) as url:
        run = asyncio.run(start(url))
    with start_http([numbered.parent]) as url:
        asyncio.run(look(url, run))


def test_nothing_but_the_protocol_goes_to_standard_output(tmp_path: Path) -> None:
    """Not even what a library prints, or a refused request says."""
    command = as_stdio(tmp_path)
    process = subprocess.Popen(
        [command.command, *command.args],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin and process.stdout
    calls = [DISCOVER, {"jsonrpc": "2.0", "id": 2, "method": "no/such"}, "no json", DISCOVER]
    for call in calls:
        process.stdin.write((call if isinstance(call, str) else json.dumps(call)).encode() + b"\n")
    process.stdin.flush()
    told = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert told[0]["result"]["supportedVersions"] and all(t["jsonrpc"] == "2.0" for t in told)
    begun = time.monotonic()
    process.stdin.close()
    rest = process.stdout.read()
    assert process.wait(10) == 0 and time.monotonic() - begun < 5
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    process.stdout.close()
    assert process.stderr
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_server_ends_at_once(tmp_path: Path, number: int) -> None:
    command = as_stdio(tmp_path)
    with subprocess.Popen(
        [command.command, *command.args],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(json.dumps(DISCOVER).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline()
        begun = time.monotonic()
        os.kill(process.pid, number)
        assert process.wait(10) == 0 and time.monotonic() - begun < 2
        assert b"Traceback" not in process.stderr.read()


def test_interrupted_server_of_http_ends_at_once_though_a_client_waits(
    numbered: Path, slow: dict[str, object]
) -> None:
    async def go(url: str) -> str:
        async with connect(url) as client:
            asked = {"source": str(numbered), "settings": slow}
            run: str = (await client.call_tool("summarize", asked)).structured_content["run"]
            return run

    code = (
        "import sys; from longtake.door.access import open_access\n"
        "from longtake.mcp import serve_http\n"
        "serve_http('127.0.0.1', int(sys.argv[1]), open_access('127.0.0.1', sys.argv[2:]))"
    )
    port = take_port()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(port), str(numbered.parent)], stderr=subprocess.PIPE
    )
    wait_for_port(port, process)
    url = f"http://127.0.0.1:{port}/mcp"
    run = asyncio.run(go(url))
    params = {"name": "get_run", "arguments": {"run": run, "wait_seconds": 8}}
    asked = {**DISCOVER, "method": "tools/call", "params": {**params, **DISCOVER["params"]}}
    headers = HEADERS | {"mcp-method": "tools/call", "mcp-name": "get_run"}

    def wait() -> None:
        with suppress(httpx2.HTTPError):  # the server goes away
            httpx2.post(url, json=asked, headers=headers, timeout=20)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(1)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) in (0, -signal.SIGINT) and time.monotonic() - begun < 5
    waiting.join()
    assert process.stderr
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_port_that_is_taken_is_told() -> None:
    with start_http() as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(UsageError, match="nothing can be served"):
            serve_http("127.0.0.1", port, Access())


def test_foreign_hosts_and_origins_and_wrong_tokens_are_refused(
    tokens: str, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("wb") as log, start_http([], tokens, log.fileno()) as url:

        def ask(**headers: str) -> httpx2.Response:
            sent = HEADERS | {"authorization": f"Bearer {RUN}"} | headers
            return httpx2.post(url, json=DISCOVER, headers=sent)

        assert ask().json()["result"]["supportedVersions"] == ["2026-07-28"]
        assert ask(host="evil.example").status_code == 403
        assert ask(origin="https://evil.example").status_code == 403
        assert ask(origin="null").status_code == 403
        allowed = ask(origin="https://app.example")
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        for wrong in ("", f"Bearer {RUN}x", f"Basic {RUN}", "Bearer"):
            refused = ask(authorization=wrong)
            assert refused.status_code == 401 and "www-authenticate" in refused.headers
            assert refused.json()["hint"] and RUN not in refused.text
        big = httpx2.post(
            url, content=b"[" * 2_000_000, headers=HEADERS | {"authorization": f"Bearer {RUN}"}
        )
        assert big.status_code == 413
        assert httpx2.get(url.replace("/mcp", "/"), headers=HEADERS).status_code == 401
        for method in ("GET", "DELETE"):
            refused = httpx2.request(method, url, headers={"authorization": f"Bearer {RUN}"})
            assert refused.status_code == 405 and refused.headers["allow"] == "POST"
        own = url.replace("/mcp", "")
        assert ask(origin=own).status_code == 200
        assert ask(origin=own.replace("127.0.0.1", "localhost")).status_code == 403
    logged = (tmp_path / "log").read_text()
    assert "serving" in logged and RUN not in logged and READ not in logged


def test_body_that_does_not_come_keeps_no_place_from_others(tokens: str) -> None:
    with start_http([], tokens) as url:
        host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {READ}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{"
        )
        with socket.create_connection((host, int(port)), timeout=BODY_SECONDS + 15) as slow:
            slow.sendall(head.encode())
            assert b" 408 " in slow.recv(1000)


@pytest.mark.parametrize("era", ERAS)
def test_who_may_read_starts_and_stops_nothing(numbered: Path, tokens: str, era: str) -> None:
    async def go(url: str) -> None:
        async with connect(url, RUN, era) as client:
            run = (await summarize(client, numbered)).structured_content["run"]
            assert run in json.dumps(
                [str(r.uri) for r in (await client.list_resources()).resources]
            )
        async with connect(url, READ, era) as client:
            for tool, asked in (
                ("summarize", {"source": str(numbered), "settings": QUICK}),
                ("stop_run", {"run": run}),
                ("describe_moment", {"source": str(numbered), "start": 1}),
                ("ask", {"question": "What is there?"}),
            ):
                refused = await client.call_tool(tool, asked)
                assert refused.is_error and "may read" in text_of(refused), tool
            found = await client.call_tool("get_run", {"run": run})
            assert data_of(found)["headline"]
            assert (await client.call_tool("search", {"query": "number"})).is_error is False
            others = [str(r.uri) for r in (await client.list_resources()).resources]
            assert run not in json.dumps(others)

    with start_http([numbered.parent], tokens) as url:
        asyncio.run(go(url))


def test_missing_extra_is_told_with_the_command_that_adds_it() -> None:
    code = (
        "import sys; sys.modules['mcp'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'mcp' else find(name, *a)\n"
        "from longtake.mcp import serve_stdio\n"
        "from longtake.door.access import Access\n"
        "serve_stdio(Access())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "UsageError: assistants need the MCP SDK" in done.stderr


def test_forty_that_wait_at_once_are_answered_in_ten_seconds(
    numbered: Path, slow: dict[str, object]
) -> None:
    async def call(http: httpx2.AsyncClient, url: str, tool: str, arguments: object) -> Any:
        params = {"name": tool, "arguments": arguments, **DISCOVER["params"]}
        asked = {**DISCOVER, "method": "tools/call", "params": params}
        headers = HEADERS | {"mcp-method": "tools/call", "mcp-name": tool}
        begun = time.monotonic()
        told = (await http.post(url, json=asked, headers=headers)).json()
        assert time.monotonic() - begun < 10
        return told["result"]["structuredContent"]

    async def go(url: str) -> None:
        async with httpx2.AsyncClient(timeout=30) as http:
            asked = {"source": str(numbered), "settings": slow}
            run = (await call(http, url, "summarize", asked))["run"]
            wait = {"run": run, "wait_seconds": 8}
            told = await asyncio.gather(*(call(http, url, "get_run", wait) for _ in range(40)))
            assert {each["state"] for each in told} == {"running"}

    with start_http([numbered.parent]) as url:
        asyncio.run(go(url))


def test_old_era_keeps_no_session(numbered: Path) -> None:
    async def go(url: str) -> None:
        async with connect(url, mode=OLD) as client:
            assert client.protocol_version == "2025-11-25"
            listed = await client.call_tool("list_videos", {})
            assert not listed.is_error

    with start_http([numbered.parent]) as url:
        asyncio.run(go(url))
