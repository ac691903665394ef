"""Whether the server stands and can work, what it counts, and what it can be asked."""

import tempfile

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from longtake.api.answers import answer
from longtake.api.operations import Call
from longtake.door.problem import Problem
from longtake.errors import LongtakeError
from longtake.machine import ROOM_LEFT, free_disk
from longtake.runs.files import say_bytes
from longtake.runs.folder import runs_folder
from longtake.store import Store, store_path
from longtake.version import __version__


async def tell_health(_call: Call) -> Response:
    """That it stands."""
    return answer({"status": "ok", "version": __version__})


async def tell_ready(call: Call) -> Response:
    """That a run could start now."""
    await run_in_threadpool(_check_ready)
    return await tell_health(call)


def _check_ready() -> None:
    folder = runs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder), Store(store_path()):
            pass
    except OSError as error:
        raise Problem(
            503, f"the server can't write: {error.strerror}", "Its owner looks."
        ) from None
    except LongtakeError as error:
        raise Problem(503, error.message, error.hint) from None
    free = free_disk(folder)
    if 0 < free < ROOM_LEFT:
        raise Problem(503, f"the disk has {say_bytes(free)} left", "Its owner frees some room.")


async def tell_metrics(call: Call) -> Response:
    """What Prometheus collects."""
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    text = await run_in_threadpool(call.serving.meters.as_text)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def tell_openapi(_call: Call) -> Response:
    """The OpenAPI document."""
    from longtake.api.openapi import make_document

    return answer(make_document())


async def show_docs(_call: Call) -> Response:
    """The same as a page."""
    from longtake.api.docs import make_page

    page, policy = await run_in_threadpool(make_page)
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})
