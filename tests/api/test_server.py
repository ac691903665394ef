"""The API by real clients over real sockets, with real workers: what is lost, held or let in."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from longtake.api import serve as serve_api
from longtake.door.access import Access
from longtake.door.place import open_socket
from longtake.errors import UsageError
from longtake.runs.folder import is_alive, list_runs, stop
from tests.api.conftest import QUICK, READER, RUNNER
from tests.api.served import RealServer, listen, run_server, wait_until
from tests.servers import Answer, ScriptedServer, as_chat, as_json, serve

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    for run in list_runs(kinds=("summarize", "look", "ask", "transcribe", "compare")):
        if is_alive(run.folder):
            stop(run.id)


@pytest.fixture
def server(tmp_path: Path, numbered: Path) -> Iterator[RealServer]:
    with run_server(tmp_path, numbered.parent) as running:
        yield running


@pytest.fixture
def slow() -> Iterator[dict[str, str]]:
    """Variables of a server whose runs ask a model that takes a while for each of ten chunks."""

    def answer(_asked: Any, _connection: Any) -> Answer:
        time.sleep(0.3)
        return as_chat("A dog runs.")

    with serve() as model:
        model.set("/v1/models", as_json({"data": [{"id": "tiny"}]}))
        model.set("/v1/chat/completions", answer)
        yield {"OPENAI_BASE_URL": f"{model.url}/v1", "LONGTAKE_AT_ONCE": "1"}


SLOW = QUICK | {"engine": "server:tiny", "chunk_seconds": 2.0}


def place(server: RealServer, source: Path, **more: Any) -> str:
    order = {"source": str(source), "settings": QUICK} | more
    answer = httpx2.post(f"{server.url}/v1/runs", json=order)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def get(server: RealServer, path: str) -> Any:
    answer = httpx2.get(f"{server.url}{path}", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_run_goes_from_a_path_to_its_result(server: RealServer, numbered: Path) -> None:
    run = place(server, numbered)
    heard = list(listen(server.url, run))
    assert [event.data["chunk"] for event in heard if event.kind == "description"]
    assert heard[-1].data["state"] == "done"
    assert get(server, f"/v1/runs/{run}/result")["summary"]
    with numbered.open("rb") as file:
        kept = httpx2.post(f"{server.url}/v1/uploads", content=file.read())
    again = httpx2.post(
        f"{server.url}/v1/runs",
        json={"upload": kept.json()["upload"], "title": "Numbers", "settings": QUICK},
    ).json()["id"]
    assert list(listen(server.url, again))[-1].data["state"] == "done"
    question = {"question": "what is a placeholder?", "wait": 60,
                "settings": {"engine": "fake", "reconciler": "fake"}}  # fmt: skip
    asked = httpx2.post(f"{server.url}/v1/ask", json=question, timeout=70)
    assert asked.status_code == 200 and asked.json()["answer"]["moments"]


def test_events_go_on_where_they_were_over_a_server_that_was_killed(
    tmp_path: Path, numbered: Path, slow: dict[str, str]
) -> None:
    numbers: list[int] = []
    last = ""
    with run_server(tmp_path, numbered.parent, **slow) as first:
        run = place(first, numbered, settings=SLOW)
        with suppress(httpx2.TransportError):
            for event in listen(first.url, run):
                if event.kind == "description":
                    numbers.append(event.data["n"])
                    last = event.id
                if len(numbers) == 3 and first.process.poll() is None:
                    first.kill()
    assert last and len(numbers) < 10
    with run_server(tmp_path, numbered.parent, **slow) as second:
        while True:
            heard = []
            for event in listen(second.url, run, last):
                heard.append(event)
                last = event.id or last
                if len(heard) == 4:  # and this watcher breaks off every now and then
                    break
            numbers += [event.data["n"] for event in heard if event.kind == "description"]
            if not heard or heard[-1].kind == "end":
                break
        assert heard[-1].data["state"] == "done"
        told = get(second, f"/v1/runs/{run}/descriptions")["descriptions"]
    assert numbers == [entry["n"] for entry in told] == list(range(1, len(told) + 1))
    assert sorted(entry["chunk"] for entry in told) == list(range(1, 11))


def test_two_servers_share_one_home_and_work_at_no_run_twice(
    tmp_path: Path, numbered: Path
) -> None:
    with (
        run_server(tmp_path, numbered.parent) as one,
        run_server(tmp_path, numbered.parent) as other,
    ):
        runs = [place(server, numbered, title=str(n)) for n in range(3) for server in (one, other)]
        for run in runs:
            here, there = (list(listen(server.url, run)) for server in (one, other))
            told = [event.data for event in here if event.kind == "description"]
            assert told == [event.data for event in there if event.kind == "description"]
            assert sorted(entry["chunk"] for entry in told) == [1, 2, 3, 4]
            assert here[-1].data["state"] == "done"
        assert {run["id"] for run in get(one, "/v1/runs")["runs"]} == {*runs}
        assert all(run.attempts == 1 for run in list_runs())


def test_stop_resume_and_delete_reach_the_worker(
    tmp_path: Path, numbered: Path, slow: dict[str, str]
) -> None:
    with run_server(tmp_path, numbered.parent, **slow) as server:
        run = place(server, numbered, settings=SLOW)
        path = f"{server.url}/v1/runs/{run}"
        wait_until(lambda: bool(get(server, f"/v1/runs/{run}/descriptions")["descriptions"]))
        busy = httpx2.delete(path)
        assert busy.status_code == 409 and busy.json()["state"] == "running"
        assert httpx2.post(f"{path}/stop", timeout=30).json()["state"] == "stopped"
        assert list(listen(server.url, run))[-1].data["state"] == "stopped"
        assert httpx2.post(f"{path}/resume").json()["state"] in ("waiting", "running")
        assert list(listen(server.url, run))[-1].data["state"] == "done"
        assert httpx2.delete(path).status_code == 204
        assert httpx2.get(path).status_code == 404


def test_fifty_watchers_hear_all_and_cost_little_memory(server: RealServer, numbered: Path) -> None:
    before = server.read_memory()
    run = place(server, numbered)
    with ThreadPoolExecutor(50) as pool:
        heard = list(pool.map(lambda _: list(listen(server.url, run)), range(50)))
    for events in heard:
        assert [e.data["n"] for e in events if e.kind == "description"] == [1, 2, 3, 4]
        assert events[-1].data["state"] == "done"
    assert server.read_memory() - before < 60 << 20


def test_client_that_reads_nothing_makes_the_server_hold_nothing(
    server: RealServer, numbered: Path, home: Path
) -> None:
    run = place(server, numbered)
    list(listen(server.url, run))
    with (home / "runs" / run / "chunks.jsonl").open("a") as file:  # 100 MB that nobody reads
        for number in range(5, 100_005):
            file.write(json.dumps({"chunk": number, "text": "x" * 1000}) + "\n")
    before = server.read_memory()
    host, port = server.url.removeprefix("http://").split(":")
    clients = []
    for _ in range(20):
        client = socket.create_connection((host, int(port)))
        client.sendall(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        clients.append(client)
    wait_until(lambda: "longtake_event_streams 20.0" in httpx2.get(f"{server.url}/metrics").text)
    time.sleep(2)
    assert server.read_memory() - before < 60 << 20
    assert get(server, "/v1/health")
    for client in clients:
        client.close()
    wait_until(lambda: "longtake_event_streams 0.0" in httpx2.get(f"{server.url}/metrics").text)


def test_ctrl_c_ends_streams_at_once_and_says_nothing_more(
    tmp_path: Path, numbered: Path, slow: dict[str, str]
) -> None:
    with run_server(tmp_path, numbered.parent, **slow) as server:
        run = place(server, numbered, settings=SLOW)
        heard: list[str] = []

        def watch() -> None:
            heard.extend(event.kind for event in listen(server.url, run))

        thread = threading.Thread(target=watch)
        thread.start()
        wait_until(lambda: "description" in heard or not thread.is_alive())
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)
        thread.join()
        assert time.monotonic() - started < 4
        assert "end" not in heard  # the run goes on
    said = server.log.read_text()
    assert said.count("\n") == 1 and said.startswith("Longtake serves programs at http://")


def test_question_that_waits_is_answered_with_its_run_as_the_server_ends(
    tmp_path: Path, numbered: Path, slow: dict[str, str]
) -> None:
    with run_server(tmp_path, numbered.parent, **slow) as server, ThreadPoolExecutor(1) as pool:
        list(listen(server.url, place(server, numbered)))
        at_work = place(server, numbered, settings=SLOW)
        wait_until(lambda: get(server, f"/v1/runs/{at_work}")["state"] == "running")
        settings = {"reconciler": "gguf:smollm2-135m-instruct"}  # it waits for the only slot
        question = {"question": "what number is seen?", "settings": settings, "wait": 60}
        asked = pool.submit(httpx2.post, f"{server.url}/v1/ask", json=question, timeout=60)
        wait_until(lambda: len(get(server, "/v1/runs?kind=ask")["runs"]) == 1)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)
        assert time.monotonic() - started < 5
        assert asked.result().status_code == 202 and asked.result().json()["kind"] == "ask"


def test_no_token_is_written_anywhere(
    tmp_path: Path, numbered: Path, token_file: Path, home: Path
) -> None:
    with run_server(tmp_path, numbered.parent, tokens=str(token_file)) as server:
        shown = {"authorization": f"Bearer {RUNNER}"}
        order = {"source": str(numbered), "settings": QUICK}
        placed = httpx2.post(f"{server.url}/v1/runs", json=order, headers=shown)
        list(listen(server.url, placed.json()["id"], headers=shown))
        httpx2.get(f"{server.url}/v1/runs?token={RUNNER}", headers=shown)
        wrong = "wrong-0123456789abcdef"
        httpx2.get(f"{server.url}/v1/runs", headers={"authorization": f"Bearer {wrong}"})
        httpx2.get(f"{server.url}/v1/{READER}", headers=shown)
        metrics = httpx2.get(f"{server.url}/metrics", headers=shown).text
    texts = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    texts += [server.log.read_bytes(), metrics.encode()]
    for token in (RUNNER, READER, wrong):
        assert not any(token.encode() in text for text in texts)


def test_webhook_reaches_no_private_address_but_one_that_the_owner_allows(
    tmp_path: Path, numbered: Path
) -> None:
    with serve() as hook:
        hook.set("/done", Answer(204))
        names_it = {"notify": f"{hook.url}/done"}
        with run_server(tmp_path, numbered.parent) as server:
            order = {"source": str(numbered), "settings": QUICK} | names_it
            assert httpx2.post(f"{server.url}/v1/runs", json=order).status_code == 422
        assert hook.asked == []
        allows = {"LONGTAKE_ALLOW_PRIVATE_ADDRESSES": "true"}
        with run_server(tmp_path, numbered.parent, **allows) as server:
            run = place(server, numbered, **names_it)
            list(listen(server.url, run))
            wait_until(lambda: get(server, f"/v1/runs/{run}")["notice"] is not None)
            assert get(server, f"/v1/runs/{run}")["notice"]["status"] == 204
        told = _find_told(hook)
        assert told == {"run": run, "kind": "summarize", "state": "done"}


def _find_told(hook: ScriptedServer) -> Any:
    (asked,) = [asked for asked in hook.asked if asked.path == "/done"]
    return asked.json


def test_webhook_whose_name_turns_out_private_is_refused_when_it_is_sent(
    tmp_path: Path, numbered: Path, home: Path
) -> None:
    with run_server(tmp_path, numbered.parent) as server:
        # A public name that leads to this machine can't be had here: the order says so itself.
        run = place(server, numbered, notify="https://site.example/done")
        list(listen(server.url, run))
        request = home / "runs" / run / "request.json"
        facts = json.loads(request.read_text())
        request.write_text(json.dumps(facts | {"notify": "http://127.0.0.1:9/done"}))
        from longtake.runs.notice import tell

        tell(home / "runs" / run, first_wait=0.01)
        assert get(server, f"/v1/runs/{run}")["notice"]["error"]


def test_body_that_does_not_come_holds_nobody(server: RealServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/runs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        "Content-Length: 50\r\n\r\n{"
    )
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(head.encode())
        started = time.monotonic()
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408") and 8 < time.monotonic() - started < 20


def test_longest_query_that_may_be_goes_into_a_head(server: RealServer) -> None:
    query = {"q": "\u9f98 " * 1000, "video": ["\U0001f600" * 300] * 10}
    answer = httpx2.get(f"{server.url}/v1/search", params=query)
    assert answer.status_code == 200 and answer.json()["remarks"]


def test_head_that_drips_is_not_waited_for(server: RealServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    for first in (b"", f"GET /v1/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()):
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(first)
            if first:
                assert client.recv(65536).startswith(b"HTTP/1.1 200")
            started = time.monotonic()
            with suppress(OSError):
                while time.monotonic() - started < 25:
                    client.sendall(b"G")
                    client.settimeout(0.5)
                    with suppress(TimeoutError):
                        if client.recv(65536) == b"":
                            break
            assert time.monotonic() - started < 13


def test_upload_that_breaks_off_leaves_no_file(server: RealServer, home: Path) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = f"POST /v1/uploads HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + b"\0\0\0 ftypisom" + bytes(5000))
        wait_until(lambda: any((home / "uploads").iterdir()))
    wait_until(lambda: not any((home / "uploads").iterdir()))


def test_port_that_is_taken_is_an_error_that_names_it(tmp_path: Path) -> None:
    with open_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=str(port)):
            serve_api("127.0.0.1", port, Access())
    with pytest.raises(UsageError):
        serve_api("127.0.0.1", 70000, Access())
