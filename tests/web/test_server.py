"""How the page is served: who may come in, uploads, and a run through the routes."""

import asyncio
import socket
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from longtake.door.hosts import is_local_host
from longtake.errors import OutputError, UsageError
from longtake.runs import uploads
from longtake.runs.files import TYPES, list_files
from longtake.runs.folder import read_run
from longtake.settings import home_folder
from longtake.web import serve
from longtake.web.door import (
    COOKIE,
    KEY_COOKIE,
    KEY_IN_LINK,
    is_host_allowed,
    read_visitor,
)
from longtake.web.key import find_key
from longtake.web.server import CONFIG, make_middleware, make_routes, read_allowed_hosts
from tests.conftest import ROOT
from tests.videos import make_video
from tests.web.conftest import KEY
from tests.web.examples import end_run


def test_the_file_for_streamlit_run_says_what_the_page_sets() -> None:
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    flat: dict[str, object] = {}

    def collect(start: str, table: dict[str, Any]) -> None:
        for name, value in table.items():
            if isinstance(value, dict):
                collect(f"{start}{name}.", value)
            else:
                flat[start + name] = value

    collect("", told)
    assert flat == CONFIG


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("[::1]", True),
     ("LOCALHOST", True), ("evil.example", False), ("127.0.0.1.evil.example", False),
     ("0.0.0.0", False), ("", False)],
)  # fmt: skip
def test_only_names_of_this_machine_are_local(host: str, local: bool) -> None:
    assert is_local_host(host) is local


def test_a_host_name_that_was_rebound_to_this_machine_is_turned_away(client: TestClient) -> None:
    for host in ("evil.example", "evil.example:8501", "", "127.0.0.1.evil.example", "["):
        answer = client.get("/longtake/runs/x/told", headers={"host": host})
        assert answer.status_code == 403, host
    assert is_host_allowed("localhost:8501")
    assert client.get("/longtake/runs/x/told").status_code == 404


