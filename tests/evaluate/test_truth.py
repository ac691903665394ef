"""Truth files: what is written is read again, and a mistake is told with its line."""

from pathlib import Path

import pytest

from longtake.errors import UsageError
from longtake.evaluate.truth import TrueEvent, find_truth, read_truth, write_truth


def test_events_that_are_written_are_read_again(tmp_path: Path) -> None:
    events = [
        TrueEvent(0, 1.5, "red circle", "turns", "blue"),
        TrueEvent(2, 3, "red circle", "leaves", called="blue circle", say="goes|exits, at last"),
    ]
    write_truth(find_truth(tmp_path / "film.mp4"), events)
    assert read_truth(tmp_path / "film.truth.csv") == events


def test_table_of_the_columns_that_are_needed_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.truth.csv"
    path.write_text("actor,action,start,end\nthe cat , sleeps,1,2\n", encoding="utf-8-sig")
    assert read_truth(path) == [TrueEvent(1, 2, "the cat", "sleeps")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,2,cat,sleeps", "line 3, start: 'x' is no number of seconds"),
        ("1,nan,cat,sleeps", "line 3, end: 'nan' is no number of seconds"),
        ("3,2,cat,sleeps", "line 3: it ends at 2, before its start at 3"),
        ("1,2,,sleeps", "line 3: no actor"),
        ("1,2", "line 3: no actor"),
        ("1,2,cat,sleeps,on,the mat", "line 3: more cells than columns"),
    ],
)
def test_mistake_is_told_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "a.truth.csv"
    path.write_text(f"start,end,actor,action\n0,1,cat,wakes\n{row}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_truth(path)


def test_column_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.truth.csv"
    path.write_text("start,end,who,action\n", encoding="utf-8")
    with pytest.raises(UsageError, match="there is no column actor"):
        read_truth(path)


def test_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.truth.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"a\.truth\.csv"):
        read_truth(path)
