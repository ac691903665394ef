"""The protocol's own conformance tests against the server, and its inspector as a client.

`make test-doors` installs them into .cache/mcp. Scenarios that call the tools of the tests' own
"everything" server don't apply; those of tasks do, against tests/mcp/conformance_server.py.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.clients import start_http, take_port, wait_for_port

pytestmark = pytest.mark.mcp

ROOT = Path(__file__).parents[2]
TOOLS = Path(os.environ.get("MCP_TOOLS", ROOT / ".cache" / "mcp")) / "node_modules" / ".bin"
OLD, NEW = "2025-11-25", "2026-07-28"
SCENARIOS = [
    ("server-initialize", OLD),
    ("server-session-lifecycle", OLD),
    ("ping", OLD),
    ("completion-complete", OLD),
    ("tools-list", OLD),
    ("resources-list", OLD),
    ("prompts-list", OLD),
    ("dns-rebinding-protection", OLD),
    ("server-stateless", NEW),
    ("completion-complete", NEW),
    ("tools-list", NEW),
    ("resources-list", NEW),
    ("prompts-list", NEW),
    ("dns-rebinding-protection", NEW),
    ("server-sse-multiple-streams", NEW),
    ("sep-2164-resource-not-found", NEW),
    ("caching", NEW),
    ("http-header-validation", NEW),
    ("input-required-result-unsupported-methods", NEW),
]
OF_TASKS = [
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
]
NEED_OTHER_TOOLS = {
    "sep-2575-server-rejects-undeclared-capability",  # a tool that asks the client's model
    "sep-2575-missing-capability-http-400",
    "tasks-mrtr-input",  # a tool that asks the user
}
"""Checks of these scenarios that call a tool which asks for something; none here does."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    patch = pytest.MonkeyPatch()
    patch.setenv("LONGTAKE_HOME", str(tmp_path_factory.mktemp("home")))
    with patch.context(), start_http() as found:
        yield found
    patch.undo()


@pytest.fixture(scope="module")
def tasks_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = take_port()
    home = {"LONGTAKE_HOME": str(tmp_path_factory.mktemp("home"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mcp.conformance_server", str(port)],
        env={**os.environ, **home}, cwd=ROOT,
    )  # fmt: skip
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(10)


def check(url: str, folder: Path, *which: str) -> list[dict[str, Any]]:
    """The checks of a scenario, of which none failed that can pass."""
    done = subprocess.run(
        [TOOLS / "node", TOOLS / "conformance", "server", "--url", url, *which, "-o", folder],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = [json.loads(path.read_text()) for path in folder.rglob("checks.json")]
    assert found, done.stdout + done.stderr
    checks: list[dict[str, Any]] = [entry for each in found for entry in each]
    failed = [
        (entry["id"], entry.get("errorMessage"))
        for entry in checks
        if entry["status"] == "FAILURE" and entry["id"] not in NEED_OTHER_TOOLS
    ]
    assert not failed
    return checks


@pytest.mark.parametrize(("scenario", "version"), SCENARIOS)
def test_server_conforms(url: str, tmp_path: Path, scenario: str, version: str) -> None:
    checks = check(url, tmp_path, "--scenario", scenario, "--spec-version", version)
    assert checks or scenario == "server-session-lifecycle"


@pytest.mark.parametrize("scenario", OF_TASKS)
def test_tasks_conform(tasks_url: str, tmp_path: Path, scenario: str) -> None:
    checks = check(tasks_url, tmp_path, "--scenario", scenario)
    assert {entry["status"] for entry in checks} >= {"SUCCESS"}


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (["tools/list"], "describe_moment"),
        (["resources/list"], "longtake://videos"),
        (["resources/templates/list"], "longtake://runs/{run}/summary"),
        (["prompts/list"], "watch_video"),
        (["tools/call", "--tool-name", "list_videos"], "No video was gone through yet"),
        (["tools/call", "--tool-name", "get_run", "--tool-arg", "run=abc"], "no such run"),
    ],
)
def test_inspector_lists_and_calls(url: str, method: list[str], said: str) -> None:
    done = subprocess.run(
        [TOOLS / "node", TOOLS / "mcp-inspector", "--cli", url, "--transport", "http",
         "--method", *method],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert said in done.stdout, done.stdout + done.stderr
