"""How the page is served: its settings, and its own routes beside Streamlit's.

A run's unguessable id opens it for reading. Nothing here knows what is drawn.
"""

import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlencode

import streamlit
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.starlette import App

from longtake.door.gate import BODY_SECONDS
from longtake.door.problem import Problem
from longtake.door.upload import UploadLimits, receive_upload
from longtake.errors import LongtakeError, UsageError
from longtake.runs.files import SNIFFED_BYTES, TYPES, list_files, sniff_video
from longtake.runs.folder import Run, read_run
from longtake.runs.playing import find_copy
from longtake.runs.queue import starting_runs
from longtake.settings import load_settings
from longtake.web import library
from longtake.web.door import KEY_IN_LINK, Door, base_path, is_own_machine, read_visitor, refuse
from longtake.web.format import as_file_name, sentence_case
from longtake.web.key import find_key
from longtake.web.progress import show_run, show_update

SCRIPT = Path(__file__).with_name("draw.py")
ACCENT = "#1f5f8b"
ACCENT_ON_DARK = "#8ec3ea"
ALLOWED_HOSTS = "STREAMLIT_SERVER_ALLOWED_HOSTS"
CONFIG: dict[str, object] = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 1,
    "server.disconnectedSessionTTL": 30,
    "browser.gatherUsageStats": False,
    "runner.magicEnabled": False,
    "logger.hideWelcomeMessage": True,
    "client.toolbarMode": "minimal",
    "client.allowedOrigins": [],
    "client.showErrorDetails": "none",
    "theme.font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "theme.paddingTop": "1.5rem",
    "theme.baseRadius": "0.6rem",
    "theme.headingFontSizes": ["1.8rem"],
    "theme.light.primaryColor": ACCENT,
    "theme.light.backgroundColor": "#fafaf8",
    "theme.light.secondaryBackgroundColor": "#f0f0ec",
    "theme.light.textColor": "#101114",
    "theme.light.linkColor": ACCENT,
    "theme.light.borderColor": "#d8d9d5",
    "theme.dark.primaryColor": "#2f78ad",
    "theme.dark.backgroundColor": "#16181b",
    "theme.dark.secondaryBackgroundColor": "#22262b",
    "theme.dark.textColor": "#e8eaed",
    "theme.dark.linkColor": ACCENT_ON_DARK,
    "theme.dark.borderColor": "#3a3f45",
}
"""What the page sets of Streamlit; `.streamlit/config.toml` says the same for `streamlit run`."""

MOST_ASKED_BYTES = 100_000


