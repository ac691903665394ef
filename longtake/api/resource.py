"""A path, as ASGI has it: which operation a method means, who may, and what becomes of errors."""

import errno
import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from longtake.api.operations import Call, Operation
from longtake.api.read import read_json, read_query
from longtake.api.serving import Serving
from longtake.api.validate import check_against
from longtake.door.problem import Problem, as_response
from longtake.errors import EngineError, LongtakeError, ModelError, OutputError
from longtake.runs.folder import QueueFull, RunAtWork
from longtake.settings import home_folder

LOG = logging.getLogger("longtake")

STATUSES: tuple[tuple[type[LongtakeError], int], ...] = (
    (QueueFull, 429),
    (RunAtWork, 409),
    (OutputError, 507),
    (EngineError, 503),
    (ModelError, 503),
)
"""Of errors that are no Problem; all others are 422: what was asked for can't be."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


class Resource:
    """All operations of one path."""

    def __init__(self, route: str, operations: Mapping[str, Operation], serving: Serving) -> None:
        self.route, self.operations, self.serving = route, operations, serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; whatever goes wrong is answered as a problem, if an answer can be given."""
        watched = _Sent(scope, send, self.serving, self.route)
        try:
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, watched.send)
        except Exception as error:
            if watched.begun:
                raise
            await as_answer(error)(scope, receive, watched.send)

    async def _respond(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        operation = self.operations.get(method)
        if operation is None:
            return self._refuse_method(request.method)
        caller = request.scope["longtake.caller"]
        if operation.right == "run" and not caller.may_run:
            raise Problem(
                403, "this token may only read", "Ask with one whose line begins with `run`."
            )
        query = read_query(request, operation.query)
        check_against(operation.query_check, query, "query")
        body: Any = {}
        if operation.reads == "json":
            body = await read_json(request)
            check_against(operation.body_check, body, "body")
        return await operation.respond(Call(request, self.serving, query, body))

    def _refuse_method(self, method: str) -> Response:
        known = sorted(
            {*self.operations, *(["HEAD"] if "GET" in self.operations else []), "OPTIONS"}
        )
        if method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(known)})
        refused = as_response(Problem(405, f"{method[:20]} can't be done here", "See /v1/docs."))
        refused.headers["Allow"] = ", ".join(known)
        return refused


class Nowhere:
    """Any path that is none of ours."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """404, as a problem."""
        watched = _Sent(scope, send, self.serving, "none")
        await as_response(Problem(404, "there is nothing at this path", "See /v1/docs."))(
            scope, receive, watched.send
        )


class _Sent:
    """Sends on; counts when the answer begins, and sees to the headers that all answers have."""

    def __init__(self, scope: Scope, send: Send, serving: Serving, route: str) -> None:
        self.begun = False
        self._method, self._send = scope["method"], send
        self._serving, self._route = serving, route
        self._started = time.perf_counter()

    async def send(self, message: Message) -> None:
        """One message, as ASGI has it."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cache-Control", "no-store")
            seconds = time.perf_counter() - self._started
            self._serving.meters.count(self._route, self._method, message["status"], seconds)
        await self._send(message)


def as_answer(error: Exception) -> JSONResponse:
    """The problem that an error is, without the place where all is kept."""
    problem = as_problem(error)
    problem.message = problem.message.replace(str(home_folder()), "LONGTAKE_HOME")
    return as_response(problem)


def as_problem(error: Exception) -> Problem:
    """What is wrong, and the status that says it; a bug is logged, and tells nothing of itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, LongtakeError):
        found = [status for kind, status in STATUSES if isinstance(error, kind)]
        return Problem(found[0] if found else 422, error.message, error.hint)
    if isinstance(error, OSError) and error.errno in FULL:
        LOG.warning("a request can't be answered: %s", error)
        return Problem(507, f"the server can't write: {error.strerror}", "Its owner frees room.")
    LOG.error("a request can't be answered", exc_info=error)
    return Problem(500, f"this is a bug in Longtake: {type(error).__name__}", "Please report it.")
