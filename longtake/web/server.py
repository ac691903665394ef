"""How the page is served: its settings, its own routes beside Streamlit's, and who may come in.

A run's unguessable id opens it for reading. Nothing here knows what is drawn.
"""

import asyncio
import ipaddress
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.starlette import App

from longtake.errors import LongtakeError, SourceError, UsageError
from longtake.machine import free_disk
from longtake.runs.folder import Run, read_run
from longtake.runs.playing import find_copy
from longtake.runs.queue import Queue
from longtake.settings import load_settings
from longtake.web import library, uploads
from longtake.web.files import TYPES, list_files, sniff_video
from longtake.web.format import as_file_name, say_bytes, sentence_case
from longtake.web.progress import show_run, show_update

SCRIPT = Path(__file__).with_name("draw.py")
COOKIE = "longtake_visitor"
COOKIE_SECONDS = 400 * 86400
"""As long as browsers keep one."""

ACCENT = "#1f5f8b"
ACCENT_ON_DARK = "#8ec3ea"
ALLOWED_HOSTS = "STREAMLIT_SERVER_ALLOWED_HOSTS"
CONFIG: dict[str, object] = {
    "server.address": "127.0.0.1",
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 1,
    "server.disconnectedSessionTTL": 30,
    "browser.gatherUsageStats": False,
    "runner.magicEnabled": False,
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

WRONG_HOST = "This page does not serve that host name. Open it by the address that it printed."
WRONG_PROXY = (
    "This page takes all who reach it for its own user, so it serves no proxy. Name the proxy's"
    " host in Streamlit's server.allowedHosts: then its visitors are told apart."
)
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers by which proxies say that the request is another's."""
SNIFFED_BYTES = 512
MOST_ASKED_BYTES = 100_000


def serve(address: str, port: int) -> None:
    """Serve the page until it is stopped."""
    app = App(SCRIPT, routes=make_routes(), middleware=make_middleware(), lifespan=work)
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


@asynccontextmanager
async def work(_app: object) -> AsyncIterator[None]:
    """Start runs that wait while the server stands; those under way outlive it."""
    queue = Queue(load_settings().page_runs)
    uploads.drop_old()
    queue.start()
    try:
        yield
    finally:
        await asyncio.to_thread(queue.close)


def base_path() -> str:
    """Where the page stands under its host: empty, or `/name`."""
    path = str(streamlit.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


# --- who may come in --------------------------------------------------------------------------


def is_own_machine() -> bool:
    """Whether the page can be reached from this machine alone.

    Then whoever comes is its user: sees all runs, and may name files. Behind a proxy, which shows
    in the host names that the settings allow, it is not so.
    """
    return is_local_host(str(streamlit.get_option("server.address") or "")) and not list(
        streamlit.get_option("server.allowedHosts") or []
    )


def is_local_host(host: str) -> bool:
    """Whether a host's name means this machine: localhost, 127.0.0.0/8, ::1."""
    name = host.strip("[]").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_host_allowed(header: str) -> bool:
    """Whether a request for that host is answered; a name that was rebound to us is not.

    On this machine alone only local names are; elsewhere `server.allowedHosts` tells, if set.
    """
    try:
        host = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if is_own_machine():
        return is_local_host(host)
    allowed: Sequence[str] = streamlit.get_option("server.allowedHosts") or ["*"]
    return any(
        name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:]))
        for name in map(str.casefold, allowed)
    )


def read_visitor(cookies: str | None) -> str:
    """The visitor's id in a Cookie header; empty where there is none that we gave."""
    found = re.search(rf"(?:^|;\s*){COOKIE}=([0-9a-f]{{32}})(?:;|$)", cookies or "")
    return found[1] if found else ""


