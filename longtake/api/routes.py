"""The table of all operations: requests are routed, checked and documented by it."""

from collections.abc import Mapping
from typing import get_args

from longtake.api import events, examples, library, runs, state
from longtake.api.operations import Operation, Returns
from longtake.api.schemas import (
    MOST_VIDEOS,
    Schema,
    listing,
    one_of,
    ref,
    seconds,
    text,
    whole,
)
from longtake.library.passages import KINDS as OF_PASSAGES
from longtake.library.search import MOST_QUERY_LETTERS, MOST_SHOWN
from longtake.runs.files import TYPES
from longtake.runs.folder import Kind, State

PARTS: Mapping[str, Schema] = {
    "id": {"type": "string", "pattern": "^[0-9a-f]{24}$", "description": "the run's id",
           "example": examples.RUN_ID},
    "place": {"type": "string", "description": "its `name`, as the run's `files` list it",
              "example": "summary.md"},
    "number": {"type": "integer", "minimum": 1, "maximum": runs.MOST_PICTURES,
               "description": "its number", "example": 1},
}  # fmt: skip
"""Parts of paths."""

RUN_TITLE, LIBRARY_TITLE, SERVER_TITLE = "Runs", "Library", "Server"
GROUPS = {
    RUN_TITLE: "A run goes through a video in a process of its own. Place it, follow it, take what"
    " came of it. One queue serves this interface, the page, and all servers on the same home.",
    LIBRARY_TITLE: "All videos that were gone through: search in them, ask them.",
    SERVER_TITLE: "Whether it stands, what it counts, and this documentation.",
}

FILES = tuple(sorted({kind.partition(";")[0] for kind in TYPES.values()}))
JPEG = ("image/jpeg",)
PARTED = "multipart/byteranges"
NO_RUN = "there is no such run"
AFTER = text("`next` of the page before", 100)


def _limit(most: int, usual: int) -> Schema:
    return whole("how many at most", 1, most, default=usual)


def _run(about: str, headers: tuple[str, ...] = ()) -> Returns:
    return Returns(about, ref("Run"), examples.WAITING, headers=headers)


