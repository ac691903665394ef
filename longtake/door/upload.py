"""How a file comes in: as the body of a request, to the disk as it comes, judged by its content."""

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from longtake.door.problem import Problem
from longtake.errors import LongtakeError, SourceError
from longtake.machine import free_disk
from longtake.runs import uploads
from longtake.runs.files import SNIFFED_BYTES, say_bytes, sniff_video


async def receive_upload(request: Request, limit: int) -> Path:
    """The file that was kept, of `limit` bytes at most; its name is its unguessable id. Problem."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdecimal() else 0
    await run_in_threadpool(_check_room, announced, limit)
    path = uploads.new_path()
    try:
        await _receive(request, path, limit)
        await run_in_threadpool(_check, path)
    except ClientDisconnect:
        path.unlink(missing_ok=True)
        raise Problem(400, "the upload broke off", "Send the file again.") from None
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Problem(507, f"the file can't be kept: {error.strerror}", "Free some room.") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _check_room(announced: int, limit: int) -> None:
    if announced > limit:
        raise _too_large(limit)
    if uploads.drop_old() >= uploads.MOST_WAITING:
        raise Problem(503, "too many uploads wait to be started", "Try again later.")
    if free_disk(uploads.folder()) < announced:
        raise Problem(507, "the disk of the server has no room for this file", "Free some room.")


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the file is larger than {say_bytes(limit)}, the most that is taken here",
                   "Cut it, or set LONGTAKE_PAGE_UPLOAD_BYTES.")  # fmt: skip


async def _receive(request: Request, path: Path, limit: int) -> None:
    """The body into the file, up to where it is known that it won't be taken."""
    done, head = 0, b""
    with path.open("xb") as file:
        async for block in request.stream():
            done += len(block)
            if done > limit:
                raise _too_large(limit)
            if len(head) < SNIFFED_BYTES:
                head = (head + block)[:SNIFFED_BYTES]
                if len(head) == SNIFFED_BYTES and not sniff_video(head):
                    raise _no_video()
            await run_in_threadpool(file.write, block)
    if not sniff_video(head):
        raise _no_video()


def _no_video() -> Problem:
    return Problem(
        415, "this is not a video, by its content", "Send an MP4, WebM, MKV, MOV or AVI file."
    )


def _check(path: Path) -> None:
    """Problem, unless pictures can be read from the file."""
    from longtake.video.probe import probe

    try:
        probe(path, "")
    except SourceError as error:
        said = error.message.replace(str(path), "the file")
        raise Problem(415, f"no pictures can be read: {said}", error.hint) from error
    except LongtakeError as error:
        raise Problem(415, error.message, error.hint) from error
