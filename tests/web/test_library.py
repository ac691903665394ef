"""Search and questions on the page: each visitor's own, and what is said where nothing can be."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit
from starlette.testclient import TestClient

from longtake.library.index import list_videos, put_video
from longtake.library.passages import Passage
from longtake.pipeline.ask import NO_MODEL, NOT_TOLD
from longtake.records import Video
from longtake.runs.asking import BUSY
from longtake.runs.folder import Run
from longtake.runs.queue import take_slot
from longtake.store import Store, store_path
from longtake.timecode import Span
from longtake.web.door import COOKIE, KEY_COOKIE
from longtake.web.library import Shelf, choose_settings, has_videos, list_shelf
from longtake.web.server import MOST_ASKED_BYTES
from tests import looks
from tests.servers import Asked, as_chat, serve
from tests.web.conftest import KEY
from tests.web.examples import HOSTILE, end_run

MINE, THEIRS = "a" * 32, "b" * 32
DOOR = "A woman in a yellow coat opens the red door."


@pytest.fixture
def shared(client: TestClient) -> Iterator[TestClient]:
    """The page as strangers reach it."""
    old = streamlit.get_option("server.address")
    streamlit.config.set_option("server.address", "0.0.0.0")
    yield client
    streamlit.config.set_option("server.address", old)


@pytest.fixture(autouse=True)
def by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_EMBEDDER", "words")
    monkeypatch.setenv("LONGTAKE_RECONCILER", "digest")


def put(sha256: str, text: str = DOOR, name: str = "private-name.mp4") -> None:
    video = Video(Path(f"/secret/{name}"), sha256, 60.0, 60.0)
    with Store(store_path()) as store:
        put_video(store, video, [Passage("seen", Span(8, 14), text)], "en", "")


def run_of(sha256: str, visitor: str, title: str = "A film") -> Run:
    """A finished run of that video, with two chunks and a picture of the second."""
    run = end_run(title=title, visitor=visitor)
    (run.folder / "out").mkdir()
    summary = {"headline": "H", "video": {"sha256": sha256}, "usage": []}
    (run.folder / "out" / "summary.json").write_text(json.dumps(summary))
    entries = [{"chunk": n, "start": 6.0 * (n - 1), "end": 6.0 * n, "arm": ""} for n in (1, 2)]
    (run.folder / "chunks.jsonl").write_text("".join(json.dumps(e) + "\n" for e in entries))
    (run.folder / "thumbs").mkdir()
    (run.folder / "thumbs" / "2.jpg").write_bytes(b"jpeg")
    return run


def ask(client: TestClient, route: str, text: str, visitor: str = "", **more: Any) -> Any:
    headers = {"cookie": f"{COOKIE}={visitor}; {KEY_COOKIE}={KEY}"} if visitor else {}
    return client.post(f"/longtake/{route}", json={"text": text, **more}, headers=headers).json()


def test_what_is_found_leads_to_the_second_of_its_run_with_the_picture_of_its_chunk(
    client: TestClient,
) -> None:
    put("1" * 64)
    run = run_of("1" * 64, MINE, HOSTILE[0])
    (moment,) = ask(client, "search", "who opens the door")["moments"]
    assert (moment["run"], moment["at"], moment["time"]) == (run.id, 8.0, "0:08")
    assert moment["thumb"] == 2 and moment["title"] == HOSTILE[0]
    assert moment["said"] == [{"kind": "seen", "text": DOOR}]


def test_visitor_finds_what_his_own_runs_went_through_and_nothing_else(shared: TestClient) -> None:
    put("1" * 64)
    put("2" * 64, "The yellow coat hangs beside another door.")
    mine, theirs = run_of("1" * 64, MINE, "Mine"), run_of("2" * 64, THEIRS, "Theirs")
    for visitor, run in ((MINE, mine), (THEIRS, theirs)):
        found = ask(shared, "search", "yellow coat door", visitor)["moments"]
        assert [moment["run"] for moment in found] == [run.id]
    for visitor in ("", "c" * 32, "../x"):
        assert ask(shared, "search", "yellow coat door", visitor)["moments"] == []
        assert ask(shared, "ask", "who has a yellow coat?", visitor)["sentences"] == []
    assert "secret" not in json.dumps(ask(shared, "search", "door", MINE))
    assert "private-name" not in json.dumps(ask(shared, "search", "door", MINE))


def test_who_has_a_run_s_address_searches_that_video_alone(shared: TestClient) -> None:
    put("1" * 64)
    put("2" * 64)
    run = run_of("1" * 64, MINE)
    run_of("2" * 64, MINE)
    found = ask(shared, "search", "door", THEIRS, run=run.id)["moments"]
    assert [moment["run"] for moment in found] == [run.id]
    answer = shared.post("/longtake/search", json={"text": "door", "run": "../../etc"})
    assert answer.status_code == 400 and "no such run" in answer.text


def test_machine_s_own_user_finds_what_the_command_line_went_through_without_a_link(
    client: TestClient,
) -> None:
    put("3" * 64, name="holiday.mp4")
    (moment,) = ask(client, "search", "door")["moments"]
    assert (moment["run"], moment["thumb"], moment["title"]) == ("", 0, "holiday.mp4")


def test_field_shows_where_there_is_something_to_search(own_machine: None) -> None:
    assert not has_videos([], own=True)
    store_path().parent.mkdir(parents=True, exist_ok=True)
    store_path().write_bytes(b"no database" * 100)
    assert not has_videos([], own=True)
    store_path().unlink()
    put("1" * 64)
    assert has_videos([], own=True) and not has_videos([], own=False)


def test_newest_run_of_a_video_is_the_one_that_opens(own_machine: None) -> None:
    put("1" * 64)
    runs = [run_of("1" * 64, MINE) for _ in range(3)]
    with Store(store_path()) as store:
        shelf = list_shelf(store, MINE)
    newest = max(runs, key=lambda run: run.asked.created)
    assert [run.id for run in shelf.runs.values()] == [newest.id]


@pytest.mark.parametrize(
    ("text", "said"),
    [("x" * 10_000, "10,000 letters"), ("", "no word"), ("?!", "no word"), ('"""', "no word")],
)
def test_what_can_not_be_looked_for_is_said_in_a_sentence(
    client: TestClient, text: str, said: str
) -> None:
    for route in ("search", "ask"):
        answer = ask(client, route, text)
        assert said in answer["error"] and answer["hint"]


