"""How a client reaches the server: by the pipes of a process that it starts, or by HTTP."""

import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

import anyio
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake.door.access import Access
from longtake.door.gate import BODY_SECONDS, Gate
from longtake.door.place import open_socket, say_place
from longtake.door.problem import Problem, as_response
from longtake.door.server import serve_app
from longtake.mcp.run_tools import leaving
from longtake.mcp.server import make_server

LOG = logging.getLogger("longtake")

PATH = "/mcp"
MOST_BODY_BYTES = 1 << 20


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
    with open_socket(address, port) as listening:
        LOG.warning("serving %s%s", say_place(listening), PATH)
        serve_app(make_app(access), listening, leaving.set)


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
        if scope["type"] == "http":
            try:
                with anyio.fail_after(BODY_SECONDS):
                    receive = await _read_ahead(receive)
            except TimeoutError:
                late = Problem(408, f"the body did not come within {BODY_SECONDS:g} seconds")
                await as_response(late)(scope, receive, send)
                return
        await app(scope, receive, send)

    return answer


async def _read_ahead(receive: Receive) -> Receive:
    """What gives the body again that has come by now: all of it, or more than is taken."""
    came: list[Message] = []
    size, more = 0, True
    while more and size <= MOST_BODY_BYTES:
        message = await receive()
        came.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)

    async def give() -> Message:
        return came.pop(0) if came else await receive()

    return give


def _tell_errors() -> None:
    """What goes wrong is told on standard error; what Longtake says, by its own handler if any."""
    own = logging.getLogger("longtake")
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: not (record.name.startswith(own.name) and own.handlers))
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", handlers=[handler])
