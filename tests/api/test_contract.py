"""The OpenAPI document is true: thousands of requests are made from it, and no answer is another.

By schemathesis, in an environment of its own (`make test-doors`), with every check that it has.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.api.conftest import RUNNER, Ended
from tests.conftest import ROOT

SCHEMATHESIS = Path(
    os.environ.get("SCHEMATHESIS") or ROOT / ".cache" / "schemathesis" / "bin" / "schemathesis"
)
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "100")
"""Cases of an operation, in each of its phases."""
CONFIG = """
# What a schema can't say is refused by these: a file that is not there, a run that is at work.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 416, 422, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]

[[operations]]
include-name = "POST /v1/uploads"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 413, 415, 429]
"""
KNOWN = """
[[operations]]
include-name = "GET /v1/runs/{{id}}/result"
parameters = {{ id = "{summarize}" }}

[[operations]]
include-name = "GET /v1/runs/{{id}}/files/{{place}}"
parameters = {{ id = "{summarize}", place = "summary.md" }}

[[operations]]
include-name = "GET /v1/runs/{{id}}/thumbs/{{number}}"
parameters = {{ id = "{summarize}", number = 1 }}

[[operations]]
include-name = "GET /v1/runs/{{id}}/frames/{{number}}"
parameters = {{ id = "{look}", number = 1 }}
"""
"""Where there is something to take: else no request but one after a made-up id would find it."""


@pytest.fixture
def server(ended: Ended, token_file: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a server of that home."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.contract_server", str(port), str(token_file)],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
        try:
            wait_until_up(url)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def wait_until_up(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(httpx2.TransportError):
            httpx2.get(f"{url}/v1/health").raise_for_status()
            return
        time.sleep(0.05)
    raise AssertionError("the server does not stand")


@pytest.mark.api
@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
def test_every_answer_is_one_that_the_document_names(
    server: str, ended: Ended, tmp_path: Path, phases: str
) -> None:
    config = tmp_path / "schemathesis.toml"
    known = KNOWN.format(summarize=ended.summarize, look=ended.look)
    config.write_text(CONFIG if phases == "stateful" else CONFIG + known)
    done = subprocess.run(
        [
            SCHEMATHESIS, "--config-file", config, "run", f"{server}/v1/openapi.json",
            "--checks", "all", "--phases", phases, "--max-examples", EXAMPLES,
            "--continue-on-failure",
            "--header", f"Authorization: Bearer {RUNNER}", "--no-color", "--warnings", "off",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    log = (tmp_path / "server.log").read_text()
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{log}"
    assert "Traceback" not in log and RUNNER not in log
