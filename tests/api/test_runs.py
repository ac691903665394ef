"""Runs by HTTP: placed, listed, followed, ended, and what came of them; the library; the rest."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from longtake.api.docs import make_page
from longtake.api.openapi import make_document
from longtake.api.routes import OPERATIONS
from longtake.api.schemas import COMPONENTS, SETTINGS
from longtake.runs.folder import read_run, write_state
from longtake.runs.requests import OF_PROGRAMS
from tests.api.conftest import Ended
from tests.api.test_requests import check_problem


def test_all_that_came_of_a_run_can_be_taken(client: TestClient, ended: Ended) -> None:
    run = client.get(f"/v1/runs/{ended.summarize}").json()
    assert run["state"] == "done" and run["progress"]["part"] == 1
    assert run["source"] == "numbered.mp4"
    names = [file["name"] for file in run["files"]]
    assert {"summary.md", "report.html", "descriptions.csv"} <= {*names}
    for name in names:
        got = client.get(f"/v1/runs/{ended.summarize}/files/{name}")
        assert got.status_code == 200
        assert got.headers["content-disposition"].startswith("attachment")
        assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
    result = client.get(f"/v1/runs/{ended.summarize}/result").json()
    assert result["video"]["source"] == "numbered.mp4"
    for kind, member in (("transcribe", "segments"), ("look", "frames"), ("ask", "sentences")):
        assert member in client.get(f"/v1/runs/{getattr(ended, kind)}/result").json(), kind
    thumb = client.get(f"/v1/runs/{ended.summarize}/thumbs/1")
    frame = client.get(f"/v1/runs/{ended.look}/frames/1")
    for picture in (thumb, frame):
        assert picture.content.startswith(b"\xff\xd8")
        assert picture.headers["content-type"] == "image/jpeg"


def test_nothing_that_is_told_names_a_folder_of_the_server(
    client: TestClient, ended: Ended, numbered: Path, home: Path
) -> None:
    paths = ["/v1/runs", "/v1/videos", "/v1/search?q=placeholder", "/metrics", "/v1/openapi.json"]
    for run in ended.all():
        paths += [f"/v1/runs/{run}{end}" for end in ("", "/result", "/descriptions", "/events")]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert str(numbered.parent) not in answer.text and str(home) not in answer.text, path


def test_ranges_of_files_are_served(client: TestClient, ended: Ended) -> None:
    path = f"/v1/runs/{ended.summarize}/files/summary.md"
    whole = client.get(path).content
    part = client.get(path, headers={"range": "bytes=2-5"})
    assert part.status_code == 206 and part.content == whole[2:6]
    for wrong in ("bytes=999999-", "bytes=9-2", "lines=1-2", "bytes=x", "bytes=1-2,9999999-"):
        refused = client.get(path, headers={"range": wrong})
        check_problem(refused, 416)
        assert refused.headers["content-range"] == f"bytes */{len(whole)}"
    several = client.get(path, headers={"range": "bytes=0-1,4-5"})
    assert several.status_code == 206 and "multipart" in several.headers["content-type"]
    assert client.head(path).headers["content-length"] == str(len(whole))


def test_runs_are_listed_in_pages_that_lose_none(client: TestClient, ended: Ended) -> None:
    seen: list[str] = []
    after = ""
    while True:
        page = client.get(f"/v1/runs?limit=1{after and f'&after={after}'}").json()
        seen += [run["id"] for run in page["runs"]]
        if not page["next"]:
            break
        after = page["next"]
    assert seen == [ended.ask, ended.look, ended.transcribe, ended.summarize]
    assert [r["id"] for r in client.get("/v1/runs?kind=look").json()["runs"]] == [ended.look]
    assert client.get("/v1/runs?state=failed").json() == {"runs": [], "next": None}


def test_run_is_placed_stopped_resumed_and_deleted(client: TestClient, numbered: Path) -> None:
    placed = client.post(
        "/v1/runs", json={"source": str(numbered), "settings": {"length": "short"}}
    )
    assert placed.status_code == 202
    place = placed.headers["location"]
    assert placed.json()["state"] == "waiting" and placed.json()["settings"] == {"length": "short"}
    check_problem(client.get(f"{place}/result"), 409, '"state": "waiting"')
    stopped = client.post(f"{place}/stop")
    assert stopped.status_code == 202 and stopped.json()["state"] == "stopped"
    assert client.post(f"{place}/stop").json()["state"] == "stopped"
    assert client.post(f"{place}/resume").json()["state"] == "waiting"
    assert client.delete(place).status_code == 204
    check_problem(client.get(place), 404)
    check_problem(client.delete(place), 404)
    check_problem(client.post(f"{place}/stop"), 404)


def test_run_that_is_done_is_not_resumed(client: TestClient, ended: Ended) -> None:
    check_problem(client.post(f"/v1/runs/{ended.summarize}/resume"), 409, '"state": "done"')
    assert client.post(f"/v1/runs/{ended.summarize}/stop").json()["state"] == "done"


def test_damaged_run_stops_nobody(client: TestClient, ended: Ended, home: Path) -> None:
    (home / "runs" / ended.summarize / "state.json").write_text('{"form": 1')
    run = client.get(f"/v1/runs/{ended.summarize}").json()
    assert run["state"] == "failed" and "damaged" in run["error"]["message"]
    assert len(client.get("/v1/runs").json()["runs"]) == 4
    assert client.get("/v1/videos").status_code == 200
    check_problem(client.post(f"/v1/runs/{ended.summarize}/resume"), 409, "damaged")
    assert client.delete(f"/v1/runs/{ended.summarize}").status_code == 204


def test_result_whose_file_has_gone_is_not_found(
    client: TestClient, ended: Ended, home: Path
) -> None:
    (home / "runs" / ended.look / "out" / "look.json").unlink()
    check_problem(client.get(f"/v1/runs/{ended.look}/result"), 404)


def test_descriptions_come_in_pages(client: TestClient, ended: Ended) -> None:
    path = f"/v1/runs/{ended.summarize}/descriptions"
    whole = client.get(path).json()
    assert [d["n"] for d in whole["descriptions"]] == [1, 2, 3, 4] and whole["next"] is None
    first = client.get(f"{path}?limit=3").json()
    assert first["next"] == 3
    rest = client.get(f"{path}?limit=3&after=3").json()
    assert first["descriptions"] + rest["descriptions"] == whole["descriptions"]


def test_library_is_searched(client: TestClient, ended: Ended) -> None:
    (video,) = client.get("/v1/videos").json()["videos"]
    assert video["name"] == "numbered.mp4" and video["source"] == "numbered.mp4"
    found = client.get("/v1/search", params={"q": "a placeholder", "limit": 1, "kind": "seen"})
    (moment,) = found.json()["moments"]
    assert moment["video"]["sha256"] == video["sha256"] and "placeholder" in moment["text"]
    named = {"q": "placeholder", "video": [video["sha256"][:8]], "after": 1.5, "before": 19}
    assert client.get("/v1/search", params=named).json()["moments"]
    check_problem(client.get("/v1/search?q=a%20dog&video=nothing"), 404, "nothing")


def test_empty_library_says_so(client: TestClient) -> None:
    assert client.get("/v1/videos").json() == {"videos": [], "next": None}
    found = client.get("/v1/search?q=dog").json()
    assert found["moments"] == [] and found["remarks"]
    check_problem(client.post("/v1/ask", json={"question": "a dog?"}), 404, "no video")


def test_question_that_nobody_answers_in_time_is_a_run_to_follow(
    client: TestClient, ended: Ended
) -> None:
    answer = client.post("/v1/ask", json={"question": "who is it?", "wait": 0.1})
    assert answer.status_code == 202 and answer.json()["kind"] == "ask"
    assert client.get(answer.headers["location"]).json()["state"] == "waiting"
    for body in ({}, {"question": ""}, {"question": "!"}, {"question": "a?", "wait": 61},
                 {"question": "a?", "x": 1}):  # fmt: skip
        check_problem(client.post("/v1/ask", json=body), 422)
    check_problem(client.post("/v1/ask", json={"question": "a?", "videos": ["b"]}), 404)


def test_question_that_failed_says_whose_run_it_was(client: TestClient, ended: Ended) -> None:
    """Somebody else's server on the same home ends it while the caller waits."""
    import threading
    import time
    from dataclasses import replace

    from longtake.runs.folder import list_waiting

    def fail() -> None:
        while not (waiting := list_waiting()):
            time.sleep(0.01)
        write_state(replace(waiting[0], state="failed", error="nobody answers", ended=time.time()))

    thread = threading.Thread(target=fail)
    thread.start()
    answer = client.post("/v1/ask", json={"question": "who is it?", "wait": 60})
    thread.join()
    problem = check_problem(answer, 409, "nobody answers")
    assert read_run(problem["run"]).state == "failed"


