"""Answers: JSON that can always be written, and files that a browser only ever saves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from longtake.door.problem import Problem, as_response
from longtake.runs.files import TYPES

SANDBOX = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Json(Response):
    """A value as JSON; what is no letter, as in a file's damaged name, becomes a question mark."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes."""
        written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return written.encode("utf-8", "replace")


class SentFile(FileResponse):
    """A file; a range that it has not is refused as a problem, as all else is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole file, a part of it, or the problem."""
        refused: list[Message] = []

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused.append(message)
            if not refused:
                await send(message)

        try:
            await super().__call__(scope, receive, send_on)
        except RuntimeError:  # it was deleted just now
            raise Problem(404, "the file is gone", "") from None
        if refused:
            response = as_response(Problem(416, "the file has no such range", "Ask for it whole."))
            response.headers["Content-Range"] = f"bytes */{self.path_size()}"
            await response(scope, receive, send)

    def path_size(self) -> int:
        """Bytes of the file; 0 where it is gone."""
        try:
            return Path(self.path).stat().st_size
        except OSError:
            return 0


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as it is sent."""
    return Json(content, status, dict(headers or {}))


def send_file(path: Path, name: str) -> Response:
    """A file of a run's results, as a download, by ranges where they are asked for."""
    return SentFile(
        path,
        media_type=TYPES.get(path.suffix, "application/octet-stream"),
        filename=name,
        headers={"Cache-Control": "no-store"} | SANDBOX,
    )


def send_picture(path: Path) -> Response:
    """A JPEG; Problem where there is none."""
    if not path.is_file() or path.is_symlink():
        raise Problem(404, "there is no such picture", "Its run may not have come to it.")
    return SentFile(
        path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"} | SANDBOX
    )
