"""Where a server listens, which is known before anything heavy is loaded."""

import socket

from longtake.errors import UsageError

BACKLOG = 2048
TAKEN_SECONDS = 60
"""A client that takes nothing of what it is sent for so long is let go (Linux)."""


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
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"nothing can be served at {address}, port {port}: {error}",
            "Is a server there already? Else name another --port (0 to 65535) or --address.",
        ) from None
    return listening


def check_place(address: str, port: int) -> None:
    """UsageError where nothing can be served there."""
    open_socket(address, port).close()


def say_place(listening: socket.socket) -> str:
    """`http://127.0.0.1:8760`, as it really listens."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
