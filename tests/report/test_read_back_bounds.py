"""A table that goes on and on in one place is refused early, with the line and the bound."""

from pathlib import Path

import pytest

from longtake.errors import SourceError
from longtake.report.read_back import MOST_CELL, MOST_LINE, read_descriptions

HEAD = "chunk,start,end,description\n"


def test_cell_of_several_lines_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'{HEAD}1,0,1,"' + "a line\n" * (MOST_CELL // 7) + '"\n')
    (found,) = read_descriptions(path)
    assert found.text.startswith("a line")
    path.write_text(f'{HEAD}1,0,1,"' + "a line\n" * (MOST_CELL // 7 + 1) + '"\n')
    with pytest.raises(SourceError, match=r"line \d+: more than 1,048,576 letters in one cell"):
        read_descriptions(path)


def test_line_without_an_end_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD}1,0,1,one\n" + "," * (MOST_LINE + 1))
    with pytest.raises(SourceError, match="line 3: more than 4,194,304 letters in one line"):
        read_descriptions(path)
    path.write_text("," * (MOST_LINE + 1))
    with pytest.raises(SourceError, match="line 1: more than"):
        read_descriptions(path)


@pytest.mark.parametrize("head", ["", "sep=;\n", "\ufeffsep=;\r\n", ";;;\r\n\r\n", "\ufeff\n"])
def test_what_stands_above_the_header_keeps_the_lines_numbers(head: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "chunk;start;end;description\n1;0;1;one\n2;0;x;two\n"
    path.write_bytes((head + rows).encode())
    line = head.count("\n") + 3
    with pytest.raises(SourceError, match=f"line {line}: end 'x' is not a time"):
        read_descriptions(path)
