"""How programs are served: by uvicorn, on one socket, without a word of who asks what."""

import socket
import sys
from contextlib import suppress

import uvicorn

from longtake.api.app import make_app
from longtake.door.access import Access
from longtake.door.gate import MOST_AT_ONCE
from longtake.errors import UsageError

KEPT_SECONDS = 20
"""How long a connection on which nothing is asked stays open."""
END_SECONDS = 10
"""How long answers under way may take when the server is told to end."""
TAKEN_SECONDS = 60
"""A client that takes nothing of what it is sent for so long is let go (Linux)."""


def serve(address: str, port: int, access: Access) -> None:
    """Serve until stopped."""
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
            http="h11",
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
