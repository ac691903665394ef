"""How programs are served: by uvicorn, on one socket, without a word of who asks what."""

import asyncio
import socket
import sys
from contextlib import suppress

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from longtake.api.app import make_app
from longtake.door.access import Access
from longtake.door.gate import MOST_AT_ONCE
from longtake.errors import OutputError, UsageError
from longtake.runs import uploads

HEAD_SECONDS = 10.0
"""How long the head of a request may take to come: who sends none keeps a place from others."""
KEPT_SECONDS = 20
"""How long a connection on which nothing is asked stays open."""
END_SECONDS = 10
"""How long answers under way may take when the server is told to end."""
TAKEN_SECONDS = 60
"""A client that takes nothing of what it is sent for so long is let go (Linux)."""


def serve(address: str, port: int, access: Access) -> None:
    """Serve until stopped."""
    _check_home()
    with open_socket(address, port) as listening:
        host, bound = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"Longtake serves programs at http://{shown}:{bound}/v1/docs\n")
        sys.stderr.flush()
        config = uvicorn.Config(
            make_app(access),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=HurriedConnection,
            ws="none",
            lifespan="on",
            timeout_keep_alive=KEPT_SECONDS,
            timeout_graceful_shutdown=END_SECONDS,
            limit_concurrency=2 * MOST_AT_ONCE,  # above what the gate lets in, which says why
        )
        with suppress(KeyboardInterrupt):  # which uvicorn raises again when all has ended
            uvicorn.Server(config).run(sockets=[listening])


def open_socket(address: str, port: int) -> socket.socket:
    """A socket that listens there; UsageError where that can't be."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # By its name the event loop knows the protocol, and sends small answers without delay.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            wait = 1000 * TAKEN_SECONDS
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, wait)
        listening.bind((address.strip("[]"), port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"nothing can be served at {address}, port {port}: {error}",
            "Is a server there already? Else name another --port (0 to 65535) or --address.",
        ) from None
    return listening


def _check_home() -> None:
    """OutputError where nothing can be kept: better said now than of every run."""
    try:
        uploads.folder()
    except OSError as error:
        raise OutputError(
            f"the home can't be written: {error}", "Set LONGTAKE_HOME to another folder."
        ) from None


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
