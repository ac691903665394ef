"""What a visitor chooses, and the run that it becomes."""

from dataclasses import replace
from pathlib import Path

import pytest

from longtake.errors import LongtakeError, UsageError
from longtake.runs.folder import read_run
from longtake.settings import Settings
from longtake.web import choices, uploads
from tests.web.examples import end_run, write_result
from tests.webs import serve_folder


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


def test_a_playlist_says_how_many_videos_it_has() -> None:
    entries = (("https://site.example/1", "One"), ("https://site.example/2", "Two"))
    found = choices.Choice("https://site.example", "All", "Site", captions="en", entries=entries)
    assert choices.say_facts(found) == ["Site", "en", "2 videos"]


def test_the_server_and_the_engine_that_the_settings_name_can_be_chosen() -> None:
    named = Settings(engine="ollama:other", base_url="http://127.0.0.1:1/v1")
    found = [choice.value for choice in choices.list_engines(named)]
    assert found[:2] == ["auto", "ollama:other"] and found[-2:] == ["sketch", "server"]


def test_an_edited_table_that_cannot_be_submitted_leaves_no_upload(tmp_path: Path) -> None:
    run = end_run()
    write_result(run.folder / "out", ("one", "two", "three"))
    table = run.folder / "out" / "descriptions.csv"
    broken = replace(run, asked=replace(run.asked, settings={"page_runs": 3}))
    with pytest.raises(UsageError, match="can't set page_runs"):
        choices.start_again(broken, table, {1: "new"}, "me")
    assert not list(uploads.folder().iterdir())
