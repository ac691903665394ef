"""The routes, made of the table; and the application that stands by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
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
from longtake.runs import uploads
from longtake.runs.queue import Queue
from longtake.settings import load_settings


def make_routes(access: Access) -> list[BaseRoute]:
    """Those under `/v1` and `/metrics`, the last of which says that there is nothing else."""
    return list_routes(Serving(access))


def list_routes(serving: Serving) -> list[BaseRoute]:
    """The same, of a server with limits of its own."""
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
    """Start runs that wait while the server stands; those under way outlive it."""
    queue = Queue(load_settings().page_runs)
    await run_in_threadpool(uploads.drop_old)
    await run_in_threadpool(queue.start)
    with ending_streams():
        try:
            yield
        finally:
            await asyncio.to_thread(queue.close)