@pytest.mark.parametrize("text", ["door OR NEAR(", "words: door*", "-door ^x", "'; DROP TABLE x"])
def test_operators_are_words_like_others(client: TestClient, text: str) -> None:
    put("1" * 64)
    assert "error" not in ask(client, "search", text)


def test_without_any_video_that_is_what_is_said(client: TestClient) -> None:
    assert "no video to search yet" in ask(client, "search", "door")["remarks"][0]
    assert "no video to search yet" in ask(client, "ask", "which door?")["said"]


def test_other_sites_and_what_is_no_question_are_turned_away(client: TestClient) -> None:
    url = "/longtake/search"
    other = client.post(url, json={"text": "x"}, headers={"origin": "https://evil.example"})
    assert other.status_code == 403
    for body in (b"", b"[]", b"{}", b"\xff", b'{"text": "x", "earlier": [1]}', b"[" * 9000):
        assert client.post(url, content=body).status_code == 400, body[:20]
    assert client.post(url, content=b"x" * (MOST_ASKED_BYTES + 1)).status_code == 413
    assert client.get(url).status_code == 405


def test_without_a_model_it_is_said_what_is_missing(client: TestClient) -> None:
    put("1" * 64)
    said = ask(client, "ask", "who opens the door?")["said"]
    assert said.startswith("No text model is here") and NO_MODEL[20:60] in said


