"""How a client reaches the server: by the pipes of a process that it starts, or by HTTP."""

import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from longtake.door.access import Access
from longtake.door.gate import Gate
from longtake.errors import UsageError
from longtake.mcp.run_tools import leaving
from longtake.mcp.server import make_server

LOG = logging.getLogger("longtake")

PATH = "/mcp"
MOST_BODY_BYTES = 1 << 20
END_SECONDS = 2


def serve_stdio(access: Access) -> NoReturn:
    """Serve by standard input and output, on which nothing but the protocol goes."""
    _tell_errors()
    server = make_server(access)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    server.run("stdio")
    _leave()


def _leave(*_: object) -> NoReturn:
    """End at once: the thread that reads standard input, and one that searches, can't be ended.

    Runs have processes of their own.
    """
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(0)


def serve_http(address: str, port: int, access: Access) -> None:
    """Serve by streamable HTTP; UsageError where nothing can be served there."""
    _tell_errors()
    listening = _listen(address, port)
    config = uvicorn.Config(
        make_app(access), log_level="warning", timeout_graceful_shutdown=END_SECONDS
    )
    host = f"[{address}]" if ":" in address else address
    LOG.warning("serving http://%s:%d%s", host, listening.getsockname()[1], PATH)
    with suppress(KeyboardInterrupt):
        _HurriedServer(config).run(sockets=[listening])


class _HurriedServer(uvicorn.Server):
    """Lets calls that wait for a run answer at once when it shall end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        leaving.set()
        super().handle_exit(sig, frame)


def make_app(access: Access) -> Any:
    """The application behind its gate."""
    from mcp.server.transport_security import TransportSecuritySettings

    app = make_server(access).streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=MOST_BODY_BYTES,
        # The gate before it knows hosts and origins, patterns too: there is one place that decides.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return Gate(_refuse_streams(app), access, frozenset())


def _refuse_streams(app: ASGIApp) -> ASGIApp:
    """Only POST is answered: a stream that is open for its own sake would never tell anything."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "POST":
            refused = Response(status_code=405, headers={"allow": "POST"})
            await refused(scope, receive, send)
            return
        await app(scope, receive, send)

    return answer


def _tell_errors() -> None:
    """What goes wrong is told on standard error; what Longtake says, by its own handler if any."""
    own = logging.getLogger("longtake")
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: not (record.name.startswith(own.name) and own.handlers))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", handlers=[handler])


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Told that it is TCP, asyncio sends at once: else each answer waits 40 ms for the client's ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"nothing can be served at {address}, port {port}: {error}",
            "Is something served there already? Else name another --port or --address.",
        ) from None
    return listening
