"""The screens, drawn by Streamlit without a browser."""

from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from longtake.runs import uploads
from longtake.runs.folder import MOST_WAITING, Asked, list_runs, submit
from longtake.runs.servers import Connected, connect, list_connected, read_chosen
from longtake.web.choices import Choice
from longtake.web.server import SCRIPT
from tests.web.examples import HOSTILE, end_run, write_result
from tests.webs import serve_folder


def press(page: AppTest, label: str) -> None:
    """Click the button of that name."""
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception, page.exception


def test_the_first_screen_takes_a_file_and_starts_a_run_on_it(
    page: AppTest, numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_ENGINE", "fake")
    page.run()
    assert not page.exception
    page.text_input(key="pasted").set_value(str(numbered))
    press(page, "Look")
    assert any(numbered.stem in m.value for m in page.markdown)
    page.radio(key="flow").set_value("context").run()
    page.button(key="start").click().run()
    assert not page.exception
    (found,) = list_runs(None)
    assert page.query_params["run"] == found.id
    assert found.asked.source == str(numbered) and found.asked.settings["flow"] == "context"


def test_what_is_no_video_is_told_on_the_first_screen(page: AppTest, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"hello" * 100)
    page.run()
    for text in (str(tmp_path / "x.mp4"), str(tmp_path / "nothing.mp4"), "ftp://x/y", ""):
        page.text_input(key="pasted").set_value(text)
        press(page, "Look")
        assert page.error, text


def test_a_run_that_is_gone_is_told(page: AppTest) -> None:
    page.query_params["run"] = "nobody"
    page.run()
    assert "no such run" in page.warning[0].value
    press(page, "Start a new one")
    assert page.title[0].value == "What happens in this video?" and not page.query_params


def test_a_summary_is_written_again_only_where_something_changed(page: AppTest, run: str) -> None:
    page.query_params["run"] = run
    page.run()
    assert not page.exception, page.exception
    assert page.dataframe and not [b for b in page.button if b.key == "again"]
    assert any("Change one" in said.value for said in page.caption)


def test_flows_that_the_engine_cannot_go_through_are_disabled_with_the_reason(
    page: AppTest, numbered: Path
) -> None:
    page.session_state["choice"] = Choice(str(numbered), "A film", duration=20.0)
    page.run()
    assert page.radio(key="flow-barred").disabled
    assert any("told of earlier chunks" in said.value.replace("\\", "") for said in page.caption)
    page.button(key="start").click().run()
    (found,) = list_runs(None)
    assert found.asked.settings["flow"] == "independent"


def test_a_connected_server_can_be_chosen_and_the_choice_is_remembered(page: AppTest) -> None:
    connect(Connected("http://127.0.0.1:1/v1", "vLLM", ("qwen",), "sk-0123456789"))
    page.run()
    box = page.selectbox(key="engine")
    assert box.value == "auto"
    box.set_value("server:qwen at http://127.0.0.1:1/v1").run()
    assert not page.exception and not page.radio(key="flow").disabled
    assert read_chosen() == "server:qwen at http://127.0.0.1:1/v1"
    other = AppTest.from_file(str(SCRIPT), default_timeout=20).run()
    assert other.selectbox(key="engine").value == read_chosen()


def test_strangers_are_offered_no_server_that_was_connected_and_can_connect_none(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(Connected("http://127.0.0.1:1/v1", "vLLM", ("qwen",), "sk-0123456789"))
    streamlit.config.set_option("server.address", "0.0.0.0")
    page.run()
    assert not any("qwen" in option for option in page.selectbox(key="engine").options)
    assert not [button for button in page.button if button.key == "connect"]


def test_an_address_where_nobody_answers_is_told_in_the_dialog(page: AppTest) -> None:
    page.run()
    page.button(key="connect").click().run()
    page.text_input(key="server-address").set_value("127.0.0.1:9")
    page.button(key="connect").click()  # what a browser does: the dialog stays open
    next(b for b in page.button if b.label == "Test").click().run()
    assert "can't be reached" in page.error[0].value.replace("\\", "")
    assert not list_connected() and not [b for b in page.button if b.key == "server-use"]


def test_an_empty_page_offers_a_sample_and_one_with_runs_does_not(page: AppTest) -> None:
    page.run()
    page.button(key="sample").click().run()
    assert not page.exception
    assert page.session_state["choice"].upload and page.button(key="start")
    assert not [button for button in page.button if button.key == "sample"]
    run = end_run()
    page.session_state["choice"] = None
    page.run()
    assert list_runs() == [run] and not [b for b in page.button if b.key == "sample"]


def test_a_setting_that_cannot_be_is_told_in_place_of_the_page(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_FLOW", "sideways")
    page.run()
    assert "sideways" in page.error[0].value and not page.title


def test_what_was_dropped_goes_when_another_is_to_be_chosen(page: AppTest, numbered: Path) -> None:
    path = uploads.new_path()
    path.write_bytes(numbered.read_bytes())
    page.session_state["choice"] = Choice("film.mp4", "A film", upload=path.name, duration=20.0)
    page.run()
    assert any("A film" in said.value for said in page.markdown)
    press(page, "Choose another")
    assert not path.exists() and not page.session_state["choice"]


def test_one_video_of_a_playlist_can_be_taken(
    page: AppTest, numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_ALLOW_PRIVATE_ADDRESSES", "1")
    with serve_folder(numbered.parent) as served:
        link = f"{served.url}/{numbered.name}"
        entries = (("https://site.example/1", "One"), (link, HOSTILE[0]))
        page.session_state["choice"] = Choice("https://site.example", "All", entries=entries)
        page.run()
        (box,) = (box for box in page.selectbox if box.label == "Which of them")
        assert box.options == ["1. One", f"2. {HOSTILE[0]}"]
        box.select_index(1).run()
        press(page, "Take this one")
    assert page.session_state["choice"].source == link


def test_a_run_too_many_is_refused_in_words(page: AppTest, numbered: Path) -> None:
    visitor = "0" * 32
    for _ in range(MOST_WAITING):
        submit(Asked("/film.mp4", "summarize", {}, "A film", visitor, 1.0, ""))
    page.session_state["visitor"] = visitor
    page.session_state["choice"] = Choice(str(numbered), "A film", duration=20.0)
    page.run()
    press(page, "Start")
    assert "wait already" in page.error[0].value and len(list_runs()) == MOST_WAITING


def test_a_run_that_was_started_is_shown_even_if_a_click_came_between(page: AppTest) -> None:
    run = end_run()
    page.session_state["going"] = run.id
    page.run()
    assert page.query_params["run"] == run.id and not page.title


def test_the_table_of_each_flow_can_be_edited(page: AppTest) -> None:
    run = end_run("compare")
    for flow in ("independent", "context"):
        write_result(run.folder / "out" / "arms" / flow, (f"{flow} one", "two", "three"))
    page.query_params["run"] = run.id
    page.run()
    (box,) = (box for box in page.selectbox if box.label == "Whose descriptions")
    box.select_index(0).run()
    assert page.dataframe[0].value["Description"][0] == "context one"
    box.select_index(1).run()
    assert page.dataframe[0].value["Description"][0] == "independent one"


def test_a_table_that_cannot_be_read_is_told_without_its_place(page: AppTest) -> None:
    run = end_run()
    write_result(run.folder / "out", ("one", "two", "three"))
    (run.folder / "out" / "descriptions.csv").write_bytes(b"\xff\xfe\0")
    page.query_params["run"] = run.id
    page.run()
    assert "can't be read" in page.error[0].value.replace("\\", "")
    assert str(run.folder) not in page.error[0].value