def test_link_that_is_printed_lets_a_browser_in_and_the_key_goes_out_of_the_address(
    stranger: TestClient,
) -> None:
    asked = f"/?run=abc&{urlencode({KEY_IN_LINK: KEY})}&at=7"
    answer = stranger.get(asked, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/?run=abc&at=7"
    said = answer.headers["set-cookie"]
    assert KEY in said and "HttpOnly" in said and "SameSite=lax" in said
    assert stranger.get("/longtake/runs/x/told").status_code == 404  # and so it is let in
    elsewhere = stranger.get(
        f"http://127.0.0.1:8501//evil.example/?{urlencode({KEY_IN_LINK: KEY})}",
        follow_redirects=False,
    )
    assert elsewhere.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("path", ["字", "%5Cevil.example", "a%0D%0AX-Evil:%201"])
def test_link_with_the_key_leads_to_its_own_path_whatever_letters_are_in_it(
    stranger: TestClient, path: str
) -> None:
    asked = f"/{path}?{urlencode({KEY_IN_LINK: KEY})}"
    answer = stranger.get(asked, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/{quote(unquote(path))}"


@pytest.mark.parametrize("key", ["ключ-ü", 'a&b= g%+;"x', "%C3%A4"])
def test_key_of_any_letters_lets_a_browser_in(
    own_machine: None, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("LONGTAKE_PAGE_KEY", key)
    app = Starlette(routes=make_routes(), middleware=make_middleware())
    with TestClient(app, base_url="http://127.0.0.1:8501") as client:
        asked = f"/?{urlencode({KEY_IN_LINK: key})}"
        assert client.get(asked, follow_redirects=False).status_code == 303
        assert client.get("/longtake/runs/x/told").status_code == 404


def test_key_that_can_t_be_read_is_told_before_anything_is_served(tmp_path: Path) -> None:
    (home_folder() / "page-key").mkdir(parents=True)
    with pytest.raises(OutputError, match="page's key"):
        serve("127.0.0.1", 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_without_its_key_nothing_of_the_page_is_shown(stranger: TestClient, address: str) -> None:
    old = streamlit.get_option("server.address")
    streamlit.config.set_option("server.address", address)
    try:
        for asked in ("/longtake/runs/x/told", "/", f"/?key={KEY}x", "/?key="):
            answer = stranger.get(asked, headers={"cookie": f"{KEY_COOKIE}=another"})
            assert (
                answer.status_code == 401 and "the link that `longtake app` printed" in answer.text
            )
        put = stranger.put("/longtake/uploads", content=b"x")
        assert put.status_code == 401
        with pytest.raises(WebSocketDisconnect), stranger.websocket_connect("/_stcore/stream"):
            pass
        assert stranger.get("/_stcore/health").status_code == 404  # let through, to no such route
    finally:
        streamlit.config.set_option("server.address", old)


def test_page_behind_a_named_proxy_wants_no_key(stranger: TestClient) -> None:
    streamlit.config.set_option("server.allowedHosts", ["films.example"])
    try:
        headers = {"host": "films.example"}
        assert stranger.get("/longtake/runs/x/told", headers=headers).status_code == 404
        assert stranger.get("/longtake/runs/x/told").status_code == 403
        for origin in ("https://films.example", "https://films.example:8443"):
            asked = headers | {"host": "films.example", "origin": origin}
            assert stranger.put("/longtake/uploads", headers=asked).status_code == 415
    finally:
        streamlit.config.set_option("server.allowedHosts", [])


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:3000", "http://evil.example", "null", "http://["]
)
def test_pages_of_other_ports_and_sites_open_no_socket_and_send_nothing(
    client: TestClient, origin: str
) -> None:
    headers = {"origin": origin}
    assert client.put("/longtake/uploads", headers=headers).status_code == 403
    assert client.post("/longtake/search", headers=headers).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers=headers),
    ):
        pass


def test_cookie_that_another_port_has_set_locks_nobody_out(stranger: TestClient) -> None:
    for cookies in (
        f"{KEY_COOKIE}={KEY}; {KEY_COOKIE}=x",
        f"a=1; {KEY_COOKIE}=x; {KEY_COOKIE}={KEY}",
    ):
        headers = {"cookie": cookies}
        assert stranger.get("/longtake/runs/x/told", headers=headers).status_code == 404
    headers = {"cookie": f"not{KEY_COOKIE}={KEY}"}
    assert stranger.get("/longtake/runs/x/told", headers=headers).status_code == 401


def test_key_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    key = find_key()
    path = home_folder() / "page-key"
    assert len(key) >= 30 and find_key() == key and path.stat().st_mode & 0o777 == 0o600
    path.write_text("")
    assert find_key() not in ("", key)


def test_key_that_is_off_lets_everybody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_PAGE_KEY", "off")
    assert find_key() == ""


@pytest.mark.parametrize(
    ("value", "names"),
    [("a.example", ["a.example"]), ("a.example, b.example", ["a.example", "b.example"])],
)
def test_hosts_behind_a_proxy_are_named_by_streamlit_s_variable(
    value: str, names: list[str]
) -> None:
    named = read_allowed_hosts({"STREAMLIT_SERVER_ALLOWED_HOSTS": value})
    assert named == {"server.allowedHosts": names}


@pytest.mark.parametrize("variables", [{}, {"STREAMLIT_SERVER_ALLOWED_HOSTS": " "}])
def test_without_that_variable_the_settings_of_streamlit_stand(variables: dict[str, str]) -> None:
    assert read_allowed_hosts(variables) == {}


def test_each_visitor_gets_an_id_once_in_a_cookie_that_scripts_cannot_read(
    client: TestClient,
) -> None:
    first = client.get("/longtake/runs/x/told", headers={"accept": "text/html"})
    said = first.headers["set-cookie"]
    assert "HttpOnly" in said and "SameSite=Lax" in said
    assert read_visitor(said.partition(";")[0])
    again = client.get("/longtake/runs/x/told", headers={"accept": "text/html"})
    assert "set-cookie" not in again.headers
    assert read_visitor(f"{COOKIE}=../../x") == "" and read_visitor(None) == ""


def test_a_dropped_video_is_kept_under_an_id(client: TestClient, numbered: Path) -> None:
    answer = client.put("/longtake/uploads?name=../../x", content=numbered.read_bytes())
    assert answer.status_code == 201, answer.text
    assert uploads.find(answer.json()["upload"]).read_bytes() == numbered.read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello" * 1000, b"<html>" * 1000, b"\x89PNG\r\n\x1a\n" + b"\0" * 5000,
     b"\0\0\0\x20ftypisom" + b"\0" * 5000],
)  # fmt: skip
def test_what_is_no_video_by_its_content_is_refused_in_words(
    client: TestClient, content: bytes
) -> None:
    answer = client.put("/longtake/uploads?name=film.mp4", content=content)
    assert answer.status_code == 415
    assert answer.json()["error"] and answer.json()["hint"]
    assert str(uploads.folder()) not in answer.text
    assert not list(uploads.folder().iterdir())


