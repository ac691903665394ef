"""Who may come in: which hosts are served, whose page it is, and who a visitor is."""

import re
import secrets
from collections.abc import Sequence

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake.door.hosts import is_local_host, is_named, read_host

COOKIE = "longtake_visitor"
COOKIE_SECONDS = 400 * 86400
"""As long as browsers keep one."""

WRONG_HOST = "This page does not serve that host name. Open it by the address that it printed."
WRONG_PROXY = (
    "This page takes all who reach it for its own user, so it serves no proxy. Name the proxy's"
    " host in Streamlit's server.allowedHosts: then its visitors are told apart."
)
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers by which proxies say that the request is another's."""


def base_path() -> str:
    """Where the page stands under its host: empty, or `/name`."""
    path = str(streamlit.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def is_own_machine() -> bool:
    """Whether the page can be reached from this machine alone.

    Then whoever comes is its user: sees all runs, and may name files. Behind a proxy, which shows
    in the host names that the settings allow, it is not so.
    """
    return is_local_host(str(streamlit.get_option("server.address") or "")) and not list(
        streamlit.get_option("server.allowedHosts") or []
    )


def is_host_allowed(header: str) -> bool:
    """Whether a request for that host is answered; a name that was rebound to us is not.

    On this machine alone only local names are; elsewhere `server.allowedHosts` tells, if set.
    """
    host = read_host(header)
    if is_own_machine():
        return is_local_host(host)
    allowed: Sequence[str] = streamlit.get_option("server.allowedHosts") or ["*"]
    return is_named(host, allowed)


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


def refuse(status: int, error: str, hint: str) -> JSONResponse:
    """An answer in place of what was asked for: what is wrong, and what to do."""
    return JSONResponse({"error": error, "hint": hint}, status_code=status)
