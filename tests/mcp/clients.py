"""Clients of the protocol, as assistants have them, and servers in processes of their own."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult

from longtake.door.access import Access
from longtake.mcp import make_server

T = TypeVar("T")

NEW, OLD = "auto", "legacy"
"""The eras of the protocol, by how the SDK's client asks for them."""
ERAS = (NEW, OLD)
QUICK = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
         "chunking": "fixed"}  # fmt: skip
PATIENCE = 40.0
MOST_LETTERS = 16_000
"""Of a reply's text, and of its values: some 4,000 tokens."""


def talk(ask: Callable[[Client], Awaitable[T]], *roots: Path, mode: str = NEW, **options: Any) -> T:
    """What comes of a talk with a server in this process."""

    async def go() -> T:
        server = make_server(Access(roots=roots))
        async with Client(server, mode=mode, **options) as client:
            return await ask(client)

    try:
        return asyncio.run(go())
    except BaseExceptionGroup as group:
        raise _unwrap(group) from None


def _unwrap(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def finish(client: Client, run: str) -> CallToolResult:
    """The run's result, polled for as an assistant does."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = await client.call_tool("get_run", {"run": run, "wait_seconds": 8})
        assert not found.is_error, text_of(found)
        if found.structured_content["state"] in ("done", "failed", "stopped"):
            return found
    raise AssertionError(text_of(found))


async def summarize(client: Client, source: Path | str, **settings: object) -> CallToolResult:
    """A run that was gone through, as get_run tells of it."""
    asked = {"source": str(source), "settings": QUICK | settings}
    started = await client.call_tool("summarize", asked)
    assert not started.is_error, text_of(started)
    return await finish(client, started.structured_content["run"])


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


def data_of(result: CallToolResult) -> dict[str, Any]:
    found: dict[str, Any] = result.structured_content["from_video"]
    return found


def as_stdio(*roots: Path) -> StdioServerParameters:
    """How a host starts the server."""
    return StdioServerParameters(
        command=sys.executable, args=["-c", _STDIO, *map(str, roots)], env=dict(os.environ)
    )


_STDIO = (
    "import sys; from pathlib import Path; from longtake.door.access import Access;"
    "from longtake.mcp import serve_stdio;"
    "serve_stdio(Access(roots=tuple(map(Path, sys.argv[1:]))))"
)
_HTTP = (
    "import sys; from longtake.door.access import open_access; from longtake.mcp import serve_http;"
    "port, tokens, *roots = sys.argv[1:];"
    "serve_http('127.0.0.1', int(port),"
    " open_access('127.0.0.1', roots, tokens, [], ['https://app.example']))"
)


@contextmanager
def start_http(
    roots: Sequence[Path] = (), tokens: str = "", log: int = subprocess.DEVNULL
) -> Iterator[str]:
    """The address of a server in a process of its own; `log` takes what it writes."""
    port = take_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _HTTP, str(port), tokens, *map(str, roots)],
        stdout=log,
        stderr=log,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(10)


def take_port() -> int:
    """One that is free just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until the process serves there."""
    until = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < until
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
