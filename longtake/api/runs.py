"""Runs by HTTP: placed, listed, stopped, and what came of them."""

from pathlib import Path
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from longtake.api.answers import answer, send_file, send_picture
from longtake.api.operations import Call
from longtake.api.read import check_encoding
from longtake.api.schemas import TAKEN
from longtake.door.problem import Problem
from longtake.door.upload import UploadLimits, receive_upload
from longtake.errors import UsageError
from longtake.runs import folder
from longtake.runs.files import list_files
from longtake.runs.folder import Kind, Run, ToldSoFar, list_runs, read_more_told, read_run
from longtake.runs.requests import Order, find_library_videos, place_order
from longtake.runs.say import hide_source, read_result, run_values
from longtake.settings import load_settings

PAGE = 20
MOST_PICTURES = 10**9


async def take_upload(call: Call) -> Response:
    """The body is the file."""
    check_encoding(call.request)
    limits = UploadLimits(load_settings().page_upload_bytes)
    path = await receive_upload(call.request, limits, call.visitor)
    return answer({"upload": path.name, "bytes": path.stat().st_size}, 201)


async def place(call: Call) -> Response:
    """Put a run into the queue."""
    run = await run_in_threadpool(_place, call)
    return accept(run)


def _place(call: Call) -> Run:
    body = dict(call.body)
    kind = body.setdefault("kind", "summarize")
    for name in body:
        if name != "kind" and name not in TAKEN[kind]:
            raise Problem(
                422,
                f"a run of kind {kind} takes no {name}",
                f"It takes {', '.join(TAKEN[kind])}.",
                {"member": name},
            )
    if body.get("source") and body.get("upload"):
        raise Problem(422, "a source and an upload were given", "Give one.", {"member": "upload"})
    return order_run(Order(**body | {"videos": tuple(body.get("videos", ()))}), call)


def order_run(order: Order, call: Call) -> Run:
    """The run that was placed; 404 for a video of the library that is not there."""
    if order.kind == "ask":
        find_named(order.videos)
    return place_order(order, call.serving.access.roots, call.visitor)


def find_named(names: tuple[str, ...]) -> list[Any]:
    """The library's videos of these names; Problem 404."""
    try:
        return list(find_library_videos(names))
    except UsageError as error:
        raise Problem(404, error.message, error.hint) from None


def accept(run: Run, status: int = 202) -> Response:
    """The run, and where it can be asked for."""
    return answer(run_values(run), status, {"Location": f"/v1/runs/{run.id}"})


def find_run(run_id: str) -> Run:
    """The run of that id; Problem 404."""
    try:
        return read_run(run_id)
    except UsageError as error:
        raise Problem(404, error.message, error.hint) from None


async def list_them(call: Call) -> Response:
    """The newest first, a page at a time."""
    return answer(await run_in_threadpool(_list, call))


def _list(call: Call) -> dict[str, Any]:
    query = call.query
    kinds = (query["kind"],) if "kind" in query else get_args(Kind)
    runs = [
        run
        for run in sorted(list_runs(kinds=kinds), key=_mark)
        if query.get("state", run.state) == run.state and _mark(run) > query.get("after", "")
    ]
    shown = runs[: query.get("limit", PAGE)]
    more = _mark(shown[-1]) if len(runs) > len(shown) else None
    return {"runs": [run_values(_count_again(run)) for run in shown], "next": more}


def _mark(run: Run) -> str:
    """Where a run stands among all, so that a later one has a later mark: the newest first."""
    return f"{10**13 - round(run.asked.created * 1000):013d}-{run.id}"


def _count_again(run: Run) -> Run:
    """A waiting run with how many are before it."""
    if run.state == "waiting":
        try:
            return read_run(run.id)
        except UsageError:  # deleted just now
            pass
    return run


async def show(call: Call) -> Response:
    """One run."""
    return answer(run_values(await run_in_threadpool(find_run, call.path("id"))))


async def delete(call: Call) -> Response:
    """Remove a run, with all that it found."""
    await run_in_threadpool(_change, call, folder.delete)
    return Response(status_code=204)


async def stop(call: Call) -> Response:
    """End a run; it can go on later."""
    return accept(await run_in_threadpool(_change_and_read, call, folder.stop))


async def resume(call: Call) -> Response:
    """Let a run go on."""
    return accept(await run_in_threadpool(_change_and_read, call, _resume))


def _resume(run_id: str) -> None:
    if read_run(run_id).state == "done":
        raise Problem(409, "the run is done", "Place another.", {"state": "done"})
    folder.resume(run_id)


def _change(call: Call, change: Any) -> None:
    run = find_run(call.path("id"))
    try:
        change(run.id)
    except folder.RunAtWork as error:
        raise Problem(409, error.message, error.hint, {"state": "running"}) from None
    except UsageError as error:
        find_run(run.id)  # 404, if somebody else deleted it meanwhile
        raise Problem(409, error.message, error.hint, {"state": run.state}) from None


def _change_and_read(call: Call, change: Any) -> Run:
    _change(call, change)
    return find_run(call.path("id"))


async def send_result(call: Call) -> Response:
    """What came of a run that is done."""
    return answer(await run_in_threadpool(lambda: _read_result(find_run(call.path("id")))))


def _read_result(run: Run) -> dict[str, Any]:
    found = read_result(run)
    if found is None and run.state == "done":
        raise Problem(404, "the result's file is gone", "Ask for it again.")
    if found is None:
        raise not_done(run)
    return found


def not_done(run: Run) -> Problem:
    """That there is no result, and why."""
    said = f": {hide_source(run, run.error)}" if run.error else ""
    return Problem(
        409,
        f"the run is {run.state}, and not done{said}",
        hide_source(run, run.hint) or "Follow its events, or ask again later.",
        {"state": run.state, "run": run.id},
    )


async def list_told(call: Call) -> Response:
    """Descriptions in the order in which they came, a page at a time."""
    after, most = call.query.get("after", 0), call.query.get("limit", 100)

    def read() -> ToldSoFar:
        run = find_run(call.path("id"))
        return read_more_told(run.id, ToldSoFar(), after, most)

    told = await run_in_threadpool(read)
    full = len(told.entries) == most
    return answer({"descriptions": told.entries, "next": told.lines if full else None})


async def send_one(call: Call) -> Response:
    """A file of the results."""
    return await run_in_threadpool(_send_one, call)


def _send_one(call: Call) -> Response:
    run, wanted = find_run(call.path("id")), call.path("place")
    file = next((file for file in list_files(run) if file.place == wanted), None)
    if file is None:
        raise Problem(404, "there is no such file", "`files` of the run lists what there is.")
    return send_file(file.path, f"{run.id[:8]}-{file.place.replace('/', '-')}")


async def send_frame(call: Call) -> Response:
    """A frame that a look was of."""
    return await run_in_threadpool(_send_picture, call, Path("out") / "frames")


async def send_thumb(call: Call) -> Response:
    """A small picture of a chunk."""
    return await run_in_threadpool(_send_picture, call, Path("thumbs"))


def _send_picture(call: Call, place: Path) -> Response:
    run, number = find_run(call.path("id")), int(call.path("number"))
    if number > MOST_PICTURES:
        raise Problem(404, "there is no such picture", "")
    return send_picture(run.folder / place / f"{number}.jpg")
