"""What a visitor chooses, and the run that it becomes."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longtake.errors import LinkError, LongtakeError, UsageError
from longtake.runs import uploads
from longtake.runs.folder import read_run, write_state
from longtake.settings import Settings
from longtake.video.mux import plays_in_browsers
from longtake.web import choices
from tests.servers import Answer, serve
from tests.web.examples import end_run, write_result
from tests.webs import WebFile, serve_folder


def test_a_file_can_be_named_only_where_the_page_is_its_users_own(numbered: Path) -> None:
    found = choices.inspect(f' "{numbered}" ', Settings(), own_machine=True)
    assert found.title == numbered.name and found.duration == 20.0
    with pytest.raises(LongtakeError, match="is not a link") as caught:
        choices.inspect(str(numbered), Settings(), own_machine=False)
    assert str(numbered.parent) not in caught.value.message


def test_a_dropped_file_keeps_its_visitors_name_for_it_as_a_title_alone(numbered: Path) -> None:
    path = uploads.new_path()
    path.write_bytes(numbered.read_bytes())
    found = choices.inspect_upload(path.name, "..\\..\\<b>my film</b>.mp4")
    assert found.title == "<b>my film<" or found.title.endswith(".mp4")
    assert found.upload == path.name and found.duration == 20.0


@pytest.mark.parametrize("token", ["", "..", "../runs", "0" * 31, "0" * 32, "/etc/passwd"])
def test_an_upload_that_is_not_there_is_told(token: str) -> None:
    with pytest.raises(UsageError, match="no longer here"):
        uploads.find(token)


def test_both_flows_make_a_comparison_and_one_flow_a_summary(numbered: Path) -> None:
    choice = choices.Choice(str(numbered), "numbers")
    form = {"engine": "fake", "length": "short", "speech": "off", "read_text": "off"}
    one = read_run(choices.start(choice, {"flow": "context", **form}, "me")).asked
    both = read_run(choices.start(choice, {"flow": "both", **form}, "me")).asked
    assert (one.kind, one.settings["flow"]) == ("summarize", "context")
    assert both.kind == "compare" and "flow" not in both.settings


def test_a_link_is_looked_at_with_or_without_its_scheme(numbered: Path) -> None:
    local = Settings(allow_private_addresses=True)
    with serve_folder(numbered.parent) as served:
        found = choices.inspect(f"{served.url}/{numbered.name}", local, own_machine=False)
    assert found.title == numbered.stem and found.bytes == numbered.stat().st_size
    assert choices.say_facts(found)[-1].endswith(" to load")
    assert choices.looks_like_address("site.example/watch?v=1")
    with pytest.raises(LongtakeError, match="private network"):
        choices.inspect("127.0.0.1/x", Settings(), own_machine=False)


def test_visitor_who_looks_at_links_that_drip_keeps_nobody_else_from_it(numbered: Path) -> None:
    local = Settings(allow_private_addresses=True)
    with serve() as served, ThreadPoolExecutor(3) as pool:
        asked, go_on = threading.Event(), threading.Event()

        def stall(_asked: Any, _connection: Any) -> Answer:
            asked.set()
            go_on.wait(20)
            return Answer(404)

        served.set("/stalls", stall)
        served.set("/film.mp4", WebFile(numbered.read_bytes()))

        def look(path: str, visitor: str) -> object:
            try:
                return choices.inspect(f"{served.url}/{path}", local, False, visitor).duration
            except LinkError as error:
                return error.kind

        first = [pool.submit(look, "stalls", "me") for _ in range(choices.OF_VISITOR)]
        assert asked.wait(20)
        time.sleep(0.2)
        assert look("film.mp4", "me") == "busy"
        assert look("film.mp4", "you") != "busy"
        go_on.set()
        assert {future.result() for future in first} == {"not_found"}
        assert look("film.mp4", "me") != "busy"


def test_a_playlist_says_how_many_videos_it_has() -> None:
    entries = (("https://site.example/1", "One"), ("https://site.example/2", "Two"))
    found = choices.Choice("https://site.example", "All", "Site", captions="en", entries=entries)
    assert choices.say_facts(found) == ["Site", "en", "2 videos"]


@pytest.mark.parametrize("here", [True, False])
def test_the_sample_is_the_clone_s_own_or_a_film_that_is_drawn(here: bool, tmp_path: Path) -> None:
    found = choices.choose_sample(choices.SAMPLE if here else tmp_path / "nothing.mp4")
    assert (found.title == choices.LECTURE) == here
    assert found.duration == pytest.approx(94.9 if here else 32.0, abs=0.2)
    path = uploads.find(found.upload)
    assert plays_in_browsers(path)
    run = read_run(choices.start(found, {"flow": "independent", "engine": "fake"}, "me"))
    assert run.title == found.title and not path.exists()


def test_the_estimate_rests_on_what_runs_took_here(tmp_path: Path) -> None:
    form = {"flow": "independent", "engine": "sketch"}
    choice = choices.Choice("/film.mp4", "A film", duration=100.0)
    settings = Settings()
    assert "measured on two cores" in choices.guess(choice, form, settings).why
    run = end_run()
    write_result(run.folder / "out", ("one", "two", "three"))
    use = {"stage": "describe", "engine": "sketch", "requests": 3, "from_store": 0}
    (run.folder / "out" / "summary.json").write_text(json.dumps({"usage": [use]}))
    asked = replace(run.asked, settings=form)
    request = json.loads((run.folder / "request.json").read_text())
    (run.folder / "request.json").write_text(json.dumps(request | {"settings": form}))
    write_state(replace(run, asked=asked, duration=50.0, started=1.0, ended=31.0, attempts=1))
    found = choices.guess(choice, form, settings)
    assert found.seconds == pytest.approx(60) and "an earlier run with sketch" in found.why
    assert choices.guess(choice, {**form, "flow": "both"}, settings).seconds != found.seconds


def test_an_edited_table_that_cannot_be_submitted_leaves_no_upload(tmp_path: Path) -> None:
    run = end_run()
    write_result(run.folder / "out", ("one", "two", "three"))
    table = run.folder / "out" / "descriptions.csv"
    broken = replace(run, asked=replace(run.asked, settings={"page_runs": 3}))
    with pytest.raises(UsageError, match="can't set page_runs"):
        choices.start_again(broken, table, {1: "new"}, "me")
    assert not list(uploads.folder().iterdir())
