"""How a file comes in: as the body of a request, to the disk as it comes, judged by its content."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from longtake.door.problem import Problem
from longtake.errors import LongtakeError, UsageError
from longtake.machine import ROOM_LEFT, free_disk
from longtake.runs import uploads
from longtake.runs.files import SNIFFED_BYTES, say_bytes, sniff_video
from longtake.video.apart import probe_apart


@dataclass(frozen=True)
class UploadLimits:
    """What an upload may take: bytes in all, and at the least `pace_bytes` in `pace_seconds`.

    The disk's room is looked at again after each `look_bytes`.
    """

    most_bytes: int
    pace_seconds: float = 20.0
    pace_bytes: int = 20_000
    look_bytes: int = 1 << 24
    find_room: Callable[[Path], int] = free_disk


async def receive_upload(request: Request, limits: UploadLimits, visitor: str) -> Path:
    """The file that was kept, whose name is its unguessable id; Problem for all else."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdecimal() else 0
    if announced > limits.most_bytes:
        raise _too_large(limits)
    path = await run_in_threadpool(_claim, visitor)
    try:
        await run_in_threadpool(_check_room, limits, announced)
        await _receive(request, path, limits)
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


def _claim(visitor: str) -> Path:
    try:
        return uploads.claim(visitor)
    except UsageError as error:
        raise Problem(429, error.message, error.hint) from None


def _check_room(limits: UploadLimits, needed: int) -> None:
    if 0 < limits.find_room(uploads.folder()) < needed + ROOM_LEFT:
        raise Problem(507, "the disk of the server has no room for this file", "Free some room.")


def _too_large(limits: UploadLimits) -> Problem:
    most = say_bytes(limits.most_bytes)
    return Problem(413, f"the file is larger than {most}, the most that is taken here",
                   "Cut it, or set LONGTAKE_PAGE_UPLOAD_BYTES.")  # fmt: skip


async def _receive(request: Request, path: Path, limits: UploadLimits) -> None:
    """The body into the file, up to where it is known that it won't be taken."""
    done, looked, head = 0, 0, b""
    with path.open("r+b") as file:
        async for block in _pace(request.stream(), limits):
            done += len(block)
            if done > limits.most_bytes:
                raise _too_large(limits)
            if len(head) < SNIFFED_BYTES:
                head = (head + block)[:SNIFFED_BYTES]
                if len(head) == SNIFFED_BYTES and not sniff_video(head):
                    raise _no_video()
            if done - looked >= limits.look_bytes:
                looked = done
                await run_in_threadpool(_check_room, limits, 0)
            await run_in_threadpool(file.write, block)
    if not sniff_video(head):
        raise _no_video()


async def _pace(stream: AsyncIterator[bytes], limits: UploadLimits) -> AsyncIterator[bytes]:
    """The blocks as they come; Problem where too little does, for too long."""
    since, came = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(limits.pace_seconds):
                block = await anext(stream, None)
        except TimeoutError:
            raise _too_slow() from None
        if block is None:
            return
        came += len(block)
        if time.monotonic() - since >= limits.pace_seconds:
            if came < limits.pace_bytes:
                raise _too_slow()
            since, came = time.monotonic(), 0
        yield block


def _too_slow() -> Problem:
    return Problem(408, "the upload comes too slowly", "Try again with a better connection.")


def _no_video() -> Problem:
    return Problem(
        415, "this is not a video, by its content", "Send an MP4, WebM, MKV, MOV or AVI file."
    )


def _check(path: Path) -> None:
    """Problem, unless pictures can be read from the file."""
    try:
        probe_apart(path)
    except LongtakeError as error:
        said = error.message.replace(str(path), "the file")
        raise Problem(415, f"no pictures can be read: {said}", error.hint) from error
