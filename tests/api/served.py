"""A real server of the API in its own process, as `longtake serve` starts it, and its events."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.conftest import ROOT

START = (
    "import sys\n"
    "from longtake.api import serve\n"
    "from longtake.door.access import open_access\n"
    "port, roots, tokens = int(sys.argv[1]), sys.argv[2].split(), sys.argv[3]\n"
    "serve('127.0.0.1', port, open_access('127.0.0.1', roots, tokens))\n"
)
PATIENCE = 60.0


@dataclass
class RealServer:
    """The process, where it serves, and what it says."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def kill(self) -> None:
        """At once, as a machine that loses its power; workers live on."""
        self.process.kill()
        self.process.wait()

    def read_memory(self) -> int:
        """Bytes that it has in memory."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


@contextmanager
def run_server(
    tmp_path: Path, *roots: Path, tokens: str = "", **variables: str
) -> Iterator[RealServer]:
    """A server on a free port; told to end at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / f"server-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(port), " ".join(map(str, roots)), tokens],
            stdout=file,
            stderr=file,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        )
    server = RealServer(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until_up(server.url)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def wait_until_up(url: str) -> None:
    def is_up() -> bool:
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{url}/v1/health").status_code == 200
        return False

    wait_until(is_up)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass(frozen=True)
class Heard:
    """One event of a stream."""

    kind: str
    id: str
    data: Any


def listen(
    url: str, run: str, last: str = "", headers: dict[str, str] | None = None
) -> Iterator[Heard]:
    """The events of a run, until its stream ends."""
    more = {"last-event-id": last} if last else {}
    path = f"{url}/v1/runs/{run}/events"
    with httpx2.stream("GET", path, headers=more | (headers or {}), timeout=PATIENCE) as answer:
        if answer.status_code == 204:
            return
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "event" in fields:
                yield Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}
            else:
                fields = {}
