"""Streams of events: nothing lost, nothing twice, and nothing held for who does not listen."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient

from longtake.api.app import build_app
from longtake.api.events import MOST_AT_A_TIME, EventStream
from longtake.api.serving import Serving
from longtake.door.access import Access
from longtake.runs.folder import (
    Run,
    ToldSoFar,
    delete,
    load_run,
    read_more_told,
    read_run,
    read_told,
    runs_folder,
    write_state,
)
from longtake.runs.requests import Order, place_order
from tests.api.conftest import URL, Ended
from tests.api.served import Heard
from tests.api.test_requests import check_problem


def read_events(text: str) -> Iterator[Heard]:
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if "event" in fields:
            yield Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"]))


def tell(run: Run, *numbers: int) -> None:
    with (run.folder / "chunks.jsonl").open("a") as file:
        for number in numbers:
            file.write(json.dumps({"chunk": number, "text": f"Text {number}."}) + "\n")


@pytest.fixture
def run(numbered: Path, home: Path) -> Run:
    """A run that nobody works at: the test does."""
    return place_order(Order(source=str(numbered)), [numbered.parent], "own")


def end(run: Run, state: Any = "done") -> None:
    write_state(replace(load_run(run.folder), state=state, ended=time.time()))


def test_stream_tells_all_and_ends(client: TestClient, ended: Ended) -> None:
    answer = client.get(f"/v1/runs/{ended.summarize}/events")
    assert answer.text.startswith("retry: ")
    heard = list(read_events(answer.text))
    told = [event.data for event in heard if event.kind == "description"]
    assert told == read_told(ended.summarize)
    assert [event.id for event in heard if event.id] == ["1", "2", "3", "4", "4.end"]
    assert heard[-1].kind == "end" and heard[-1].data["state"] == "done"
    assert [event.kind for event in heard[:2]] == ["state", "progress"]


def test_who_comes_again_gets_what_he_lacks_and_no_more(client: TestClient, ended: Ended) -> None:
    path = f"/v1/runs/{ended.summarize}/events"
    for last in range(5):
        for asked in ({"headers": {"last-event-id": str(last)}}, {"params": {"after": last}}):
            heard = read_events(client.get(path, **asked).text)  # type: ignore[arg-type]
            numbers = [event.data["n"] for event in heard if event.kind == "description"]
            assert numbers == list(range(last + 1, 5))
    assert client.get(path, headers={"last-event-id": "4.end"}).status_code == 204
    more = list(read_events(client.get(path, headers={"last-event-id": "3.end"}).text))
    assert [event.id for event in more if event.id] == ["4", "4.end"]
    for last in ("x", "-1", "1.5", "9" * 30, "1.end.end", "\u00b2"):
        headers = {"last-event-id": last.encode()}
        check_problem(client.get(path, headers=headers), 422, "Last-Event-ID")


def test_deleted_run_ends_its_stream(access: Access, run: Run) -> None:
    with TestClient(build_app(Serving(access), starts_runs=False), base_url=URL) as client:
        import threading

        threading.Timer(0.6, lambda: delete(run.id)).start()
        heard = list(read_events(client.get(f"/v1/runs/{run.id}/events").text))
    assert heard[0].data["state"] == "waiting"
    assert heard[-1].kind == "end" and heard[-1].data["state"] == "deleted"


def test_many_descriptions_come_in_parts_of_bounded_size(run: Run) -> None:
    many = 3 * MOST_AT_A_TIME + 7
    tell(run, *range(1, many + 1))
    end(run)
    sizes: list[int] = []
    heard: list[Heard] = []

    async def send(message: Any) -> None:
        body = message.get("body", b"").decode()
        found = list(read_events(body))
        sizes.append(sum(event.kind == "description" for event in found))
        heard.extend(found)

    run_stream(EventStream(run.id, 0, Serving(Access())), send)
    assert max(sizes) == MOST_AT_A_TIME
    assert [event.data["n"] for event in heard if event.kind == "description"] == list(
        range(1, many + 1)
    )
    assert heard[-1].id == f"{many}.end"


def test_exactly_as_many_as_are_read_at_once_are_all_told(run: Run) -> None:
    tell(run, *range(1, MOST_AT_A_TIME + 1))
    end(run)
    heard: list[Heard] = []

    async def send(message: Any) -> None:
        heard.extend(read_events(message.get("body", b"").decode()))

    run_stream(EventStream(run.id, 0, Serving(Access())), send)
    assert heard[-1].id == f"{MOST_AT_A_TIME}.end"


def run_stream(stream: EventStream, send: Any) -> None:
    """The stream to its end, of a watcher who never goes."""

    async def receive() -> Any:
        await anyio.sleep_forever()

    asyncio.run(stream({"type": "http"}, receive, send))


def test_watcher_who_takes_nothing_is_given_up(run: Run) -> None:
    serving = Serving(Access())
    streams: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            streams.append(serving.meters.streams)
            await anyio.sleep_forever()

    started = time.monotonic()
    run_stream(EventStream(run.id, 0, serving, stall_seconds=0.2), send)
    assert time.monotonic() - started < 5
    assert streams == [1] and serving.meters.streams == 0


def test_watcher_who_goes_is_let_go_at_once(run: Run) -> None:
    serving = Serving(Access())

    async def receive() -> Any:
        await anyio.sleep(0.3)
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        pass

    started = time.monotonic()
    asyncio.run(EventStream(run.id, 0, serving)({"type": "http"}, receive, send))
    assert time.monotonic() - started < 5 and serving.meters.streams == 0


def test_too_many_streams_are_refused(access: Access, run: Run) -> None:
    serving = Serving(access, most_streams=0)
    with TestClient(build_app(serving, starts_runs=False), base_url=URL) as client:
        check_problem(client.get(f"/v1/runs/{run.id}/events"), 503, "0 streams")


def test_stream_ends_after_its_time_and_the_watcher_comes_again(access: Access, run: Run) -> None:
    serving = Serving(access, stream_seconds=0.1)
    with TestClient(build_app(serving, starts_runs=False), base_url=URL) as client:
        tell(run, 1, 2)
        first = list(read_events(client.get(f"/v1/runs/{run.id}/events").text))
        assert [event.id for event in first if event.id] == ["1", "2"]
        tell(run, 3)
        headers = {"last-event-id": "2"}
        again = list(read_events(client.get(f"/v1/runs/{run.id}/events", headers=headers).text))
        assert [event.id for event in again if event.id] == ["3"]


def test_half_a_line_is_told_when_it_is_whole_and_a_damaged_one_never(run: Run) -> None:
    path = runs_folder() / run.id / "chunks.jsonl"
    path.write_text('{"chunk": 1}\nno json\n{"chunk": 2')
    told = read_more_told(run.id, ToldSoFar(), 0, 100)
    assert [entry["n"] for entry in told.entries] == [1] and told.lines == 2
    path.write_text('{"chunk": 1}\nno json\n{"chunk": 2}\n')
    more = read_more_told(run.id, told, 0, 100)
    assert [entry["n"] for entry in more.entries] == [3]
    assert [entry["n"] for entry in read_told(run.id)] == [1, 3]
    assert read_run(run.id).state == "waiting"
