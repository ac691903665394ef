"""The route by which a file comes in: to the disk as it comes, and judged by its content."""

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from longtake.errors import LongtakeError, SourceError
from longtake.machine import free_disk
from longtake.settings import load_settings
from longtake.web import uploads
from longtake.web.door import is_same_origin, refuse
from longtake.web.files import SNIFFED_BYTES, sniff_video
from longtake.web.format import say_bytes


async def take_upload(request: Request) -> Response:
    """A file as the body of a PUT, streamed to the disk, and judged by its content."""
    if not is_same_origin(request.headers):
        return refuse(403, "this request comes from another site", "Open the page itself.")
    limit = load_settings().page_upload_bytes
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdecimal() else 0
    if refused := await run_in_threadpool(_check_room, announced, limit):
        return refused
    path = uploads.new_path()
    try:
        refused = await _receive(request, path, limit) or await run_in_threadpool(_check, path)
    except ClientDisconnect:
        refused = refuse(400, "the upload broke off", "Drop the file again.")
    except OSError as error:
        refused = refuse(507, f"the file can't be kept: {error.strerror}", "Free some room.")
    if refused:
        path.unlink(missing_ok=True)
        return refused
    return JSONResponse({"upload": path.name, "bytes": path.stat().st_size}, status_code=201)


def _check_room(announced: int, limit: int) -> JSONResponse | None:
    if announced > limit:
        return _say_too_large(limit)
    if uploads.drop_old() >= uploads.MOST_WAITING:
        return refuse(503, "too many uploads wait to be started", "Try again later.")
    if free_disk(uploads.folder()) < announced:
        return refuse(507, "the disk of the server has no room for this file", "Free some room.")
    return None


def _say_too_large(limit: int) -> JSONResponse:
    most = say_bytes(limit)
    return refuse(413, f"the file is larger than {most}, the most that this page takes",
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
    return refuse(
        415, "this is not a video, by its content", "Drop an MP4, WebM, MKV, MOV or AVI file."
    )


def _check(path: Path) -> JSONResponse | None:
    """A refusal, unless pictures can be read from the file."""
    from longtake.video.probe import probe

    try:
        probe(path, "")
    except SourceError as error:
        said = error.message.replace(str(path), "the file")
        return refuse(415, f"no pictures can be read: {said}", error.hint)
    except LongtakeError as error:
        return refuse(415, error.message, error.hint)
    return None
