"""What is wrong with a request, as `application/problem+json` says it (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

from longtake.errors import LongtakeError


class Problem(LongtakeError):
    """An answer in place of what was asked for: what is wrong, what to do, and the HTTP status.

    `members` stand beside those that every problem has.
    """

    def __init__(
        self, status: int, message: str, hint: str = "", members: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.members = members or {}


def as_response(problem: Problem) -> JSONResponse:
    """The answer that says it."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = "5"
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.message,
        "hint": problem.hint,
        **problem.members,
    }
    return JSONResponse(
        content, problem.status, headers=headers, media_type="application/problem+json"
    )
