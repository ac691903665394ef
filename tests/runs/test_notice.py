"""Who wants to know is told that a run has ended, and nobody at a private address is."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from longtake.runs.folder import Asked, Run, read_run, stop, submit, write_state
from longtake.runs.notice import TRIES, tell
from longtake.runs.say import run_values
from tests.servers import ScriptedServer, as_error, as_json, serve


@pytest.fixture
def ear() -> Iterator[ScriptedServer]:
    with serve() as server:
        yield server


def end(link: str, error: str = "") -> Run:
    asked = Asked("/film.mp4", "summarize", {}, "A film", "me", time.time(), notify=link)
    run = read_run(submit(asked))
    write_state(replace(run, state="failed" if error else "done", error=error, ended=time.time()))
    return read_run(run.id)


def read_came(run: Run) -> dict[str, Any]:
    came: dict[str, Any] = run_values(run)["notice"]
    return came


@pytest.mark.usefixtures("_private_allowed")
def test_what_became_of_the_run_is_sent_once_it_has_ended(ear: ScriptedServer) -> None:
    ear.set("/hook", as_json({}))
    run = end(f"{ear.url}/hook", error="no pictures")
    tell(run.folder)
    (asked,) = ear.asked
    said = {"run": run.id, "kind": "summarize", "state": "failed"}
    assert asked.json == said and read_came(run)["status"] == 200


@pytest.mark.usefixtures("_private_allowed")
def test_run_that_is_stopped_before_its_turn_is_told_of_too(ear: ScriptedServer) -> None:
    ear.set("/hook", as_json({}))
    asked = Asked("/film.mp4", "summarize", {}, "", "me", time.time(), notify=f"{ear.url}/hook")
    run_id = submit(asked)
    stop(run_id)
    until = time.monotonic() + 30
    while not ear.asked and time.monotonic() < until:
        time.sleep(0.05)
    assert [request.json["state"] for request in ear.asked] == ["stopped"]


@pytest.mark.usefixtures("_private_allowed")
def test_who_is_busy_is_told_again_and_at_last_no_more(ear: ScriptedServer) -> None:
    ear.set("/hook", as_error(503, "busy"), as_json({}))
    run = end(f"{ear.url}/hook")
    tell(run.folder, first_wait=0.01)
    assert read_came(run) == {"status": 200, "tries": 2}
    ear.set("/never", as_error(500, "broken"))
    other = end(f"{ear.url}/never")
    tell(other.folder, first_wait=0.01)
    assert (read_came(other)["status"], read_came(other)["tries"]) == (500, TRIES)


@pytest.mark.usefixtures("_private_allowed")
def test_other_place_that_it_is_sent_on_to_is_not_told(ear: ScriptedServer) -> None:
    ear.set("/hook", as_json({}, 302, Location=f"{ear.url}/other"))
    ear.set("/other", as_json({}))
    run = end(f"{ear.url}/hook")
    tell(run.folder, first_wait=0.01)
    assert [asked.path for asked in ear.asked] == ["/hook"] and read_came(run)["status"] == 302


def test_private_address_is_never_told(ear: ScriptedServer) -> None:
    ear.set("/hook", as_json({}))
    run = end(f"{ear.url}/hook")
    tell(run.folder, first_wait=0.01)
    assert ear.asked == []
    assert read_came(run) == {"error": "it is a private address", "tries": 1}


def test_who_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_ALLOW_PRIVATE_ADDRESSES", "1")
    run = end("http://127.0.0.1:9/hook")
    tell(run.folder, first_wait=0.01)
    assert read_came(run)["tries"] == TRIES


@pytest.fixture
def _private_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_ALLOW_PRIVATE_ADDRESSES", "1")
