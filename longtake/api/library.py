"""The library by HTTP: its videos, moments in them, and questions to them."""

import time
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from longtake.api.answers import answer
from longtake.api.events import is_ending
from longtake.api.operations import Call
from longtake.api.runs import accept, find_named, find_run, not_done, order_run
from longtake.library.index import LibraryVideo, list_videos
from longtake.library.passages import KINDS
from longtake.library.say import moment_values, video_values
from longtake.library.search import MOST_SHOWN, check_query
from longtake.pipeline.search import Query
from longtake.pipeline.session import run_to_end
from longtake.runs.folder import ENDED
from longtake.runs.requests import Order
from longtake.runs.say import hide_places, read_result, run_values
from longtake.runs.searching import keep_session
from longtake.settings import load_settings
from longtake.store import Store, store_path
from longtake.text.untrusted import one_line

PAGE = 50
USUAL_WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.1
NOTHING_YET = "There is no video in the library yet: go through one first."


async def list_them(call: Call) -> Response:
    """All videos that were gone through, the newest first, a page at a time."""
    return answer(await run_in_threadpool(_list, call))


def _list(call: Call) -> dict[str, Any]:
    with Store(store_path()) as store:
        videos = sorted(list_videos(store), key=_mark, reverse=True)
    if after := call.query.get("after"):
        videos = [video for video in videos if _mark(video) < after]
    shown = videos[: call.query.get("limit", PAGE)]
    more = _mark(shown[-1]) if len(videos) > len(shown) else None
    return {"videos": [hide_places(video_values(video)) for video in shown], "next": more}


def _mark(video: LibraryVideo) -> str:
    return f"{video.date}-{video.sha256}"


async def search(call: Call) -> Response:
    """Moments that answer to the words, the best first."""
    return answer(await run_sync(_search, call, limiter=call.serving.searches))


def _search(call: Call) -> dict[str, Any]:
    query = call.query
    text = check_query(query["q"])
    wanted = Query(
        text,
        tuple(kind for kind in KINDS if kind in query.get("kind", KINDS)),
        query.get("after", 0.0),
        query.get("before", float("inf")),
        query.get("limit", MOST_SHOWN),
    )
    with Store(store_path()) as store:
        if not list_videos(store):
            return {"query": text, "moments": [], "remarks": [NOTHING_YET]}
        videos = find_named(tuple(query.get("video", ())))
        steps = keep_session(store).search(wanted, load_settings(), videos)
        found = run_to_end(steps)
    moments = [hide_places(moment_values(moment, {})) for moment in found.moments]
    for moment in moments:
        del moment["thumbnail"]
    return {"query": text, "moments": moments, "remarks": [one_line(r) for r in found.remarks]}


async def ask(call: Call) -> Response:
    """A question becomes a run; its answer, if it comes while the caller waits."""
    body = call.body
    order = Order(
        "ask",
        question=body["question"],
        videos=tuple(body.get("videos", ())),
        settings=body.get("settings", {}),
    )
    run = await run_in_threadpool(order_run, order, call)
    wait = min(body.get("wait", USUAL_WAIT_SECONDS), call.serving.most_wait)
    until = time.monotonic() + wait
    while run.state not in ENDED and time.monotonic() < until and not is_ending():
        await anyio.sleep(LOOK_SECONDS)
        run = await run_in_threadpool(find_run, run.id)
    if run.state not in ENDED:
        return accept(run)
    found = await run_in_threadpool(read_result, run)
    if found is None:
        raise not_done(run)
    place = {"Location": f"/v1/runs/{run.id}"}
    return answer({"run": run_values(run), "answer": found}, headers=place)
