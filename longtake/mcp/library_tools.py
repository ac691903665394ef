"""Tools for all videos that were gone through: search, questions, and which there are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from longtake.door.access import Access
from longtake.library.index import LibraryVideo, list_videos
from longtake.library.passages import KINDS
from longtake.library.say import moment_values
from longtake.library.search import check_query
from longtake.library.thumbs import read_thumb
from longtake.links.addresses import is_link
from longtake.mcp.callers import (
    check_may_run,
    choose_visitor,
    in_thread,
    name_visitor,
    within,
)
from longtake.mcp.cursors import read_cursor, write_cursor
from longtake.mcp.marks import ToldList, take, tame
from longtake.mcp.named import find_hashes
from longtake.mcp.replies import ToolReply, as_result
from longtake.mcp.run_tools import Cursor, wait_for
from longtake.mcp.shapes import AnswerReply, FoundReply, ListReply
from longtake.mcp.tasks import choose_patience
from longtake.mcp.told import MOST_TITLE_BYTES, place_values, say_place, tell_run
from longtake.pipeline.search import Query, SearchResult
from longtake.pipeline.session import run_to_end
from longtake.runs.folder import ENDED
from longtake.runs.requests import Order, find_library_videos, place_once
from longtake.runs.searching import keep_session
from longtake.settings import load_settings
from longtake.store import Store, store_path
from longtake.timecode import format_time

SEARCH_SECONDS, NEAREST_SECONDS, THUMBS_SECONDS = 6.0, 2.0, 2.0
MOST_FOUND, USUAL_FOUND, FEW_FOUND = 20, 8, 4
MOST_THUMBS = 3
LATE = "found by words alone: comparing by meaning takes longer; the next search may have it"

Kind = Literal["seen", "said", "read", "told", "action"]
Videos = Annotated[
    list[str],
    Field(
        description="Only in these videos: run ids, or titles or sha256 that list_videos tells."
        " Empty: in all.",
        max_length=100,
    ),
]


def add_library_tools(server: MCPServer[Any], access: Access) -> None:
    """The tools search, ask and list_videos."""

    @server.tool(
        title="Find moments in videos",
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
    async def search(
        query: Annotated[
            str,
            Field(
                description="What to find, in a few words or a sentence; a phrase in quotation"
                " marks must stand there word for word.",
            ),
        ],
        videos: Videos = [],  # noqa: B006 - the SDK copies it into a schema
        kinds: Annotated[
            list[Kind],
            Field(
                description="Only what is seen (described), said, read (written in the picture),"
                " told (by a summary) or an action. Empty: all.",
            ),
        ] = [],  # noqa: B006
        limit: Annotated[
            int, Field(description="How many moments at most.", ge=1, le=MOST_FOUND)
        ] = USUAL_FOUND,
        thumbnails: Annotated[
            bool, Field(description="Whether the best three come with a picture, as an image.")
        ] = False,
    ) -> Annotated[CallToolResult, FoundReply]:
        """Moments of the videos that were gone through, the best first, each with its times.

        Found by words and by meaning, in what was seen, said and written. To be sure of what is to
        be seen, call describe_moment with the times.
        """
        check_query(query)
        chosen = await in_thread(lambda: _choose(videos, access))
        wanted = Query(query, tuple(kinds) or KINDS, most=limit)
        found = await _search(wanted, chosen, SEARCH_SECONDS)
        pictures: dict[int, bytes] = {}
        if thumbnails:
            await within(THUMBS_SECONDS, lambda: _draw(found, pictures))
        return as_result(_tell_found(found, dict(pictures)))

    @server.tool(
        title="Ask a question about videos",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
    )
    async def ask(
        question: Annotated[str, Field(description="The question, as a sentence.")],
        context: Context,
        videos: Videos = [],  # noqa: B006
    ) -> Annotated[CallToolResult, AnswerReply]:
        """An answer from the videos that were gone through; each sentence has times that prove it.

        If it takes longer than a few seconds, a run comes back with the nearest moments: call
        get_run with its id for the answer. If no model here answers, the nearest moments come:
        answer from them yourself.
        """
        check_may_run()
        check_query(question)
        visitor = choose_visitor()
        hashes = await in_thread(lambda: find_hashes(videos, access.roots, visitor))
        order = Order("ask", question=question, videos=tuple(hashes))
        owner = name_visitor()
        run = await in_thread(lambda: place_once(order, access.roots, owner))
        run = await wait_for(run.id, choose_patience(context), context)
        reply = await in_thread(lambda: tell_run(run))
        if run.state not in ENDED:
            chosen = await in_thread(lambda: _choose(hashes, access))
            found = await _search(Query(question, most=FEW_FOUND), chosen, NEAREST_SECONDS)
            nearest = [place_values(moment_values(m, {})) for m in found.moments]
            section = ToldList("nearest", nearest, say_place, 3000, "nearest moments:")
            reply = replace(reply, sections=[section])
        return as_result(reply)

    @server.tool(
        title="List the videos that were gone through",
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
    async def list_videos(
        query: Annotated[
            str, Field(description="Only those whose title, link or headline has these words.")
        ] = "",
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, ListReply]:
        """The videos that can be searched and asked about, the newest first."""
        return as_result(await in_thread(lambda: tell_videos(query, cursor)))


def _choose(names: Sequence[str], access: Access) -> list[LibraryVideo]:
    """The videos of the library that are meant; all, where none is named."""
    return find_library_videos(find_hashes(names, access.roots, choose_visitor()))


async def _search(query: Query, videos: Sequence[LibraryVideo], seconds: float) -> SearchResult:
    """What is found by words and meaning; where that takes too long, by words."""
    found = await within(seconds, lambda: _find(query, videos))
    if found:
        return found
    by_words = await in_thread(lambda: _find(query, videos, words=True))
    return replace(by_words, remarks=(LATE,))


def _find(query: Query, videos: Sequence[LibraryVideo], *, words: bool = False) -> SearchResult:
    settings = load_settings({"embedder": "words"}) if words else load_settings()
    with Store(store_path()) as store:
        return run_to_end(keep_session(store).search(query, settings, videos))


def _draw(found: SearchResult, pictures: dict[int, bytes]) -> None:
    """Pictures of the best moments, under their places, as they come."""
    for place, moment in enumerate(found.moments[:MOST_THUMBS]):
        if jpeg := read_thumb(moment):
            pictures[place] = jpeg


def _tell_found(found: SearchResult, pictures: dict[int, bytes]) -> ToolReply:
    images = {place: image for image, place in enumerate(sorted(pictures), 1)}
    items = [
        {**place_values(moment_values(moment, {})),
         **({"image": images[place]} if place in images else {})}
        for place, moment in enumerate(found.moments)
    ]  # fmt: skip
    remarks = [tame(remark, 300) for remark in found.remarks]
    said = [f"{len(items)} moments, the best first." if items else "Nothing was found."]
    return ToolReply(
        said,
        {},
        {"remarks": remarks} if remarks else {},
        [f"remark: {remark}" for remark in remarks],
        [ToldList("found", items, say_place)],
        [pictures[place] for place in sorted(pictures)],
    )


def tell_videos(query: str, cursor: str) -> ToolReply:
    """The videos of the library, from a cursor on."""
    with Store(store_path()) as store:
        known = list_videos(store)
    words = query.casefold().split()
    items = [_video_values(v) for v in known if _has(v, words)]
    place = f"videos {' '.join(words)}"[:200]
    start = read_cursor(cursor, place)
    section = ToldList("videos", items, _say_video)
    until = start + len(take(section, start))
    values = {"next_cursor": write_cursor(place, until)} if until < len(items) else {}
    if not known:
        said = ["No video was gone through yet: summarize one first."]
    else:
        said = [f"{len(items)} of {len(known)} videos." if words else f"{len(items)} videos."]
    return ToolReply(said, values, {}, (), [section], start=start)


def _has(video: LibraryVideo, words: Sequence[str]) -> bool:
    link = video.source if is_link(video.source) else ""
    text = f"{video.name} {link} {video.headline}".casefold()
    return all(word in text for word in words)


def _video_values(video: LibraryVideo) -> dict[str, Any]:
    return {
        "sha256": video.sha256,
        "title": tame(video.name, MOST_TITLE_BYTES),
        **({"link": tame(video.source, 300)} if is_link(video.source) else {}),
        "seconds": round(video.seconds, 1),
        "date": video.date,
        **({"language": tame(video.language, 20)} if video.language else {}),
        "headline": tame(video.headline, 300),
    }


def _say_video(item: Any) -> str:
    link = f" {item['link']}" if item.get("link") else ""
    return (
        f"- {item['title']} (sha256 {item['sha256'][:12]}, {format_time(item['seconds'])},"
        f" {item['date'][:10]}){link}: {item['headline']}"
    )
