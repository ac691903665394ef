"""The API for the test of its contract: `python -m tests.api.contract_server PORT TOKENS`.

All is as `longtake serve` has it, but for what would make thousands of requests last: runs that are
placed are not started, and the oldest are stopped to make room; streams and answers end soon.
"""

import sys
import threading
import time
from contextlib import suppress

from longtake.api.app import build_app
from longtake.api.serving import Serving
from longtake.door.access import open_access
from longtake.door.place import open_socket
from longtake.door.server import serve_app
from longtake.errors import LongtakeError
from longtake.runs import uploads
from longtake.runs.folder import list_waiting, stop

KEPT, KEPT_UPLOADS = 10, 3
"""Of 20 runs and five uploads that may wait."""


def make_room() -> None:
    """Stop the runs that were placed first; delete the first uploads."""
    while True:
        for run in list_waiting()[:-KEPT]:
            with suppress(LongtakeError):
                stop(run.id)
        with suppress(FileNotFoundError):  # one has just been refused, or become a run's
            waiting = sorted(uploads.folder().iterdir(), key=lambda path: path.stat().st_mtime)
            for path in waiting[:-KEPT_UPLOADS]:
                path.unlink()
        time.sleep(0.05)


def main() -> None:
    port, tokens = sys.argv[1:]
    threading.Thread(target=make_room, daemon=True).start()
    access = open_access("127.0.0.1", token_file=tokens)
    app = build_app(Serving(access, most_wait=0.2, stream_seconds=0.5), starts_runs=False)
    serve_app(app, open_socket("127.0.0.1", int(port)))


if __name__ == "__main__":
    main()
