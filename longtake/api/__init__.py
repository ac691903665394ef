"""What programs ask for by HTTP: `longtake serve`.

Calls what the command line and the page call; holds no logic of its own.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from longtake.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from longtake.door.access import Access

__all__ = ["OPEN_PATHS", "check_installed", "ending_streams", "make_app", "serve"]

OPEN_PATHS = frozenset({"/v1/health", "/v1/ready", "/v1/openapi.json", "/v1/docs"})
"""Paths that need no token: they tell nothing of what lies here."""
NEEDED = ("jsonschema", "prometheus_client", "starlette", "uvicorn")


def make_app(access: "Access") -> "ASGIApp":
    """The whole application behind its gate; it starts runs that wait as long as it stands."""
    check_installed()
    from longtake.api.app import make_app

    return make_app(access)


def serve(address: str, port: int, access: "Access") -> None:
    """Serve programs until stopped; UsageError without the extra, or where the port is taken."""
    check_installed()
    from longtake.api.server import serve

    serve(address, port, access)


def ending_streams() -> AbstractContextManager[None]:
    """In a lifespan: streams of events end as soon as the server is told to, so that it can."""
    from longtake.api.events import ending_streams

    return ending_streams()


def check_installed() -> None:
    """UsageError where a package of the extra is missing."""
    from importlib.util import find_spec

    from longtake.installation import say_extra_install

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"programs can't be served: {', '.join(missing)} is not installed",
            say_extra_install("serve"),
        )
