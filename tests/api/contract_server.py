"""The API for the test of its contract: `python -m tests.api.contract_server PORT TOKENS`.

All is as `longtake serve` has it, but for what would make thousands of requests last: runs that are
placed are not started, and the oldest of them make room; streams and answers are not waited for.
"""

import sys
import threading
import time
from contextlib import suppress

import uvicorn

from longtake.api.app import build_app
from longtake.api.server import open_socket
from longtake.api.serving import Serving
from longtake.door.access import open_access
from longtake.errors import LongtakeError
from longtake.runs import uploads
from longtake.runs.folder import delete, list_waiting

KEPT = 17
"""Of 20 that may wait: those that were placed just now are asked for again."""


def make_room() -> None:
    """Delete the runs that were placed first, and the uploads."""
    while True:
        for run in list_waiting()[:-KEPT]:
            with suppress(LongtakeError):
                delete(run.id)
        for path in sorted(uploads.folder().iterdir())[:-KEPT]:
            path.unlink(missing_ok=True)
        time.sleep(0.05)


def main() -> None:
    port, tokens = sys.argv[1:]
    threading.Thread(target=make_room, daemon=True).start()
    access = open_access("127.0.0.1", token_file=tokens)
    app = build_app(Serving(access, most_wait=0.2, stream_seconds=0.5), starts_runs=False)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,
                            http="h11", ws="none")  # fmt: skip
    uvicorn.Server(config).run(sockets=[open_socket("127.0.0.1", int(port))])


if __name__ == "__main__":
    main()
