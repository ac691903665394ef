"""Where a server listens."""

import socket

from longtake.errors import UsageError


def check_place(address: str, port: int) -> None:
    """UsageError where nothing can be served there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((address, port))
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"nothing can be served at {address}, port {port}: {error}",
            "Is a server there already? Else name another --port (0 to 65535) or --address.",
        ) from None
