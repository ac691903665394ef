"""What assistants ask for by the Model Context Protocol: `longtake mcp`.

Calls what the command line and the page call; holds no logic of its own.
"""

from typing import TYPE_CHECKING, Any

from longtake.errors import UsageError

if TYPE_CHECKING:
    from longtake.door.access import Access

__all__ = ["make_server", "serve_http", "serve_stdio"]


def make_server(access: "Access") -> Any:
    """The SDK's server with all tools and resources; UsageError where the extra is missing."""
    _check_extra()
    from longtake.mcp.server import make_server

    return make_server(access)


def serve_stdio(access: "Access") -> None:
    """Serve whoever started this process, until that one closes standard input; ends the process.

    UsageError where the extra is missing.
    """
    _check_extra()
    from longtake.mcp.transports import serve_stdio

    serve_stdio(access)


def serve_http(address: str, port: int, access: "Access") -> None:
    """Serve http://ADDRESS:PORT/mcp until it is stopped.

    UsageError where the extra is missing, or nothing can be served there.
    """
    _check_extra()
    from longtake.mcp.transports import serve_http

    serve_http(address, port, access)


def _check_extra() -> None:
    from importlib.util import find_spec

    from longtake.installation import say_extra_install

    if find_spec("mcp") is None:
        raise UsageError(
            "assistants need the MCP SDK, which is not installed", say_extra_install("mcp")
        )