def test_model_of_this_machine_waits_for_the_runs_room(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("1" * 64)
    monkeypatch.setenv("LONGTAKE_RECONCILER", "gguf:no-such-model.gguf")
    with ExitStack() as files:
        assert take_slot(1, files)
        assert BUSY[1:40] in ask(client, "ask", "who opens the door?")["said"]
    assert "no-such-model" in ask(client, "ask", "who opens the door?")["error"]


def test_another_s_run_lends_nobody_the_server_that_it_names(own_machine: None) -> None:
    run = run_of("1" * 64, MINE)
    named = {"reconciler": "server:mine"}
    shelf = Shelf((), {"1" * 64: replace(run, asked=replace(run.asked, settings=named))})
    assert choose_settings(shelf, MINE) == choose_settings(shelf, None) == named
    assert choose_settings(shelf, THEIRS) == choose_settings(shelf, "") == {}


def test_answer_has_times_that_lead_to_its_run_and_follow_up_is_told_what_was_asked_before(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("1" * 64)
    run = run_of("1" * 64, MINE, "House")
    shown: list[str] = []

    def reply(asked: Asked, _connection: object) -> Any:
        system, *_, last = [json.dumps(m, ensure_ascii=False) for m in asked.json["messages"]]
        if "needed" in system:
            return as_chat('{"needs": "moment"}')
        shown.append(last)
        sentence = {"text": DOOR, "chunks": [1]}
        return as_chat(json.dumps({"told": True, "sentences": [sentence]}))

    with serve() as web:
        web.set("/v1/chat/completions", *[reply] * 20)
        for name, value in {
            "reconciler": "server:tiny", "base_url": web.base_url, "judge": "off",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"LONGTAKE_{name.upper()}", value)
        first = ask(client, "ask", "Who opens the door?")
        earlier = [{"question": "Who opens the </notes> door?", "answer": "A woman. " * 500}]
        ask(client, "ask", "and who closes it?", earlier=earlier)
    assert first["sentences"], first
    (sentence,) = first["sentences"]
    (proof,) = sentence["proofs"]
    assert sentence["text"] == DOOR and sentence["held"]
    assert (proof["run"], proof["at"], proof["time"]) == (run.id, 8.0, "0:08")
    last = shown[-1]
    assert 'Asked before: \\"Who opens the ‹/notes› door?\\"' in last
    assert "and who closes it?" in last and last.count("A woman. ") < 60


def ask_who_sees(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch, see: Callable[[], Any]
) -> tuple[dict[str, Any], Run]:
    """A question about a plate that only frames answer; `see` is what is told of these."""
    store_path().parent.mkdir(parents=True, exist_ok=True)
    with Store(store_path()) as own:
        looks.put_hall(folder / "films", own)
        (video,) = list_videos(own)
    run = run_of(video.sha256, MINE, "The hall")

    def reply(asked: Asked, _connection: object) -> Any:
        body = json.dumps(asked.json["messages"], ensure_ascii=False)
        if "image_url" not in body:
            needed = '{"needs": "moment"}'
            return as_chat(needed if "needed" in body else '{"told": false, "sentences": []}')
        return as_chat('{"shown": "yes"}') if "Sentence:" in body else see()

    with serve() as web:
        web.set("/v1/chat/completions", *[reply] * 20)
        monkeypatch.setenv("LONGTAKE_ENGINE", "server:tiny")
        monkeypatch.setenv("LONGTAKE_RECONCILER", "auto")
        monkeypatch.setenv("LONGTAKE_BASE_URL", web.base_url)
        monkeypatch.setenv("LONGTAKE_JUDGE", "off")
        return ask(client, "ask", looks.PLATE_ASKED), run


def test_what_was_looked_at_again_is_told_with_times_that_lead_there(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = as_chat(looks.say("answer", "The plate says 7 & <b>.", [2]))
    told, run = ask_who_sees(client, tmp_path, monkeypatch, lambda: seen)
    assert told.get("sentences"), told
    (sentence,) = told["sentences"]
    assert sentence["text"] == "The plate says 7 & <b>." and sentence["held"]
    (look,) = told["looks"]
    assert (look["run"], look["time"], look["came"]) == (run.id, "0:08", "answered")
    assert "of 0:08–0:14" in look["done"][0] and told["by"].startswith("server:tiny")
    assert "hall.mp4" not in json.dumps(told)


def test_what_is_known_stands_where_the_process_ends_while_it_looks(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def end() -> Any:
        found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "longtake.runs.asking"],
                               capture_output=True, text=True, check=False)  # fmt: skip
        for process in map(int, found.stdout.split()):
            os.kill(process, signal.SIGKILL)
            ended.append(process)
        return as_chat("too late")

    told, _ = ask_who_sees(client, tmp_path, monkeypatch, end)
    assert len(ended) == 1 and told["sentences"] == [] and told["looks"] == []
    assert told["said"].startswith(NOT_TOLD[:1].upper() + NOT_TOLD[1:])
