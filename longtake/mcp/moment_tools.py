"""Tools for a stretch of a video: what is to be seen there, and what is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from longtake.door.access import Access
from longtake.errors import UsageError
from longtake.library.index import list_passages_of
from longtake.mcp.callers import check_may_run, choose_visitor, in_thread, name_visitor
from longtake.mcp.named import Named, find_named
from longtake.mcp.replies import ToolReply, as_result
from longtake.mcp.run_tools import Cursor, wait_for
from longtake.mcp.shapes import SeenReply, TranscriptReply
from longtake.mcp.tasks import choose_patience
from longtake.mcp.told import MOST_END, read_transcript_file, tell_run, tell_segments
from longtake.runs.folder import Run, list_runs
from longtake.runs.progress import name_title
from longtake.runs.requests import Order, check_span, check_stretch, place_once
from longtake.store import Store, store_path
from longtake.timecode import parse_time

LOOK_SECONDS = 10.0
"""The stretch that is looked at where only its beginning was named."""

Video = Annotated[
    str,
    Field(
        description="Which video: a run's id, a title or sha256 that list_videos tells, a link, or"
        " a path below a folder that the owner allowed.",
    ),
]
Question = Annotated[
    str, Field(description="What to look for; empty: what is seen and happens there.")
]


def add_moment_tools(server: MCPServer[Any], access: Access) -> None:
    """The tools describe_moment and transcript."""

    @server.tool(
        title="Look at a moment of a video",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
    )
    async def describe_moment(
        source: Video,
        start: Annotated[
            float | str, Field(description="From when: seconds, or a time such as 1:05.")
        ],
        context: Context,
        end: Annotated[
            float | str,
            Field(description="Until when, at most 10 minutes later; 0: ten seconds later."),
        ] = 0,
        question: Question = "",
    ) -> Annotated[CallToolResult, SeenReply]:
        """Look at frames of a stretch now: they come as images, with what a model here saw.

        Needs no earlier run. If no model here sees, look at the images yourself. A short stretch
        shows more: about a frame every three seconds, six images at most. If it takes longer than
        a few seconds, a run comes back: get_run with its id gives the same.
        """
        check_may_run()
        begin, until = read_seconds(start, "start"), read_seconds(end, "end")
        until = until or begin + LOOK_SECONDS
        check_stretch(begin, until)
        visitor = choose_visitor()
        named = await in_thread(lambda: find_named(source, access.roots, visitor))
        order = Order("look", _check_source(named), question=question, start=begin, end=until)
        return as_result(await _have_done(order, access, context))

    @server.tool(
        title="Read what is said in a video",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
    )
    async def transcript(
        source: Video,
        context: Context,
        start: Annotated[
            float | str, Field(description="From when: seconds, or a time such as 1:05.")
        ] = 0,
        end: Annotated[float | str, Field(description="Until when; 0: to the end.")] = 0,
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, TranscriptReply]:
        """What is said in a video or in a stretch of it, with times, page by page.

        At once for a video that was gone through. Of any other, a run listens to it: call get_run
        with its id until its state is done.
        """
        begin, until = read_seconds(start, "start"), read_seconds(end, "end")
        if begin or until:
            check_span(begin, until or begin + 1)
        stretch = begin, until or float("inf")
        visitor = choose_visitor()
        named = await in_thread(lambda: find_named(source, access.roots, visitor))
        if known := await in_thread(lambda: _tell_known(named, cursor, stretch, visitor)):
            return as_result(known)
        check_may_run()
        most = until or (MOST_END if begin else 0.0)
        order = Order("transcribe", _check_source(named), start=begin, end=most)
        return as_result(await _have_done(order, access, context))

    async def _have_done(order: Order, access: Access, context: Context) -> ToolReply:
        visitor = name_visitor()
        run = await in_thread(lambda: place_once(order, access.roots, visitor))
        run = await wait_for(run.id, choose_patience(context), context)
        return await in_thread(lambda: tell_run(run))


def read_seconds(value: float | str, name: str) -> float:
    """Seconds of a number or a time; UsageError where it is none."""
    try:
        return parse_time(str(value))
    except ValueError:
        raise UsageError(
            f"{name} is no time: {str(value)[:40]!r}", "Give seconds, or a time such as 1:05."
        ) from None


def _check_source(named: Named) -> str:
    if not named.source:
        raise UsageError(
            "the video of this run is not known yet, or not here any more",
            "Wait until the run is done, or name the video itself.",
        )
    return named.source


def _tell_known(
    named: Named, cursor: str, stretch: tuple[float, float], visitor: str | None
) -> ToolReply | None:
    """What is said, by a run's own transcript or the library; None where nobody listened yet."""
    for run in _list_listened(named, visitor):
        found = read_transcript_file(run)
        if found and (found.get("segments") or run.asked.kind == "transcribe"):
            title = {"title": name_title(run)}
            return tell_segments(found, cursor, run.id, title, stretch)
    if not named.video:
        return None
    with Store(store_path()) as store:
        passages = list_passages_of(store, named.video.id)
    said = [
        {"start": p.span.start, "end": p.span.end, "text": p.text}
        for p in passages
        if p.kind == "said"
    ]
    found = {"segments": said, "language": named.video.language}
    name = {"title": named.video.name}
    return tell_segments(found, cursor, named.video.sha256, name, stretch) if said else None


def _list_listened(named: Named, visitor: str | None) -> Iterator[Run]:
    """The run of the video, and those that listened to it and nothing else."""
    if named.run:
        yield named.run
    for run in list_runs(visitor, ("transcribe",)):
        same = run.state == "done" and run.asked.source == named.source and named.source
        if same and not run.asked.start and not run.asked.end and not _is_newer(run):
            yield run


def _is_newer(run: Run) -> bool:
    """Whether the file of a run was written after it."""
    try:
        return Path(run.asked.source).stat().st_mtime > run.asked.created
    except OSError:
        return False  # a link