class Door:
    """Turns away foreign hosts, and gives each visitor an id in a cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not is_host_allowed(headers.get("host", "")):
            await _turn_away(scope, receive, send, WRONG_HOST)
            return
        if is_own_machine() and any(name in headers for name in FORWARDED):
            await _turn_away(scope, receive, send, WRONG_PROXY)
            return
        known = read_visitor(headers.get("cookie"))
        first = not known and "text/html" in headers.get("accept", "")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), first)
            await send(message)

        await self.app(scope, receive, answer)


def _add_headers(headers: MutableHeaders, first: bool) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    if first:
        secure = "; Secure" if streamlit.get_option("server.sslCertFile") else ""
        headers.append(
            "Set-Cookie",
            f"{COOKIE}={secrets.token_hex(16)}; Path={base_path() or '/'}; HttpOnly; SameSite=Lax;"
            f" Max-Age={COOKIE_SECONDS}{secure}",
        )


async def _turn_away(scope: Scope, receive: Receive, send: Send, words: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(f"{words}\n", status_code=403)(scope, receive, send)


# --- what is served ---------------------------------------------------------------------------


def _of_run(respond: Callable[[Request, Run], Response | None]) -> Callable[[Request], Response]:
    """A route of a run; 404 where there is no such run, or `respond` has nothing to send."""

    def answer(request: Request) -> Response:
        try:
            found = respond(request, read_run(request.path_params["id"]))
        except UsageError:
            found = None
        return found or _refuse(404, "there is no such run", "It may have been deleted.")

    return answer


def _refuse(status: int, error: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": error, "hint": hint}, status_code=status)


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


def _of_library(respond: library.Respond) -> Callable[[Request], Awaitable[Response]]:
    """A route that looks in what the visitor may search; no other site can ask."""

    async def answer(request: Request) -> Response:
        if not is_same_origin(request.headers):
            return _refuse(403, "this request comes from another site", "Open the page itself.")
        body = b""
        async for block in request.stream():
            body += block
            if len(body) > MOST_ASKED_BYTES:
                return _refuse(413, "this is too long to look for", "Ask in a sentence.")
        visitor = None if is_own_machine() else read_visitor(request.headers.get("cookie"))
        try:
            found = await run_in_threadpool(lambda: respond(library.read_asked(body), visitor))
        except LongtakeError as error:
            return _refuse(400, sentence_case(error.message), error.hint)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    return answer


# --- uploads ----------------------------------------------------------------------------------


async def _take_upload(request: Request) -> Response:
    """A file as the body of a PUT, streamed to the disk, and judged by its content."""
    if not is_same_origin(request.headers):
        return _refuse(403, "this request comes from another site", "Open the page itself.")
    limit = load_settings().page_upload_bytes
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdecimal() else 0
    if refused := await run_in_threadpool(_check_room, announced, limit):
        return refused
    path = uploads.new_path()
    try:
        refused = await _receive(request, path, limit) or await run_in_threadpool(_check, path)
    except ClientDisconnect:
        refused = _refuse(400, "the upload broke off", "Drop the file again.")
    except OSError as error:
        refused = _refuse(507, f"the file can't be kept: {error.strerror}", "Free some room.")
    if refused:
        path.unlink(missing_ok=True)
        return refused
    return JSONResponse({"upload": path.name, "bytes": path.stat().st_size}, status_code=201)


def is_same_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from the page itself."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _check_room(announced: int, limit: int) -> JSONResponse | None:
    if announced > limit:
        return _say_too_large(limit)
    if uploads.drop_old() >= uploads.MOST_WAITING:
        return _refuse(503, "too many uploads wait to be started", "Try again later.")
    if free_disk(uploads.folder()) < announced:
        return _refuse(507, "the disk of the server has no room for this file", "Free some room.")
    return None


def _say_too_large(limit: int) -> JSONResponse:
    most = say_bytes(limit)
    return _refuse(413, f"the file is larger than {most}, the most that this page takes",
                   "Cut it, or set LONGTAKE_PAGE_UPLOAD_BYTES.")  # fmt: skip


async def _receive(request: Request, path: Path, limit: int) -> JSONResponse | None:
    """The body into the file, up to where it is known that it won't be taken."""
    done, head = 0, b""
    with path.open("xb") as file:
        async for block in request.stream():
            done += len(block)
            if done > limit:
                return _say_too_large(limit)
            if len(head) < SNIFFED_BYTES:
                head = (head + block)[:SNIFFED_BYTES]
                if len(head) == SNIFFED_BYTES and not sniff_video(head):
                    return _say_no_video()
            await run_in_threadpool(file.write, block)
    return None if sniff_video(head) else _say_no_video()


def _say_no_video() -> JSONResponse:
    return _refuse(
        415, "this is not a video, by its content", "Drop an MP4, WebM, MKV, MOV or AVI file."
    )


def _check(path: Path) -> JSONResponse | None:
    """A refusal, unless pictures can be read from the file."""
    from longtake.video.probe import probe

    try:
        probe(path, "")
    except SourceError as error:
        said = error.message.replace(str(path), "the file")
        return _refuse(415, f"no pictures can be read: {said}", error.hint)
    except LongtakeError as error:
        return _refuse(415, error.message, error.hint)
    return None
