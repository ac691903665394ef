"""Tools that start runs of whole videos, and tell of any run."""

import math
import threading
import time
from typing import Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from longtake.door.access import Access
from longtake.mcp.callers import check_may_run, in_thread, name_visitor, within
from longtake.mcp.replies import ToolReply, as_result
from longtake.mcp.shapes import AnyReply, RunReply, SummaryReply
from longtake.mcp.told import status_line, status_values, tell_run
from longtake.runs.folder import ENDED, Run, read_run, stop
from longtake.runs.requests import Order, place_once

MOST_WAIT_SECONDS = 8.0
"""No call lasts over 10 seconds: hosts cut them off."""
USUAL_WAIT_SECONDS = 5.0
"""Without it, who polls asks again and again for nothing."""
POLL_SECONDS, POLLS_A_SECOND = 0.4, 100
"""How often a call that waits looks at its run, and all that wait together."""
TELL_SECONDS = 1.0
"""Between two notifications of progress."""

RunId = Annotated[str, Field(description="The run's id, as another tool told it.", max_length=100)]
Cursor = Annotated[
    str, Field(description="The next_cursor of the call before, to go on.", max_length=400)
]


def add_run_tools(server: MCPServer[Any], access: Access) -> None:
    """The tools summarize, get_run and stop_run."""

    @server.tool(
        title="Summarize a video",
        annotations=ToolAnnotations(
            read_only_hint=False,
            destructive_hint=False,
            idempotent_hint=False,
            open_world_hint=True,
        ),
    )
    async def summarize(
        source: Annotated[
            str,
            Field(
                description="A link (a page with a video, or a video file), a path below a folder"
                " that the owner allowed, or the sha256 of a video that list_videos tells.",
            ),
        ],
        focus: Annotated[
            str, Field(description="What the summary should look for, in a few words.")
        ] = "",
        flow: Annotated[
            Literal["", "independent", "context"],
            Field(
                description="independent: each chunk described on its own (faster); context: with"
                " what is known from earlier ones. Empty: as the owner has set.",
            ),
        ] = "",
        settings: Annotated[
            dict[str, Any],
            Field(
                description='Further settings by name, such as {"language": "German"} or'
                ' {"length": "short"}; the resource longtake://settings lists all.',
            ),
        ] = {},  # noqa: B006 - the SDK copies it into a schema
    ) -> Annotated[CallToolResult, SummaryReply]:
        """Watch a whole video, a link or a file: what is seen, said and written, then a summary.

        Returns a run at once; a long video takes minutes or more. Call get_run with the run's id
        until its state is done. From then on the video can be searched and asked about, too;
        one that list_videos knows needs no new run for that.
        """
        check_may_run()
        chosen = {
            **settings,
            **({"focus": focus} if focus else {}),
            **({"flow": flow} if flow else {}),
        }
        order = Order(source=source, settings=chosen)
        visitor = name_visitor()
        run = await in_thread(lambda: place_once(order, access.roots, visitor))
        return as_result(await in_thread(lambda: tell_run(run)))

    @server.tool(
        title="Ask how far a run is, and what came of it",
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
    async def get_run(
        run: RunId,
        context: Context,
        wait_seconds: Annotated[
            float, Field(description="How long to wait for its end, 0 to 8 seconds.")
        ] = USUAL_WAIT_SECONDS,
        detail: Annotated[
            Literal["summary", "sentences", "chapters", "moments", "gaps", "descriptions"],
            Field(
                description="What to tell: the summary (default), or a whole list, page by page."
                " descriptions (chunk by chunk) can be read while the run is at work.",
            ),
        ] = "summary",
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, AnyReply]:
        """How far a run is; once it is done, its result, a short one first.

        Of a summary: headline, sentences with their times and whether these support them,
        chapters, and gaps that nothing is known of. Works for the runs of all tools.
        """
        found = await wait_for(run, wait_seconds, context)
        reply = await in_thread(lambda: tell_run(found, detail, cursor))
        return as_result(reply) if found.state != "failed" else unfail(reply)

    @server.tool(
        title="Stop a run",
        annotations=ToolAnnotations(
            read_only_hint=False,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )
    async def stop_run(run: RunId) -> Annotated[CallToolResult, RunReply]:
        """Stop a run. What it found is kept: to ask for the same again goes on from there."""
        check_may_run()
        await in_thread(lambda: read_run(run))
        await within(MOST_WAIT_SECONDS, lambda: stop(run))
        found = await in_thread(lambda: read_run(run))
        values = status_values(found)
        return as_result(ToolReply([status_line(values), f"Next: {values['next']}."], values))


def unfail(reply: ToolReply) -> CallToolResult:
    """A run's failure, told to who asked how it is: to tell it is no failure."""
    result = as_result(reply)
    return result.model_copy(update={"is_error": False})


_waiting: set[object] = set()
"""Calls that wait now."""
leaving = threading.Event()
"""Set when the server shall end: no call waits any longer."""


async def wait_for(run_id: str, seconds: float, context: Context | None = None) -> Run:
    """The run, once it has ended or so much time is over; UsageError where there is none.

    Tells a client that wants to know how far it is.
    """
    seconds = min(max(seconds, 0.0), MOST_WAIT_SECONDS) if math.isfinite(seconds) else 0.0
    until = time.monotonic() + seconds
    run = await in_thread(lambda: read_run(run_id))
    told, next_told = -1.0, 0.0
    _waiting.add(me := object())
    try:
        while run.state not in ENDED and time.monotonic() < until and not leaving.is_set():
            if context and time.monotonic() >= next_told:
                next_told = time.monotonic() + TELL_SECONDS
                told = await _tell_progress(run, told, context)
            pause = max(POLL_SECONDS, len(_waiting) / POLLS_A_SECOND)
            await anyio.sleep(max(0.0, min(pause, until - time.monotonic())))
            run = await in_thread(lambda: read_run(run_id))
    finally:
        _waiting.discard(me)
    return run


async def _tell_progress(run: Run, told: float, context: Context) -> float:
    """How much was told to be done by now; it only grows."""
    values = status_values(run)
    if values["part"] > told:
        await context.report_progress(values["part"], 1.0, values["doing"])
    return max(told, float(values["part"]))
