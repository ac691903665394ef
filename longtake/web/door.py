"""Who may come in: which hosts are served, whose page it is, and who a visitor is."""

import re
import secrets
from collections.abc import Sequence
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake.door.hosts import (
    FORWARDED,
    is_local_host,
    is_named,
    is_same_origin,
    read_host,
    read_origin_host,
)
from longtake.web.key import find_key

COOKIE = "longtake_visitor"
KEY_COOKIE = "longtake_key"
KEY_IN_LINK = "key"
HEALTH = "/_stcore/health"
"""Says nothing but that the server stands."""
COOKIE_SECONDS = 400 * 86400
"""As long as browsers keep one."""

WRONG_HOST = "This page does not serve that host name. Open it by the address that it printed."
WRONG_PROXY = (
    "This page takes all who reach it for its own user, so it serves no proxy. Name the proxy's"
    " host in Streamlit's server.allowedHosts: then its visitors are told apart."
)
NO_KEY_SHOWN = (
    "This page is opened by the link that `longtake app` printed: it has the key in it. A browser"
    " that was let in once need not show it again."
)
FOREIGN = "This request comes from another site, or another port. Open the page itself."


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


def is_own_origin(headers: Headers) -> bool:
    """Whether a page of ours asks, or none; behind a proxy, also one of its named hosts."""
    allowed = streamlit.get_option("server.allowedHosts") or []
    origin = read_origin_host(headers.get("origin", ""))
    return is_same_origin(headers) or (bool(origin) and is_named(origin, allowed))


class Door:
    """Turns away foreign hosts, pages and who lacks the key; gives each visitor an id in a cookie.

    The key is not wanted behind a proxy whose host is named: that one says who comes in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self._key = app, find_key()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if words := _find_fault(scope, headers):
            await _turn_away(scope, receive, send, words)
            return
        if self._key and not streamlit.get_option("server.allowedHosts"):
            shown = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(KEY_IN_LINK)
            if shown and _is_same(shown[0], self._key) and scope["type"] == "http":
                await self._let_in(scope, receive, send)
                return
            # Other ports of the host may have set one of that name, too.
            kept = re.findall(rf"(?:^|;)\s*{KEY_COOKIE}=([^;]*)", headers.get("cookie", ""))
            shows = any(_is_same(unquote(value), self._key) for value in kept)
            if not shows and scope["path"] != f"{base_path()}{HEALTH}":
                await _turn_away(scope, receive, send, NO_KEY_SHOWN, 401)
                return
        known = read_visitor(headers.get("cookie"))
        first = not known and "text/html" in headers.get("accept", "")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), first)
            await send(message)

        await self.app(scope, receive, answer)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the key in a cookie, and lead to the same address without it."""
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        left = urlencode([(name, value) for name, value in query if name != KEY_IN_LINK])
        response = Response(status_code=303, headers={"Cache-Control": "no-store"})
        path = f"/{quote(scope['path'].lstrip('/'))}"  # and to no other host
        response.headers["Location"] = f"{path}?{left}" if left else path
        response.set_cookie(
            KEY_COOKIE,
            quote(self._key),  # a header holds no letters of other scripts
            max_age=COOKIE_SECONDS,
            path=base_path() or "/",
            httponly=True,
            samesite="lax",
            secure=bool(streamlit.get_option("server.sslCertFile")),
        )
        await response(scope, receive, send)


def _find_fault(scope: Scope, headers: Headers) -> str:
    """Why this request may not be answered, whoever sends it; empty where it may."""
    if not is_host_allowed(headers.get("host", "")):
        return WRONG_HOST
    if is_own_machine() and any(name in headers for name in FORWARDED):
        return WRONG_PROXY
    acts = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
    return FOREIGN if acts and not is_own_origin(headers) else ""


def _is_same(shown: str, key: str) -> bool:
    return secrets.compare_digest(*(text.encode("utf-8", "replace") for text in (shown, key)))


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


async def _turn_away(
    scope: Scope, receive: Receive, send: Send, words: str, status: int = 403
) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(f"{words}\n", status_code=status)(scope, receive, send)


def refuse(status: int, error: str, hint: str) -> JSONResponse:
    """An answer in place of what was asked for: what is wrong, and what to do."""
    return JSONResponse({"error": error, "hint": hint}, status_code=status)
