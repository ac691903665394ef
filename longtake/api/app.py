"""The routes, made of the table; and the application that stands by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from longtake.api import OPEN_PATHS, ending_streams
from longtake.api.openapi import name_route
from longtake.api.operations import Operation
from longtake.api.resource import Nowhere, Resource
from longtake.api.routes import OPERATIONS
from longtake.api.serving import Serving
from longtake.door.access import Access
from longtake.door.gate import Gate
from longtake.runs.queue import starting_runs


def list_routes(serving: Serving) -> list[BaseRoute]:
    """Those under `/v1` and `/metrics`, the last of which says that there is nothing else."""
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    routes: list[BaseRoute] = [
        Route(path, Resource(name_route(path), found, serving)) for path, found in paths.items()
    ]
    return [*routes, Route("/v1/{rest:path}", Nowhere(serving))]


def make_app(access: Access) -> ASGIApp:
    """All of it, behind the gate; with the queue that starts runs."""
    return build_app(Serving(access))


def build_app(serving: Serving, *, starts_runs: bool = True) -> ASGIApp:
    """The same, of a server with limits of its own, or one that only takes orders."""
    routes = [*list_routes(serving), Route("/{rest:path}", Nowhere(serving))]
    app = Starlette(routes=routes, lifespan=_work if starts_runs else None)
    return Gate(app, serving.access, OPEN_PATHS)


@asynccontextmanager
async def _work(_app: Starlette) -> AsyncIterator[None]:
    """Start runs while the server stands, and end the streams as it ends."""
    with ending_streams():
        async with starting_runs():
            yield
