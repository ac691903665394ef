"""A server with the tools that the protocol's own conformance tests call, on our runs and tasks.

`python -m tests.mcp.conformance_server PORT`: the extension, the gate and the transport are those
of `longtake mcp`; only the tools are made for these tests.
"""

import json
import sys
import threading
import time
from dataclasses import replace

import uvicorn
from mcp_types import CallToolResult

from longtake.door.access import open_access
from longtake.door.gate import Gate
from longtake.mcp.callers import make_middleware
from longtake.mcp.replies import ToolReply, as_result
from longtake.mcp.server import LongtakeServer
from longtake.mcp.tasks import Tasks
from longtake.mcp.told import tell_run
from longtake.runs.folder import ENDED, Asked, read_run, submit, write_state

ANSWER = {"question": "", "sentences": [], "moments": [], "remarks": ["done"]}
STARTERS = ("slow_compute", "failing_job", "protocol_error_job")


def main() -> None:
    access = open_access("127.0.0.1")
    server = LongtakeServer(
        "conformance",
        extensions=[Tasks(STARTERS)],
        middleware=[make_middleware(access)],
        subscriptions=False,
        log_level="ERROR",
    )
    for tool in (greet, slow_compute, failing_job, protocol_error_job):
        server.add_tool(tool, structured_output=False)
    app = server.streamable_http_app(stateless_http=True)
    uvicorn.run(Gate(app, access, frozenset()), port=int(sys.argv[1]), log_level="error")


def greet(name: str) -> str:
    """Say hello at once."""
    return f"Hello, {name}!"


def slow_compute(seconds: float, label: str = "") -> CallToolResult:
    """Take so many seconds."""
    if not seconds:
        return as_result(ToolReply(["done at once"]))
    return _start(seconds)


def failing_job() -> CallToolResult:
    """Fail after a second."""
    return _start(1, error="it failed, as it should")


def protocol_error_job() -> CallToolResult:
    """End after a second without the result that there should be."""
    return _start(1, answered=False)


def _start(seconds: float, error: str = "", answered: bool = True) -> CallToolResult:
    """A run that ends by a clock, and not by a worker."""
    run = read_run(submit(Asked("", "ask", {}, "", "own", time.time())))

    def end() -> None:
        now = read_run(run.id)
        if now.state in ENDED:
            return
        if answered:
            (run.folder / "out").mkdir()
            (run.folder / "out" / "answer.json").write_text(json.dumps(ANSWER))
        state = "failed" if error else "done"
        write_state(replace(now, state=state, error=error, ended=time.time()))

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return as_result(tell_run(run))


if __name__ == "__main__":
    main()
