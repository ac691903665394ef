"""What the page tells of a run while it goes on."""

from dataclasses import replace
from pathlib import Path

import pytest

from longtake.runs.folder import Asked, Step
from longtake.web.progress import measure_part, name_tab, show_row, show_run
from tests.web.examples import HOSTILE, end_run, make_run, write_result


def test_a_waiting_run_says_how_many_are_before_it(tmp_path: Path) -> None:
    shown = show_run(make_run(tmp_path, "waiting", ahead=2))
    assert shown["doing"] == "2 runs before yours" and shown["part"] == 0


def test_the_bar_never_goes_back_from_stage_to_stage(tmp_path: Path) -> None:
    steps: list[Step] = []
    parts = []
    for stage in ("load", "read", "scan", "listen", "describe", "reconcile", "check"):
        for done in (0, 1, 2):
            steps.append(Step(stage, done, 2, "", 1.0, None))
            parts.append(measure_part(make_run(tmp_path, "running", steps=tuple(steps))))
    assert parts == sorted(parts) and parts[0] >= 0 and parts[-1] < 1


def test_the_bar_of_both_flows_is_half_full_where_the_second_begins(tmp_path: Path) -> None:
    first = [Step(stage, 2, 2, "independent", 1.0, None) for stage in ("describe", "check")]
    second = Step("describe", 0, 2, "context", 1.0, None)
    run = make_run(tmp_path, "running", steps=(*first, second))
    both = replace(run, asked=replace(run.asked, kind="compare"))
    assert 0.5 <= measure_part(both) < 0.8
    nearly = replace(both, steps=tuple(first))
    assert 0.4 < measure_part(nearly) < 0.5


def test_a_running_run_says_which_chunk_it_describes_and_what_is_left(tmp_path: Path) -> None:
    step = Step("describe", 4, 17, "describing", 30.0, 80.0)
    shown = show_run(make_run(tmp_path, "running", steps=(step,)))
    assert shown["doing"] == "Describing chunk 5 of 17" and shown["left"] == "about 1 minute left"


def test_a_run_that_waits_for_its_video_says_for_what(tmp_path: Path) -> None:
    for note, done, said in (
        ("asking example.com", 0, "Loading the video: asking example.com"),
        ("film.mp4", 2_500_000, "Loading the video: 2.5 MB"),
    ):
        step = Step("load", done, 0, note, 1.0, None)
        shown = show_run(make_run(tmp_path, "running", steps=(step,)))
        assert shown["doing"] == said


def test_a_source_that_is_a_file_shows_its_name_without_its_folder(tmp_path: Path) -> None:
    asked = Asked("/home/someone/secret/film.mp4", "summarize", {}, "", "me", 1.0, "")
    shown = show_run(make_run(tmp_path, asked=asked))
    assert shown["title"] == "film.mp4" and shown["link"] == ""


def test_only_http_links_become_links(tmp_path: Path) -> None:
    for source in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"):
        asked = Asked(source, "summarize", {}, "", "me", 1.0, "")
        assert show_run(make_run(tmp_path, asked=asked))["link"] == ""


@pytest.mark.parametrize(
    ("stage", "done", "total", "said"),
    [("read", 0, 0, "Reading the file: 0 bytes"), ("reconcile", 0, 0, "Summarising"),
     ("read", 5_000, 10_000, "Reading the file: 5 kB of 10 kB"),
     ("done", 1, 1, "Writing the files"),
     ("scan", 1, 4, "Looking for shots: 25 %"), ("fetch", 1, 2, "Fetch: 50 %")],
)  # fmt: skip
def test_each_stage_says_how_far_it_is_in_what_it_counts(
    tmp_path: Path, stage: str, done: int, total: int, said: str
) -> None:
    run = make_run(tmp_path, "running", steps=(Step(stage, done, total),))
    assert show_run(run)["doing"] == said


def test_a_run_that_is_next_or_has_no_step_yet_is_starting(tmp_path: Path) -> None:
    assert {show_run(make_run(tmp_path, state))["doing"] for state in ("waiting", "running")} == {
        "Starting"
    }
    assert measure_part(make_run(tmp_path, "running", steps=(Step("fetch", 1, 2),))) == 0


def test_a_run_stands_in_the_list_with_picture_headline_and_length(home: Path) -> None:
    run = replace(end_run(title="talk.mp4"), duration=754.0)
    write_result(run.folder / "out", ("A talk on bridges", "two", "three"))
    (run.folder / "out" / "result.json").rename(run.folder / "out" / "summary.json")
    (run.folder / "thumbs").mkdir()
    for number in (1, 2, 10, 11):
        (run.folder / "thumbs" / f"{number}.jpg").touch()
    row = show_row(run)
    assert row == {
        "id": run.id, "title": "talk.mp4", "headline": "A talk on bridges", "length": "12:34",
        "said": "just now", "thumb": 2,
    }  # fmt: skip


def test_a_run_that_found_nothing_yet_stands_in_the_list_by_its_title(tmp_path: Path) -> None:
    row = show_row(make_run(tmp_path, "failed"))
    assert (row["headline"], row["length"], row["thumb"]) == ("", "", 0)
    assert row["said"].startswith("failed, ")


def test_a_headline_that_is_the_title_is_not_said_twice(home: Path) -> None:
    run = end_run(title="bridges.mp4")
    write_result(run.folder / "out", ("bridges", "two", "three"))
    (run.folder / "out" / "result.json").rename(run.folder / "out" / "summary.json")
    assert show_row(run)["headline"] == ""


def test_the_tab_is_called_by_the_run_and_the_page(tmp_path: Path) -> None:
    for title in HOSTILE:
        tab = name_tab(make_run(tmp_path, title=title))
        assert tab.endswith(" · Longtake") and "\n" not in tab and len(tab) < 80