def test_a_file_over_the_limit_is_refused_announced_or_not(
    client: TestClient, numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_PAGE_UPLOAD_BYTES", "2000")
    content = numbered.read_bytes()
    announced = client.put("/longtake/uploads", content=content)
    streamed = client.put(
        "/longtake/uploads", content=(content[n : n + 500] for n in range(0, len(content), 500))
    )
    assert announced.status_code == streamed.status_code == 413
    assert "2 kB" in announced.json()["error"]
    assert not list(uploads.folder().iterdir())


def test_another_site_cannot_send_files(client: TestClient, numbered: Path) -> None:
    answer = client.put(
        "/longtake/uploads",
        content=numbered.read_bytes(),
        headers={"origin": "http://evil.example"},
    )
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_uploads_that_nobody_started_go_after_a_day() -> None:
    import os

    old, new = uploads.new_path(), uploads.new_path()
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1, time.time() - uploads.KEPT_SECONDS - 10))
    uploads.drop_old()
    assert new.exists() and not old.exists()


def test_what_was_told_comes_once_and_the_result_when_asked_for(
    client: TestClient, run: str
) -> None:
    first = client.get(f"/longtake/runs/{run}/told?after=0&result=1").json()
    assert first["run"]["state"] == "done"
    assert first["run"]["player"]["sources"] == ["video"]
    assert sorted(entry["chunk"] for entry in first["told"]) == [1, 2]
    assert len(first["result"]["arms"][0]["chunks"]) == 2
    later = client.get(f"/longtake/runs/{run}/told?after={first['told'][-1]['n']}").json()
    assert later["told"] == [] and later["result"] is None
    assert client.get(f"/longtake/runs/{run}/told?after=-1x").status_code == 200


def test_the_video_comes_by_ranges(client: TestClient, run: str) -> None:
    place = f"/longtake/runs/{run}/video"
    whole = client.get(place)
    part = client.get(place, headers={"range": "bytes=10-19"})
    assert whole.headers["content-type"] == "video/mp4" and whole.headers["accept-ranges"]
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert client.get(place, headers={"range": "bytes=99999999-"}).status_code == 416


