"""The table of descriptions, edited on the page."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import LongtakeError
from longtake.report.read_back import read_descriptions
from longtake.text.untrusted import one_line
from longtake.web.table import count_edits, edit_table, read_table
from tests.web.examples import write_result


def test_an_edited_table_reads_back_with_the_new_text_alone_changed(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("=1+1", "two", "three"))
    table = tmp_path / "out" / "descriptions.csv"
    edited = tmp_path / "edited.csv"
    edited.write_bytes(edit_table(table, {2: "=cmd|' /C calc'!A0"}).encode())
    before, after = read_descriptions(table), read_descriptions(edited)
    assert [d.text for d in after] == ["=1+1", "=cmd|' /C calc'!A0", "three"]
    assert [(d.chunk, d.speech) for d in after] == [(d.chunk, d.speech) for d in before]
    assert "\n2,6.000,12.000,'=cmd" in edited.read_text()


def test_a_failed_chunk_that_is_given_a_text_is_described(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", ""))
    edited = tmp_path / "edited.csv"
    table = tmp_path / "out" / "descriptions.csv"
    edited.write_bytes(edit_table(table, {3: "seen by me"}).encode())
    last = read_descriptions(edited)[-1]
    assert (last.status, last.text, last.error) == ("described", "seen by me", "")


@given(st.dictionaries(st.integers(1, 4), st.text(max_size=40)))
def test_any_text_written_into_the_table_comes_back_on_one_line(texts: dict[int, str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_result(Path(folder), ("one", "two", "three", "four"))
        edited = Path(folder) / "edited.csv"
        table = Path(folder) / "descriptions.csv"
        edited.write_bytes(edit_table(table, texts).encode("utf-8", "replace"))
        given = {n: one_line(text) for n, text in texts.items()}
        for row, old in zip(read_table(edited), ("one", "two", "three", "four"), strict=True):
            assert row["description"] == given.get(int(row["chunk"]), old)


def test_edits_are_counted_by_what_they_change(tmp_path: Path) -> None:
    write_result(tmp_path, ("one", "two", "three"))
    rows = read_table(tmp_path / "descriptions.csv")
    assert count_edits(rows, {1: " one "}) == 0
    assert count_edits(rows, {1: "1"}) == 1
    assert count_edits(rows, {1: "1", 3: "3", 9: "9"}) == 2


def test_a_table_without_rows_cannot_be_edited(tmp_path: Path) -> None:
    table = tmp_path / "descriptions.csv"
    table.write_text("chunk,start,end,description\r\n")
    with pytest.raises(LongtakeError, match="no rows"):
        edit_table(table, {1: "x"})