def test_metrics_count_by_routes_and_not_by_what_is_in_them(
    client: TestClient, ended: Ended
) -> None:
    for path in ("/v1/runs/a", "/v1/runs/b", "/v1/x/y", "/v1/z", f"/v1/runs/{ended.look}"):
        client.get(path)
    client.request("STRANGE", "/v1/runs")
    text = client.get("/metrics").text
    counts = 'longtake_http_requests_total{method="GET",route="/v1/runs/{id}",status='
    assert f'{counts}"404"}} 2.0' in text and f'{counts}"200"}} 1.0' in text
    assert 'longtake_http_requests_total{method="GET",route="none",status="404"} 2.0' in text
    assert 'method="other"' in text and "STRANGE" not in text
    assert 'longtake_runs{kind="look",state="done"} 1.0' in text
    assert "longtake_event_streams 0.0" in text


def test_document_names_every_setting_that_a_program_may_give() -> None:
    assert set(SETTINGS["properties"]) == set(OF_PROGRAMS)
    assert "api_key" not in SETTINGS["properties"] and "out" not in SETTINGS["properties"]


def test_examples_of_the_document_are_true() -> None:
    document = make_document()
    defined = json.loads(json.dumps({"components": {"schemas": COMPONENTS}}))
    count = 0
    for operation in OPERATIONS:
        if operation.body:
            Draft202012Validator(COMPONENTS[operation.body]).validate(operation.example)
        for reply in operation.replies.values():
            if reply.schema and reply.example is not None:
                Draft202012Validator(defined | reply.schema).validate(reply.example)
                count += 1
    assert count > 10
    assert document["openapi"] == "3.1.0"


def test_page_of_the_document_asks_nothing_of_anybody(client: TestClient) -> None:
    answer = client.get("/v1/docs")
    assert answer.status_code == 200
    page, policy = make_page()
    assert answer.text == page and answer.headers["content-security-policy"] == policy
    assert "<script" not in page and not re.search(r"(src|href)=\"?https?:", page)
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page
    for anchor in re.findall(r'href="#(\w+)"', page):
        assert f'id="{anchor}"' in page, anchor


@pytest.mark.parametrize("path", ["/v1/health", "/v1/ready"])
def test_health_is_told_without_a_run(client: TestClient, path: str) -> None:
    assert client.get(path).json()["status"] == "ok"
