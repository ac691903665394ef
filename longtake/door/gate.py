"""The gate before all routes for programs: host, origin, token, and how many may come at once."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake.door.access import Access
from longtake.door.hosts import (
    FORWARDED,
    is_fetched_by_another_site,
    is_local_host,
    is_named,
    is_same_origin,
    read_host,
)
from longtake.door.problem import Problem, as_response

MOST_AT_ONCE = 200
"""Requests that are answered at once, streams of events included."""
BODY_SECONDS = 10.0
"""How long a body that is no file may take to come: who sends none keeps a place from others."""
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": "authorization, content-type, last-event-id, mcp-method,"
    " mcp-name, mcp-protocol-version",
    "access-control-max-age": "600",
}
CORS_SHOWN = "location, retry-after"


class Gate:
    """Lets in who may ask, and says in the scope who that is (`read_caller`).

    Paths in `open_paths` need no token.
    """

    def __init__(self, app: ASGIApp, access: Access, open_paths: frozenset[str]) -> None:
        self.app, self.access, self.open_paths = app, access, open_paths
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").casefold()
        answer = self._allow_origin(origin, send)
        try:
            self._check_place(headers, origin)
            if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                await _answer_preflight(answer)
                return
            self._check_caller(scope, headers)
        except Problem as refused:
            await as_response(refused)(scope, receive, answer)
            return
        self._now += 1
        try:
            await self.app(scope, receive, answer)
        finally:
            self._now -= 1

    def _check_place(self, headers: Headers, origin: str) -> None:
        """Problem for a host that is not ours, a page that may not ask, or too many at once."""
        host = read_host(headers.get("host", ""))
        if not is_local_host(host) and not is_named(host, self.access.hosts):
            raise Problem(
                403,
                f"this server is not called {host!r}",
                "Ask by the address that it printed, or name the host with --allow-host.",
            )
        if not self.access.tokens and any(name in headers for name in FORWARDED):
            raise Problem(
                403,
                "a proxy asks for somebody else, who would be taken for this machine's own user",
                "Name a file of tokens with --token-file to serve behind a proxy.",
            )
        of_ours = is_same_origin(headers) and not is_fetched_by_another_site(headers)
        if origin not in self.access.origins and not of_ours:
            raise Problem(
                403, "a page of another site asks", "Its origin can be named with --allow-origin."
            )
        if self._now >= MOST_AT_ONCE:
            raise Problem(503, f"{self._now} requests are being answered", "Ask again later.")

    def _check_caller(self, scope: Scope, headers: Headers) -> None:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        caller = self.access.find_caller(shown.strip() if scheme.casefold() == "bearer" else "")
        if caller is None and scope["path"] not in self.open_paths:
            raise Problem(
                401,
                "a token is needed, and this is none" if shown else "a token is needed",
                "Send it as `Authorization: Bearer TOKEN`.",
            )
        scope["longtake.caller"] = caller

    def _allow_origin(self, origin: str, send: Send) -> Send:
        """What tells a browser that a page of a named origin may read the answer."""
        if origin not in self.access.origins:
            return send

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Expose-Headers"] = CORS_SHOWN
                headers.add_vary_header("Origin")
            await send(message)

        return answer


async def _answer_preflight(send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