def test_a_copy_that_plays_comes_by_ranges_where_there_is_one(
    client: TestClient, home: Path, tmp_path: Path
) -> None:
    run = end_run()
    place = f"/longtake/runs/{run.id}/copy"
    assert client.get(place).status_code == 404
    (secret := tmp_path / "secret").write_bytes(b"no copy")
    (run.folder / "play.mp4").symlink_to(secret)
    assert client.get(place).status_code == 404
    (run.folder / "play.mp4").unlink()
    make_video(run.folder / "play.mp4", seconds=1)
    whole = client.get(place)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cross-origin-resource-policy"] == "same-origin"
    part = client.get(place, headers={"range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == whole.content[10:20]


def test_each_chunk_has_a_picture(client: TestClient, run: str) -> None:
    answer = client.get(f"/longtake/runs/{run}/thumbs/1.jpg")
    assert answer.content[:3] == b"\xff\xd8\xff" and answer.headers["content-type"] == "image/jpeg"
    assert client.get(f"/longtake/runs/{run}/thumbs/999.jpg").status_code == 404


def test_files_come_as_downloads_whatever_they_hold(client: TestClient, run: str) -> None:
    for file in list_files(read_run(run)):
        answer = client.get(f"/longtake/runs/{run}/files/{file.place}")
        assert answer.content == file.path.read_bytes()
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "<" not in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == TYPES[file.path.suffix]
    assert client.get(f"/longtake/runs/{run}/files/summary.json").json()["summary"]
    for place in (
        "..%2f..%2frequest.json",
        "result.json",
        "%2fetc%2fpasswd",
        "arms%2f..%2fsummary.md",
    ):
        assert client.get(f"/longtake/runs/{run}/files/{place}").status_code == 404


@pytest.mark.parametrize("name", ["nobody", "..", "%2e%2e", "%2e%2e%2fuploads", "a" * 500])
def test_a_run_that_is_not_there_is_told_on_every_route(client: TestClient, name: str) -> None:
    for rest in ("told", "video", "copy", "thumbs/1.jpg", "files/summary.md"):
        assert client.get(f"/longtake/runs/{name}/{rest}").status_code == 404


@pytest.mark.parametrize("port", [-1, 99_999])
def test_port_that_can_t_be_is_told_before_anything_is_served(port: int) -> None:
    with pytest.raises(UsageError, match=f"port {port}"):
        serve("127.0.0.1", port)


def test_port_that_is_taken_is_told_with_what_to_do() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="nothing can be served") as raised,
    ):
        serve("127.0.0.1", taken.getsockname()[1])
    assert "--port" in raised.value.hint


def test_visitor_is_known_whatever_other_cookies_the_host_has() -> None:
    token = "0123456789abcdef" * 2
    for others in ('theme={"dark": true}; ', "a b=c d; ", "x=1; "):
        assert read_visitor(f"{others}{COOKIE}={token}") == token
        assert read_visitor(f"{COOKIE}={token}; {others}") == token
    assert read_visitor(f"not{COOKIE}={token}") == read_visitor(f"{COOKIE}={token}0") == ""


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_what_comes_through_a_proxy_is_not_taken_for_the_page_s_own_user(
    client: TestClient, run: str, name: str
) -> None:
    place = f"/longtake/runs/{run}/told"
    assert client.get(place).status_code == 200
    refused = client.get(place, headers={name: "203.0.113.9"})
    assert refused.status_code == 403 and "allowedHosts" in refused.text


def test_number_of_any_length_asks_for_all_that_was_told(client: TestClient, run: str) -> None:
    for after in ("9" * 5000, "-1", "x", "١"):
        told = client.get(f"/longtake/runs/{run}/told", params={"after": after})
        assert told.status_code == 200


def test_upload_that_is_not_started_is_dropped_with_the_next_choice(tmp_path: Path) -> None:
    path = uploads.new_path()
    path.write_bytes(b"x")
    uploads.drop(path.name)
    uploads.drop("../../etc")
    assert not path.exists()


@pytest.mark.usefixtures("own_machine")
def test_question_that_breaks_off_is_no_error_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LONGTAKE_PAGE_KEY", "off")
    app = Starlette(routes=make_routes(), middleware=make_middleware())
    scope = {
        "type": "http", "method": "POST", "path": "/longtake/search", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }  # fmt: skip
    came = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(came)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408