def serve(
    address: str,
    port: int,
    beside: ASGIApp | None = None,
    during: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Serve the page until it is stopped, and the app for programs `beside` it."""
    find_key()  # what can't be read is told now: later it would be told to browsers alone

    @asynccontextmanager
    async def work_beside(app: object) -> AsyncIterator[None]:
        with during():
            async with work(app):
                yield

    programs = [Middleware(Beside, other=beside)] if beside else []
    middleware = [*programs, *make_middleware()]
    app = App(SCRIPT, routes=make_routes(), middleware=middleware, lifespan=work_beside)
    # Streamlit says that it wants a restart where it is told its address before it starts.
    logging.getLogger("streamlit.config").addFilter(
        lambda said: "[server]" not in said.getMessage()
    )
    place = {"server.address": address, "server.port": port}
    app.run(config={**CONFIG, **place, **read_allowed_hosts(os.environ)})


def read_allowed_hosts(variables: Mapping[str, str]) -> dict[str, object]:
    """The option that names the hosts behind a proxy, which Streamlit reads in `run` alone."""
    names = re.split(r"[,\s]+", variables.get(ALLOWED_HOSTS, "").strip())
    return {"server.allowedHosts": names} if any(names) else {}


def make_routes() -> list[BaseRoute]:
    """The page's own routes, under Streamlit's base path."""
    start = f"{base_path()}/longtake"
    run = f"{start}/runs/{{id}}"
    return [
        Route(f"{run}/told", _of_run(_send_update)),
        Route(f"{run}/video", _of_run(_send_video)),
        Route(f"{run}/copy", _of_run(_send_copy)),
        Route(f"{run}/thumbs/{{chunk:int}}.jpg", _of_run(_send_thumb)),
        Route(f"{run}/files/{{place:path}}", _of_run(_send_file)),
        Route(f"{start}/uploads", _take_upload, methods=["PUT"]),
        Route(f"{start}/search", _of_library(library.find), methods=["POST"]),
        Route(f"{start}/ask", _of_library(library.answer), methods=["POST"]),
    ]


def make_middleware() -> list[Middleware]:
    """What stands before all routes, Streamlit's included."""
    return [Middleware(Door)]


class Beside:
    """Gives requests of programs to the app that is for them, past the page's own door."""

    def __init__(self, app: ASGIApp, other: ASGIApp) -> None:
        self.app, self.other = app, other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        path = scope.get("path", "")
        of_programs = scope["type"] == "http" and (path.startswith("/v1/") or path == "/metrics")
        await (self.other if of_programs else self.app)(scope, receive, send)


@asynccontextmanager
async def work(_app: object) -> AsyncIterator[None]:
    """Say where the page is, and start runs while the server stands."""
    print(say_link(), file=sys.stderr, flush=True)
    async with starting_runs():
        yield


def say_link() -> str:
    """Where the page is, with the key that opens it."""
    address = str(streamlit.get_option("server.address") or "127.0.0.1")
    here = "127.0.0.1" if address in ("0.0.0.0", "::") else address  # noqa: S104
    host = f"[{here}]" if ":" in here else here
    scheme = "https" if streamlit.get_option("server.sslCertFile") else "http"
    link = f"{scheme}://{host}:{streamlit.get_option('server.port')}{base_path()}/"
    key = "" if streamlit.get_option("server.allowedHosts") else find_key()
    return f"open the page: {link}{f'?{urlencode({KEY_IN_LINK: key})}' if key else ''}"


def _of_run(respond: Callable[[Request, Run], Response | None]) -> Callable[[Request], Response]:
    """A route of a run; 404 where there is no such run, or `respond` has nothing to send."""

    def answer(request: Request) -> Response:
        try:
            found = respond(request, read_run(request.path_params["id"]))
        except UsageError:
            found = None
        return found or refuse(404, "there is no such run", "It may have been deleted.")

    return answer


def _send_update(request: Request, run: Run) -> Response:
    """The state of a run, and its descriptions after number `after`."""
    after = request.query_params.get("after", "0")
    number = int(after) if re.fullmatch(r"[0-9]{1,9}", after) else 0
    update = show_update(run, number, request.query_params.get("result") == "1")
    return JSONResponse(update, headers={"Cache-Control": "no-store"})


def _send_video(_request: Request, run: Run) -> Response | None:
    """The video itself, by ranges where the player asks so."""
    if run.video is None or not run.video.is_file():
        return None
    with run.video.open("rb") as file:
        kind = sniff_video(file.read(SNIFFED_BYTES))
    return FileResponse(
        run.video,
        media_type=kind or "application/octet-stream",
        headers=_own("private, max-age=60"),
    )


def _send_copy(_request: Request, run: Run) -> Response | None:
    """The copy of a video that browsers don't play."""
    path = find_copy(run.folder)
    if path is None:
        return None
    return FileResponse(path, media_type="video/mp4", headers=_own("private, max-age=60"))


def _send_thumb(request: Request, run: Run) -> Response | None:
    path = run.folder / "thumbs" / f"{request.path_params['chunk']}.jpg"
    if not path.is_file():
        return None
    return FileResponse(path, media_type="image/jpeg", headers=_own("private, max-age=86400"))


def _send_file(request: Request, run: Run) -> Response | None:
    """A file of the results, always as a download."""
    place = request.path_params["place"]
    file = next((file for file in list_files(run) if file.place == place), None)
    if file is None:
        return None
    title = show_run(run)["title"]
    name = f"{as_file_name(title)} - {file.place.replace('/', ' - ')}"
    return FileResponse(
        file.path,
        media_type=TYPES[file.path.suffix],
        filename=name,
        headers=_own("no-store") | {"Content-Security-Policy": "sandbox; default-src 'none'"},
    )


def _own(cache: str) -> dict[str, str]:
    return {"Cache-Control": cache, "Cross-Origin-Resource-Policy": "same-origin"}


async def _take_upload(request: Request) -> Response:
    """A file as the body of a PUT."""
    try:
        limits = UploadLimits(load_settings().page_upload_bytes)
        visitor = read_visitor(request.headers.get("cookie"))
        path = await receive_upload(request, limits, visitor)
    except Problem as refused:
        return refuse(refused.status, refused.message, refused.hint)
    return JSONResponse({"upload": path.name, "bytes": path.stat().st_size}, status_code=201)


def _of_library(respond: library.Respond) -> Callable[[Request], Awaitable[Response]]:
    """A route that looks in what the visitor may search."""

    async def answer(request: Request) -> Response:
        body = b""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for block in request.stream():
                    body += block
                    if len(body) > MOST_ASKED_BYTES:
                        return refuse(413, "this is too long to look for", "Ask in a sentence.")
        except (TimeoutError, ClientDisconnect):
            return refuse(408, "the question did not come", "Ask again.")
        visitor = None if is_own_machine() else read_visitor(request.headers.get("cookie"))
        try:
            found = await run_in_threadpool(lambda: respond(library.read_asked(body), visitor))
        except LongtakeError as error:
            return refuse(400, sentence_case(error.message), error.hint)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    return answer
