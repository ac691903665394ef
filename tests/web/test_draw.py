"""The screens, drawn by Streamlit without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from longtake.runs.folder import MOST_WAITING, Asked, list_runs, read_run, submit
from longtake.web import uploads
from longtake.web.choices import Choice
from longtake.web.sidebar import SHOWN_RUNS
from tests.web.examples import HOSTILE, end_run, write_result
from tests.webs import serve_folder


def press(page: AppTest, label: str) -> None:
    """Click the button of that name."""
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception, page.exception


def test_the_first_screen_takes_a_file_and_starts_a_run_on_it(
    page: AppTest, numbered: Path
) -> None:
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


def test_a_finished_run_has_a_table_that_starts_another_run(
    page: AppTest, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.query_params["run"] = run
    page.run()
    assert not page.exception, page.exception
    page.button(key="again").click().run()
    assert not page.exception and not page.error
    new = read_run(page.query_params["run"])
    assert (new.asked.kind, new.asked.of) == ("reconcile", run)


def test_a_hostile_title_is_text_in_the_list_of_runs(page: AppTest, run: str) -> None:
    page.run()
    label = page.button(key=f"open-{run}").label
    assert label.startswith("\\<script\\>")


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


def test_a_run_is_deleted_only_when_its_visitor_says_so_twice(page: AppTest) -> None:
    run = end_run()
    page.query_params["run"] = run.id
    for answer, left in (("Keep it", [run]), ("Delete", [])):
        page.run()
        page.button(key=f"delete-{run.id}").click().run()
        assert list_runs() == [run]
        page.button(key=f"delete-{run.id}").click()  # what a browser does: the dialog stays open
        press(page, answer)
        assert list_runs() == left
    assert not page.query_params


def test_the_newest_runs_are_listed_and_all_of_them_when_asked_for(page: AppTest) -> None:
    runs = [end_run(title=f"Film {n}") for n in range(SHOWN_RUNS + 2)]
    page.run()
    names = [button.label for button in page.button if str(button.key).startswith("open-")]
    assert len(names) == SHOWN_RUNS and names[0] == f"Film {SHOWN_RUNS + 1}"
    (toggle,) = (toggle for toggle in page.toggle if toggle.label.startswith("Show all"))
    toggle.set_value(True).run()
    assert page.button(key=f"open-{runs[0].id}").label == "Film 0"


def test_a_click_on_an_earlier_run_leads_to_it(page: AppTest) -> None:
    run = end_run()
    page.run()
    page.button(key=f"open-{run.id}").click().run()
    assert page.query_params["run"] == run.id
    press(page, "New video")
    assert not page.query_params


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
