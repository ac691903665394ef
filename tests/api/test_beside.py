"""One process serves the page and the interface for programs, by one queue, each behind its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from longtake.runs.folder import list_runs
from tests.mcp.clients import take_port

KEY = "the-key-of-the-page"
QUICK = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off"}


@pytest.mark.slow
def test_page_and_programs_share_a_process_and_a_queue_and_end_with_it(
    numbered: Path, tmp_path: Path
) -> None:
    port = take_port()
    url = f"http://127.0.0.1:{port}"
    command = ["app", "--api", "--port", str(port), "--root", str(numbered.parent)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "longtake", *command],
            env={**os.environ, "LONGTAKE_PAGE_KEY": KEY}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{url}/v1/health").status_code == 200:
                    break
            time.sleep(0.1)
        assert httpx2.get(url).status_code == httpx2.get(f"{url}/v1/runs").status_code == 401
        assert httpx2.get(url, cookies={"longtake_key": KEY}).status_code == 200
        order = {"source": numbered.name, "settings": QUICK}
        owner = {"authorization": f"Bearer {KEY}"}
        placed = httpx2.post(f"{url}/v1/runs", json=order, headers=owner)
        assert placed.status_code == 202, placed.text
        place = f"{url}{placed.headers['location']}/events"
        with httpx2.stream("GET", place, timeout=60, headers=owner) as told:
            events = [line for line in told.iter_lines() if line.startswith("event: ")]
        assert events[-1] == "event: end" and "event: description" in events
        (run,) = list_runs()
        assert (run.id, run.state) == (placed.json()["id"], "done")
        foreign = {"origin": "http://evil.example", **owner}
        assert httpx2.get(f"{url}/v1/runs", headers=foreign).status_code == 403
        again = {**order, "title": "again"}
        second = httpx2.post(f"{url}/v1/runs", json=again, headers=owner).json()["id"]
        place = f"{url}/v1/runs/{second}/events"
        with httpx2.stream("GET", place, timeout=60, headers=owner) as told:
            lines = told.iter_lines()
            next(lines)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            list(lines)
        process.wait(20)
        assert time.monotonic() - began < 15
    finally:
        process.kill()
        process.wait()
