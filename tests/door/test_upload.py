"""Files that come in: so many of each who sends, while there is room, and not too slowly."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from longtake.door.problem import Problem
from longtake.door.upload import UploadLimits, receive_upload
from longtake.machine import ROOM_LEFT
from longtake.runs import uploads

LIMITS = UploadLimits(10_000_000)


def send(blocks: AsyncIterator[bytes], visitor: str = "me", limits: UploadLimits = LIMITS) -> Path:
    """The upload of these blocks, without a length, as a server receives them."""

    async def receive() -> dict[str, Any]:
        block = await anext(blocks, None)
        return {"type": "http.request", "body": block or b"", "more_body": block is not None}

    async def take() -> Path:
        scope = {"type": "http", "method": "PUT", "path": "/", "headers": []}
        return await receive_upload(Request(scope, receive), limits, visitor)

    return asyncio.run(take())


async def give(content: bytes, every: float = 0.0, piece: int = 4096) -> AsyncIterator[bytes]:
    for start in range(0, len(content), piece):
        await asyncio.sleep(every)
        yield content[start : start + piece]


def test_file_is_kept_and_named_so_that_nobody_guesses_it(numbered: Path) -> None:
    path = send(give(numbered.read_bytes()))
    assert path.read_bytes() == numbered.read_bytes() and uploads.find(path.name) == path


def test_each_visitor_has_a_few_and_shuts_out_nobody(numbered: Path) -> None:
    content = numbered.read_bytes()
    for _ in range(uploads.MOST_OF_VISITOR):
        send(give(content))
    with pytest.raises(Problem, match="5 uploads of yours wait") as told:
        send(give(content))
    assert told.value.status == 429
    assert send(give(content), "you").is_file()


def test_those_that_come_at_once_are_counted_too() -> None:
    async def claim() -> list[object]:
        claims = (asyncio.to_thread(uploads.claim, "me") for _ in range(20))
        return await asyncio.gather(*claims, return_exceptions=True)

    came = asyncio.run(claim())
    assert sum(isinstance(one, Path) for one in came) == uploads.MOST_OF_VISITOR


def test_upload_that_stands_still_or_drips_is_given_up(numbered: Path) -> None:
    limits = replace(LIMITS, pace_seconds=0.3)
    content = numbered.read_bytes()
    for blocks in (give(content, every=5), give(content, every=0.05, piece=10)):
        with pytest.raises(Problem, match="too slowly") as told:
            send(blocks, limits=limits)
        assert told.value.status == 408
    assert not list(uploads.folder().iterdir())


def test_body_without_end_stops_where_the_disk_has_no_room_left(numbered: Path) -> None:
    room = iter([10**12, 10**12, 10**12, ROOM_LEFT - 1])
    limits = replace(LIMITS, look_bytes=10_000, find_room=lambda folder: next(room))
    with pytest.raises(Problem, match="no room") as told:
        send(give(numbered.read_bytes() + bytes(1_000_000)), limits=limits)
    assert told.value.status == 507 and not list(uploads.folder().iterdir())
