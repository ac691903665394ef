"""The screens, drawn by Streamlit without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from longtake.runs import list_runs, read_run


def test_the_first_screen_takes_a_file_and_starts_a_run_on_it(
    page: AppTest, numbered: Path
) -> None:
    page.run()
    assert not page.exception
    page.text_input(key="pasted").set_value(str(numbered))
    next(button for button in page.button if button.label == "Look").click().run()
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
        next(button for button in page.button if button.label == "Look").click().run()
        assert not page.exception and page.error, text


def test_a_run_that_is_gone_is_told(page: AppTest) -> None:
    page.query_params["run"] = "nobody"
    page.run()
    assert not page.exception and "no such run" in page.warning[0].value


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