OPERATIONS = (
    Operation(
        "POST", "/v1/uploads", runs.take_upload, "upload",
        "Send a file, as the body itself, whatever its type; it is judged by its content. It waits"
        " two hours to be named in a run.",
        RUN_TITLE,
        {201: Returns("it is here", ref("Upload"), examples.UPLOAD)},
        right="run", reads="file",
        problems={400: "the upload broke off", 408: "nothing more came",
                  413: "the file is too large", 415: "it is no video, or it is packed",
                  507: "there is no room for it"},
        curl="curl -T lecture.mp4 -X POST {url}/v1/uploads",
    ),
    Operation(
        "POST", "/v1/runs", runs.place, "placeRun",
        "Put a run into the queue. `summarize`, `compare`, `transcribe` and `look` take a source or"
        " an upload; `look` a question and the seconds from `start` to `end`; `ask` a question and"
        " videos of the library.",
        RUN_TITLE,
        {202: _run("it waits its turn", ("Location",))},
        right="run", reads="json", body="Order", example=examples.ORDER,
        problems={404: "there is no such video in the library", 409: "what is known is damaged",
                  429: "20 of the caller's runs wait already", 507: "there is no room for it"},
        curl="curl {url}/v1/runs --json '{example}'",
    ),
    Operation(
        "GET", "/v1/runs", runs.list_them, "listRuns", "All runs, the newest first.", RUN_TITLE,
        {200: Returns("a page of them", ref("Runs"), {"runs": [examples.RUN], "next": None})},
        query={"state": one_of(get_args(State), "only those"),
               "kind": one_of(get_args(Kind), "only those"),
               "limit": _limit(100, runs.PAGE), "after": AFTER},
        curl="curl '{url}/v1/runs?state=running&limit=5'",
    ),
    Operation(
        "GET", "/v1/runs/{id}", runs.show, "getRun", "A run as it stands.", RUN_TITLE,
        {200: Returns("the run", ref("Run"), examples.RUN)},
        problems={404: NO_RUN},
        curl="curl {url}/v1/runs/{id}",
    ),
    Operation(
        "DELETE", "/v1/runs/{id}", runs.delete, "deleteRun",
        "Remove a run with its upload and all that it found. What the library knows of the video"
        " stays.", RUN_TITLE,
        {204: Returns("it is gone")},
        right="run",
        problems={404: NO_RUN, 409: "it is at work", 507: "it can't be deleted"},
        curl="curl -X DELETE {url}/v1/runs/{id}",
    ),
    Operation(
        "POST", "/v1/runs/{id}/stop", runs.stop, "stopRun",
        "End it; what it found is kept. One that has ended stays as it is.", RUN_TITLE,
        {202: _run("it has ended", ("Location",))},
        right="run", problems={404: NO_RUN, 409: "it can't be stopped"},
        curl="curl -X POST {url}/v1/runs/{id}/stop",
    ),
    Operation(
        "POST", "/v1/runs/{id}/resume", runs.resume, "resumeRun",
        "Let one that was stopped or failed go on from where it was.", RUN_TITLE,
        {202: _run("it waits its turn", ("Location",))},
        right="run", problems={404: NO_RUN, 409: "it is done, or damaged"},
        curl="curl -X POST {url}/v1/runs/{id}/resume",
    ),
    Operation(
        "GET", "/v1/runs/{id}/events", events.watch, "watchRun",
        "The run as it goes, as server-sent events: `state` and `progress` when they change,"
        " `description` for each as it comes, and `end`, after which the stream ends. Who comes"
        " again with `Last-Event-ID` loses none and gets none twice.", RUN_TITLE,
        {200: Returns("the stream", None, examples.EVENTS, ("text/event-stream",)),
         204: Returns("whoever asks with the id of the last event has them all")},
        query={"after": whole("descriptions up to this number are known", 0, 10**9 - 1, default=0)},
        header={"Last-Event-ID": {"type": "string", "pattern": r"^[0-9]{1,9}(\.end)?$",
                                  "description": "the id of the last event that came"}},
        problems={404: NO_RUN},
        curl="curl -N {url}/v1/runs/{id}/events",
    ),
    Operation(
        "GET", "/v1/runs/{id}/result", runs.send_result, "getResult",
        "What came of it, as `longtake … --json` prints it.", RUN_TITLE,
        {200: Returns("the result", ref("Result"), {"summary": {"headline": "How a river moves"}})},
        problems={404: NO_RUN, 409: "it is not done: `state` says what it is"},
        curl="curl {url}/v1/runs/{id}/result",
    ),
    Operation(
        "GET", "/v1/runs/{id}/descriptions", runs.list_told, "listDescriptions",
        "Descriptions in the order in which they came.", RUN_TITLE,
        {200: Returns("a page of them", ref("Descriptions"),
                    {"descriptions": [examples.DESCRIPTION], "next": None})},
        query={"after": whole("from the next one on", 0, 10**9 - 1, default=0),
               "limit": _limit(1000, 100)},
        problems={404: NO_RUN},
        curl="curl '{url}/v1/runs/{id}/descriptions?after=100'",
    ),
    Operation(
        "GET", "/v1/runs/{id}/files/{place:path}", runs.send_one, "getFile",
        "A file of the results, by ranges where they are asked for.", RUN_TITLE,
        {200: Returns("the file", media=FILES),
         206: Returns("a part of it, or several", media=(*FILES, PARTED))},
        problems={404: "there is no such run, or no such file",
                  416: "there is no such range"},
        curl="curl -OJ {url}/v1/runs/{id}/files/report.html",
    ),
    Operation(
        "GET", "/v1/runs/{id}/frames/{number:int}", runs.send_frame, "getFrame",
        "A frame that a `look` was of.", RUN_TITLE,
        {200: Returns("the frame", media=JPEG),
         206: Returns("a part of it, or several", media=(*JPEG, PARTED))},
        problems={404: "there is none", 416: "there is no such range"},
        curl="curl -o frame.jpg {url}/v1/runs/{id}/frames/1",
    ),
    Operation(
        "GET", "/v1/runs/{id}/thumbs/{number:int}", runs.send_thumb, "getThumb",
        "A small picture of a chunk.", RUN_TITLE,
        {200: Returns("the picture", media=JPEG),
         206: Returns("a part of it, or several", media=(*JPEG, PARTED))},
        problems={404: "there is none", 416: "there is no such range"},
        curl="curl -o chunk.jpg {url}/v1/runs/{id}/thumbs/1",
    ),
    Operation(
        "GET", "/v1/videos", library.list_them, "listVideos",
        "All videos that were gone through, the newest first.", LIBRARY_TITLE,
        {200: Returns("a page of them", ref("Videos"), {"videos": [examples.VIDEO], "next": None})},
        query={"limit": _limit(100, library.PAGE), "after": AFTER},
        problems={507: "the library can't be read"},
        curl="curl {url}/v1/videos",
    ),
    Operation(
        "GET", "/v1/search", library.search, "search",
        "Moments in the videos, by words and by meaning, the best first. A phrase in quotation"
        " marks must stand there word for word.", LIBRARY_TITLE,
        {200: Returns("what was found", ref("Found"), examples.FOUND)},
        query={"q": text("what is looked for", MOST_QUERY_LETTERS, minLength=1,
                         example="a river on the board") | {"x-required": True},
               "video": listing(text("a name, a link, or the start of a SHA-256", minLength=1),
                                "only in these", MOST_VIDEOS),
               "kind": listing(one_of(OF_PASSAGES, "of what"), "only what was seen, said, …", 5),
               "after": seconds("only from this second of a video on"),
               "before": seconds("only up to this second"),
               "limit": _limit(100, MOST_SHOWN)},
        problems={404: "there is no such video", 507: "the library can't be read"},
        curl="curl -G {url}/v1/search --data-urlencode 'q=a river on the board'",
    ),
    Operation(
        "POST", "/v1/ask", library.ask, "ask",
        "Ask the library. The answer, if it comes while you wait; else a run to follow.",
        LIBRARY_TITLE,
        {200: Returns("the answer", ref("LibraryAnswer"), examples.ANSWER, headers=("Location",)),
         202: _run("it is still being answered", ("Location",))},
        right="run", reads="json", body="QuestionOrder",
        example={"question": "What is drawn on the board?", "wait": 30},
        problems={404: "there is no such video, or none yet",
                  409: "nobody could answer: `run` says whose it was",
                  429: "20 of the caller's runs wait already", 507: "there is no room for it"},
        curl="curl {url}/v1/ask --json '{example}'",
    ),
    Operation(
        "GET", "/v1/health", state.tell_health, "health", "That the server stands.", SERVER_TITLE,
        {200: Returns("it does", ref("Health"), {"status": "ok", "version": "0.1.0"})},
        right="none", curl="curl {url}/v1/health",
    ),
    Operation(
        "GET", "/v1/ready", state.tell_ready, "ready",
        "That a run could start now: the home can be written, the store opens, the disk has room.",
        SERVER_TITLE,
        {200: Returns("it could", ref("Health"), {"status": "ok", "version": "0.1.0"})},
        right="none", curl="curl {url}/v1/ready",
    ),
    Operation(
        "GET", "/metrics", state.tell_metrics, "metrics", "What Prometheus collects.", SERVER_TITLE,
        {200: Returns("counters", None, 'longtake_runs{kind="summarize",state="done"} 12.0\n',
                    ("text/plain",))},
        curl="curl {url}/metrics",
    ),
    Operation(
        "GET", "/v1/openapi.json", state.tell_openapi, "openapi", "This, as an OpenAPI document.",
        SERVER_TITLE,
        {200: Returns("the document", {"type": "object"})},
        right="none", curl="curl {url}/v1/openapi.json",
    ),
    Operation(
        "GET", "/v1/docs", state.show_docs, "docs", "This, as a page.", SERVER_TITLE,
        {200: Returns("the page", media=("text/html",))},
        right="none", curl="xdg-open {url}/v1/docs",
    ),
)  # fmt: skip
