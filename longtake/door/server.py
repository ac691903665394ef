"""How programs are served: by uvicorn, on one socket, without a word of who asks what."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from longtake.door.gate import MOST_AT_ONCE

HEAD_SECONDS = 10.0
"""How long the head of a request may take to come: who sends none keeps a place from others."""
MOST_HEAD_BYTES = 128 << 10
"""What the longest question takes in a query, and as much again."""
KEPT_SECONDS = 20
"""How long a connection on which nothing is asked stays open."""
END_SECONDS = 10
"""How long answers under way may take when the server is told to end."""


def serve_app(
    app: ASGIApp, listening: socket.socket, on_exit: Callable[[], object] = lambda: None
) -> None:
    """Serve until stopped; `on_exit` is called as soon as it is told to end."""
    config = uvicorn.Config(
        app,
        log_level="error",  # a warning is of a client that speaks no HTTP
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=HurriedConnection,
        ws="none",
        lifespan="on",
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
        limit_concurrency=2 * MOST_AT_ONCE,  # above what the gate lets in, which says why
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
    )
    with suppress(KeyboardInterrupt):  # which uvicorn raises again when all has ended
        _LeavingServer(config, on_exit).run(sockets=[listening])


class _LeavingServer(uvicorn.Server):
    """Says at once that it shall end, so that answers that wait for something come now."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        self._on_exit()
        super().handle_exit(sig, frame)


class HurriedConnection(H11Protocol):
    """A connection that is closed where the head of its next request does not come in time."""

    _due = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It stands."""
        super().connection_made(transport)
        self._hurry()

    def handle_events(self) -> None:
        """Something came."""
        super().handle_events()
        self._hurry()

    def _hurry(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._due = 0.0
        elif self.timeout_keep_alive_task is None:  # each byte that comes has unset it
            self._due = self._due or self.loop.time() + HEAD_SECONDS
            late = self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_at(self._due, late)
