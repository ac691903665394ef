"""The table of a run's descriptions: read to be edited on the page, and written anew."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from longtake.errors import SourceError, UsageError
from longtake.report.csv import read_csv, write_table
from longtake.text.untrusted import one_line
from longtake.timecode import format_time


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a run's descriptions.csv with their texts as they were."""
    try:
        return list(read_csv(path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError("the table can't be read", "Run the video again.") from error


def edit_table(path: Path, texts: Mapping[int, str]) -> str:
    """The table with these descriptions by chunk in place of its own.

    A chunk whose text was taken from another, or that had failed, has one of its own now.
    """
    rows = read_table(path)
    if not rows:
        raise UsageError("the table has no rows", "Run the video again.")
    for row in rows:
        new = _edit(row, texts)
        if new != row["description"]:
            status = "described" if new else row["status"]
            row.update(description=new, status=status, error="", same_as="", remark="")
    return write_table(rows[0], (row.values() for row in rows))


def count_edits(rows: Sequence[Mapping[str, str]], texts: Mapping[int, str]) -> int:
    """How many descriptions these texts would change."""
    return sum(_edit(row, texts) != row["description"] for row in rows)


def _edit(row: Mapping[str, str], texts: Mapping[int, str]) -> str:
    """The description that the row's chunk has after these edits."""
    return one_line(texts.get(int(row["chunk"]), row["description"]))


def show_row(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of the table as the page edits it."""
    return {
        "Chunk": int(row["chunk"]),
        "From": format_time(float(row["start"])),
        "To": format_time(float(row["end"])),
        "Description": row["description"],
    }
