"""What is refused, by which status, and that each refusal is a problem with a hint."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from longtake.api.app import build_app
from longtake.api.operations import Call, Operation
from longtake.api.read import parse
from longtake.api.resource import Resource
from longtake.api.serving import Serving
from longtake.door.access import Access, open_access
from longtake.door.gate import Gate
from longtake.door.problem import Problem
from longtake.runs.folder import list_runs, read_run
from longtake.runs.uploads import folder as uploads_folder
from tests.api.conftest import QUICK, READER, RUNNER, URL, Ended


def check_problem(answer: Any, status: int, *words: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status and problem["detail"]
    assert "hint" in problem
    for word in words:
        assert word in json.dumps(problem), problem
    return problem


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"a": 1}, ["unknown member 'a'", "kind, source"]),
        ({"kind": "dance"}, ["kind", "summarize, compare"]),
        ({"kind": "reconcile"}, ["kind"]),
        ({"source": 1}, ["source", "string"]),
        ([], ["object"]),
        ({"settings": {"lenght": "short"}}, ["unknown setting 'lenght'", "Did you mean length?"]),
        ({"settings": {"length": "huge"}}, ["settings.length", "short, medium, long"]),
        ({"settings": {"chunk_seconds": 0}}, ["settings.chunk_seconds"]),
        ({"settings": {"focus": "x" * 501}}, ["settings.focus"]),
        ({"settings": {"strict": "true"}}, ["settings.strict"]),
        ({"settings": {"api_key": "x"}}, ["api_key", "owner"]),
        ({"settings": {"out": "/tmp/x"}}, ["out", "owner"]),
        ({"settings": {"allow_private_addresses": True}}, ["allow_private_addresses"]),
        ({"settings": {"base_url": "http://10.0.0.1/v1"}}, ["10.0.0.1"]),
        ({"settings": {"actions": "a" * 4000}}, ["no video was named"]),
        ({"settings": {"speech": "/etc/passwd"}}, ["no file '/etc/passwd'"]),
        ({}, ["no video was named"]),
        ({"source": "/etc/passwd"}, ["no file '/etc/passwd' that may be read", "--root"]),
        ({"source": "../../etc/passwd"}, ["no file"]),
        ({"source": "\0"}, ["no file"]),
        ({"source": "file:///etc/passwd"}, []),
        ({"source": "https://"}, []),
        ({"upload": "0" * 32}, ["upload"]),
        ({"upload": "../../etc/passwd"}, ["upload"]),
        ({"source": "a", "upload": "0" * 32}, ["Give one."]),
        ({"question": "why?", "source": "x"}, ["a run of kind summarize takes no question"]),
        ({"kind": "ask", "source": "x", "question": "y"}, ["a run of kind ask takes no source"]),
        ({"kind": "look", "source": "https://e.example/v", "start": 5, "end": 4}, ["no stretch"]),
        ({"kind": "look", "source": "https://e.example/v", "end": 4000}, ["too long"]),
        ({"kind": "look", "source": "https://e.example/v", "start": -1}, ["start"]),
    ],
)  # fmt: skip
def test_order_that_can_not_be_is_refused_by_what_is_wrong_with_it(
    client: TestClient, body: Any, words: list[str]
) -> None:
    check_problem(client.post("/v1/runs", json=body), 422, *words)
    assert list_runs() == []


@pytest.mark.parametrize(
    "link",
    [
        "http://localhost/x",
        "http://127.1/",
        "http://[::1]:80/a",
        "http://2130706433/",
        "http://169.254.169.254/latest",
    ],
)
def test_link_to_notify_may_not_lead_to_a_private_address(client: TestClient, link: str) -> None:
    body = {"source": "https://site.example/v", "notify": link}
    check_problem(client.post("/v1/runs", json=body), 422, "private address")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"{}", "application/json; charset=latin-1", 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff{}", "application/json", 400),
        (b'{"title": "\\ud800"}', "application/json", 400),
        (b'{"\\udfff": 1}', "application/json", 400),
        (b'{"start": NaN}', "application/json", 400),
        (b'{"start": 1e999}', "application/json", 400),
        (b'{"start": ' + b"9" * 30 + b"}", "application/json", 400),
        (b'{"start": 1, "start": 2}', "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "application/json", 400),
        (b" " * 100_001, "application/json", 413),
        (b"{}", "application/json; charset=UTF-8", 422),
    ],
)
def test_body_that_is_no_json_is_refused(
    client: TestClient, body: bytes, kind: str, status: int
) -> None:
    headers = {"content-type": kind} if kind else {}
    check_problem(client.post("/v1/runs", content=body, headers=headers), status)


def test_packed_body_is_not_unpacked(client: TestClient) -> None:
    packed = gzip.compress(b"{}")
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    check_problem(client.post("/v1/runs", content=packed, headers=headers), 415, "packed")
    check_problem(client.post("/v1/uploads", content=packed, headers=headers), 415, "packed")


def test_lengths_that_lie_change_nothing(client: TestClient) -> None:
    headers = {"content-type": "application/json", "content-length": "9" * 40}
    check_problem(client.post("/v1/runs", content=b"{}", headers=headers), 413)


def test_json_means_one_thing() -> None:
    assert parse(b'{"a": [1, 2.5, "\xc3\xa9", null, true]}') == {"a": [1, 2.5, "é", None, True]}
    with pytest.raises(Problem, match="twice"):
        parse(b'[{"a": 1, "a": 1}]')


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/runs?foo=1", ["unknown parameter 'foo'", "state, kind, limit, after"]),
        ("/v1/runs?limit=0", ["limit"]), ("/v1/runs?limit=101", ["limit"]),
        ("/v1/runs?limit=x", ["limit"]), ("/v1/runs?limit=1e1", ["limit"]),
        ("/v1/runs?limit=1&limit=2", ["limit"]), ("/v1/runs?state=gone", ["waiting, running"]),
        ("/v1/search", ["'q' is a required property"]), ("/v1/search?q=", ["q"]),
        ("/v1/search?q=a&kind=smelt", ["kind.0", "seen, said"]),
        ("/v1/search?q=a&after=-1", ["after"]), ("/v1/search?q=a&after=inf", ["after"]),
        ("/v1/search?q=%21", ["no word"]), ("/v1/search?q=" + "a" * 2001, ["q"]),
        ("/v1/search?q=a" + "&video=b" * 101, ["video"]),
        ("/v1/health?x=1", ["unknown parameter"]),
    ],
)  # fmt: skip
def test_parameter_that_can_not_be_is_named(
    client: TestClient, path: str, words: list[str]
) -> None:
    check_problem(client.get(path), 422, *words)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v2/runs", "/v1/runs/", "/v1/runs/x", "/v1/runs/" + "0" * 24,
     "/v1/runs/..", "/v1/runs/%2e%2e%2f%2e%2e", "/v1/runs/" + "0" * 24 + "/events",
     "/v1/runs/" + "0" * 24 + "/result", "/v1/runs/x/files/summary.md", "/v1/runs/x/thumbs/1",
     "/v1/runs/x/thumbs/x", "/metrics/", "/docs", "/v1/runs/%00", "/v1/runs/" + "a" * 5000,
     "/v1/%ff"],
)  # fmt: skip
def test_there_is_nothing_elsewhere(client: TestClient, path: str) -> None:
    check_problem(client.get(path), 404)


def test_files_of_a_run_are_those_that_it_lists_and_no_others(
    client: TestClient, ended: Ended
) -> None:
    run = f"/v1/runs/{ended.summarize}"
    for place in ("../state.json", "../request.json", "..%2frequest.json", "%2e%2e/request.json",
                  "/etc/passwd", "//etc/passwd", "result.json", "", "summary.md/", "summary.md%00",
                  "a" * 5000, "..%5crequest.json"):  # fmt: skip
        check_problem(client.get(f"{run}/files/{place}"), 404)
    for number in ("0", "99", "1" * 300, "-1", "1.jpg"):
        check_problem(client.get(f"{run}/thumbs/{number}"), 404)
        check_problem(client.get(f"/v1/runs/{ended.look}/frames/{number}"), 404)


def test_methods_that_a_path_has_not_are_refused_with_those_that_it_has(
    client: TestClient,
) -> None:
    for method in ("PUT", "PATCH", "TRACE", "FOO", "DELETE"):
        answer = client.request(method, "/v1/runs")
        check_problem(answer, 405)
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.post("/v1/runs/x").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert client.head("/v1/runs").status_code == 200
    assert client.options("/v1/runs").status_code == 204


def test_upload_is_judged_by_its_content(client: TestClient, numbered: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.mp4", numbered.read_bytes())
    whole = numbered.read_bytes()
    for content in (gzip.compress(b"\0" * 10_000_000), archive.getvalue(), b"", b"x",
                    b"<!doctype html><script>alert(1)</script>" * 50, whole[:600]):  # fmt: skip
        check_problem(client.post("/v1/uploads", content=content), 415)
    assert list(uploads_folder().iterdir()) == []
    kept = client.post("/v1/uploads", content=whole, headers={"content-type": "text/html"})
    assert kept.status_code == 201 and kept.json()["bytes"] == len(whole)
    placed = client.post("/v1/runs", json={"upload": kept.json()["upload"], "title": "<b>Mine</b>",
                                           "settings": QUICK})  # fmt: skip
    assert placed.status_code == 202 and placed.json()["title"] == "<b>Mine</b>"
    again = client.post("/v1/runs", json={"upload": kept.json()["upload"]})
    check_problem(again, 422, "no longer here")


def test_too_many_that_wait_are_told_to_come_later(client: TestClient, numbered: Path) -> None:
    for _ in range(20):
        assert client.post("/v1/runs", json={"source": str(numbered)}).status_code == 202
    answer = client.post("/v1/runs", json={"source": str(numbered)})
    check_problem(answer, 429, "20 runs of yours wait")
    assert answer.headers["retry-after"]


def test_token_opens_what_its_right_says_and_none_opens_nothing(
    token_file: Path, numbered: Path
) -> None:
    access = open_access("0.0.0.0", [str(numbered.parent)], str(token_file), ["video.example"])
    app = build_app(Serving(access), starts_runs=False)
    order = {"source": str(numbered)}
    with TestClient(app, base_url="http://video.example") as client:
        for path in ("/v1/health", "/v1/ready", "/v1/openapi.json", "/v1/docs"):
            assert client.get(path).status_code == 200, path
        for path in ("/v1/runs", "/v1/videos", "/metrics", "/v1/search?q=a", "/v1/nowhere"):
            check_problem(client.get(path), 401)
        check_problem(client.post("/v1/runs", json=order), 401)
        wrong = {"authorization": "Bearer reader-0123456789abcdee"}
        check_problem(client.get("/v1/runs", headers=wrong), 401, "this is none")
        reads = {"authorization": f"Bearer {READER}"}
        runs = {"authorization": f"bearer {RUNNER}"}
        assert client.get("/v1/runs", headers=reads).status_code == 200
        for method, path in (("POST", "/v1/runs"), ("POST", "/v1/uploads"), ("POST", "/v1/ask"),
                             ("DELETE", "/v1/runs/x"), ("POST", "/v1/runs/x/stop"),
                             ("POST", "/v1/runs/x/resume")):  # fmt: skip
            check_problem(client.request(method, path, headers=reads), 403, "only read")
        placed = client.post("/v1/runs", json=order, headers=runs)
        assert placed.status_code == 202
        assert read_run(placed.json()["id"]).asked.visitor == "ann"
        assert client.get(placed.headers["location"], headers=reads).json() == placed.json()


def test_page_of_another_site_and_a_name_that_was_rebound_are_refused(client: TestClient) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"origin": "null"},
    ):
        check_problem(client.get("/v1/runs", headers=headers), 403)


def test_page_of_a_named_origin_may_ask() -> None:
    access = open_access("127.0.0.1", origins=["https://app.example"])
    app = build_app(Serving(access), starts_runs=False)
    with TestClient(app, base_url=URL) as client:
        origin = {"origin": "https://app.example"}
        answer = client.get("/v1/runs", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        asks = origin | {"access-control-request-method": "DELETE"}
        assert client.options("/v1/runs/x", headers=asks).status_code == 204


def test_home_that_can_not_be_written_is_told_without_its_place(
    client: TestClient, home: Path, numbered: Path
) -> None:
    home.mkdir()
    (home / "runs").write_text("a file in the place of a folder")
    for answer, status in (
        (client.get("/v1/ready"), 503),
        (client.post("/v1/runs", json={"source": str(numbered)}), 507),
    ):
        check_problem(answer, status)
        assert str(home) not in answer.text


def test_store_that_is_damaged_is_told_without_its_place(client: TestClient, home: Path) -> None:
    home.mkdir()
    (home / "store.sqlite").write_bytes(b"no database" * 1000)
    for path in ("/v1/videos", "/v1/search?q=dog", "/v1/ready"):
        answer = client.get(path)
        assert answer.status_code in (503, 507), answer.text
        assert str(home) not in answer.text
    assert client.get("/v1/runs").status_code == 200


def test_bug_is_told_as_a_problem_that_tells_nothing_of_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_call: Call) -> Response:
        raise KeyError("a secret")

    operation = Operation("GET", "/x", fail, "x", "x", "x", {}, right="none")
    resource = Resource("/x", {"GET": operation}, Serving(Access()))
    with TestClient(Gate(Starlette(routes=[Route("/x", resource)]), Access(), frozenset()),
                    base_url=URL) as client:  # fmt: skip
        answer = client.get("/x")
    check_problem(answer, 500, "a bug in Longtake: KeyError")
    assert "secret" not in answer.text
    assert "a request can't be answered" in caplog.text
