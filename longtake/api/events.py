"""A run as it goes, as server-sent events: a watcher pulls, at its own pace, and holds nothing.

Files are read again only when they have changed, and at most so much at a time as the watcher has
taken. An event's id is the number of the last description that was sent, so that a watcher who
comes again (`Last-Event-ID`) loses none, and gets none twice, whatever became of the server.
"""

import json
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from longtake.api.operations import Call
from longtake.api.runs import find_run
from longtake.api.serving import Serving
from longtake.door.problem import Problem
from longtake.errors import UsageError
from longtake.runs.folder import ENDED, ToldSoFar, read_more_told, read_run, runs_folder
from longtake.runs.say import run_values

LOOK_SECONDS = 0.25
"""Between two looks at whether the files have changed."""
TRUST_SECONDS = 2.0
"""A run whose worker has gone, and how many are before one that waits, show in no file."""
BEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 2000
STALL_SECONDS = 60.0
"""A watcher that takes nothing for so long is given up."""
MOST_AT_A_TIME = 100
"""Descriptions that are read at once."""
OVER = ".end"
"""Behind the id of the last event: who comes again with it has all."""

OF_STATE = ("id", "kind", "state", "title", "ahead", "duration", "error")
OF_END = ("state", "error")
DELETED = {"state": "deleted", "error": None}

_ending = threading.Event()


def is_ending() -> bool:
    """Whether the server was told to end: what waits for something answers now."""
    return _ending.is_set()


@contextmanager
def ending_streams() -> Iterator[None]:
    """While it lasts, streams end at once when this process is told to end, as by ctrl-C.

    A server waits for its answers to end; a stream would let it wait as long as the run goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}

    def end(signum: int, frame: FrameType | None) -> None:
        _ending.set()
        handler = before[signal.Signals(signum)]
        if callable(handler):
            handler(signum, frame)
        elif handler == signal.SIG_DFL:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)

    for signum in before:
        signal.signal(signum, end)
    try:
        yield
    finally:
        _ending.clear()
        for signum, handler in before.items():
            if signal.getsignal(signum) is end:
                signal.signal(signum, handler)


async def watch(call: Call) -> Response:
    """The stream of a run's events."""
    run = await run_in_threadpool(find_run, call.path("id"))
    last = call.request.headers.get("last-event-id") or str(call.query.get("after", 0))
    number = last.removesuffix(OVER)
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Problem(422, "Last-Event-ID is none of ours", "Send an id of an earlier event.",
                      {"member": "Last-Event-ID"})  # fmt: skip
    after = int(number)
    if last.endswith(OVER) and run.state in ENDED:
        more = await run_in_threadpool(read_more_told, run.id, ToldSoFar(), after, 1)
        if not more.entries:
            return Response(status_code=204)  # by which browsers know not to come again
    if call.serving.meters.streams >= call.serving.most_streams:
        raise Problem(503, f"{call.serving.most_streams} streams are open", "Ask again later.")
    return EventStream(run.id, after, call.serving, head_only=call.request.method == "HEAD")


class EventStream(Response):
    """Sends as long as the run goes on, the watcher listens, and the server stands."""

    media_type = "text/event-stream"
    charset = "utf-8"

    def __init__(
        self,
        run_id: str,
        after: int,
        serving: Serving,
        *,
        head_only: bool = False,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._run_id, self._after, self._serving = run_id, after, serving
        self._head_only, self._stall_seconds = head_only, stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole stream."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        if self._head_only:
            await send({"type": "http.response.body", "body": b""})
            return
        with self._serving.meters.count_stream():
            async with anyio.create_task_group() as tasks:

                async def end_when_gone() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    tasks.cancel_scope.cancel()

                tasks.start_soon(end_when_gone)
                await self._send_all(send)
                tasks.cancel_scope.cancel()

    async def _send_all(self, send: Send) -> None:
        try:
            async for block in follow(self._run_id, self._after, self._serving):
                with anyio.fail_after(self._stall_seconds):
                    body = {"type": "http.response.body", "body": block, "more_body": True}
                    await send(body)
            with anyio.fail_after(self._stall_seconds):
                await send({"type": "http.response.body", "body": b""})
        except (TimeoutError, OSError):
            return  # it takes nothing any more


async def follow(run_id: str, after: int, serving: Serving) -> AsyncIterator[bytes]:
    """The events of a run from description `after` + 1 on, as bytes of the stream."""
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    told, seen = ToldSoFar(), None
    said: dict[str, Mapping[str, Any]] = {}
    beat = time.monotonic()
    until = beat + serving.stream_seconds
    while not is_ending() and time.monotonic() < until:
        # The state first: what ended before it was read has told all by then.
        values = await _read_again(run_id, serving)
        blocks = _list_changes(values, said) if values else []
        stamp = _stamp(run_id, "chunks.jsonl")
        while stamp != seen or len(told.entries) == MOST_AT_A_TIME:
            seen = stamp
            told = await run_in_threadpool(read_more_told, run_id, told, after, MOST_AT_A_TIME)
            yield b"".join(
                [*blocks, *(_write("description", e, str(e["n"])) for e in told.entries)]
            )
            beat, blocks = time.monotonic(), []
        if values is None or values["state"] in ENDED:
            last = f"{max(told.lines, after)}{OVER}"
            ended = {name: values[name] for name in OF_END} if values else DELETED
            yield b"".join([*blocks, _write("end", {"id": run_id, **ended}, last)])
            return
        if not blocks and time.monotonic() - beat >= BEAT_SECONDS:
            blocks = [b": still here\n\n"]
        if blocks:
            yield b"".join(blocks)
            beat = time.monotonic()
        await anyio.sleep(LOOK_SECONDS)


def _stamp(run_id: str, name: str) -> tuple[int, int, int] | None:
    """What is another as soon as the file was written again; None where there is none."""
    try:
        found = (runs_folder() / run_id / name).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


async def _read_again(run_id: str, serving: Serving) -> Mapping[str, Any] | None:
    """The run as programs are told of it, read anew where it may have changed; None: deleted."""
    async with serving.reading:  # so that one reads, and its other watchers have it, too
        key = (_stamp(run_id, "state.json"), int(time.monotonic() / TRUST_SECONDS))
        known = serving.latest.get(run_id)
        if known is None or known[0] != key:
            known = (key, await run_in_threadpool(_read_values, run_id))
            serving.latest[run_id] = known
            while len(serving.latest) > serving.most_streams:
                serving.latest.pop(next(iter(serving.latest)))
    return known[1]


def _read_values(run_id: str) -> Mapping[str, Any] | None:
    try:
        return run_values(read_run(run_id))
    except UsageError:
        return None


def _list_changes(values: Mapping[str, Any], said: dict[str, Mapping[str, Any]]) -> list[bytes]:
    """Events of what is not as it was said last, which is kept in `said`."""
    now = {
        "state": {name: values[name] for name in OF_STATE},
        "progress": values["progress"],
    }
    new = [kind for kind in now if said.get(kind) != now[kind]]
    said.update(now)
    return [_write(kind, now[kind]) for kind in new]


def _write(kind: str, values: Mapping[str, Any], number: str = "") -> bytes:
    """One event; JSON has no line break in it."""
    written = json.dumps(values, separators=(",", ":"))
    named = f"id: {number}\n" if number else ""
    return f"event: {kind}\n{named}data: {written}\n\n".encode()
