"""What happens in a film, as a table beside it: `NAME.truth.csv`, a row an event, in order."""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from longtake.errors import UsageError

ENDING = ".truth.csv"
NEEDED = ("start", "end", "actor", "action")


@dataclass(frozen=True)
class TrueEvent:
    """Somebody does something, to something or not; times are seconds from the film's start.

    `actor` names who it is, the same throughout the film, and `called` how that looks by then,
    where that is another thing: a "red circle" that has turned blue is called "blue circle".
    `target` is what it is done to, by its looks, or what it turns into ("blue"). `action` is a verb
    of the world, or one of a user's own, of which `say` gives the forms.
    """

    start: float
    end: float
    actor: str
    action: str
    target: str = ""
    called: str = ""
    say: str = ""
    """Other words for the action that count as well, with a bar between: "kicks|kicked|shoots"."""


COLUMNS = tuple(each.name for each in fields(TrueEvent))


def find_truth(film: Path) -> Path:
    """Where the truth of a film lies."""
    return film.with_name(film.stem + ENDING)


def write_truth(path: Path, events: Iterable[TrueEvent]) -> None:
    """Write the table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(asdict(event) for event in events)


def read_truth(path: Path) -> list[TrueEvent]:
    """The events of a table; UsageError with the line of the first mistake."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(
                    f"{path}: there is no column {missing[0]}",
                    f"Its first line names the columns: {', '.join(COLUMNS)}.",
                )
            return [_read_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: {error}", "It is a table in CSV, in UTF-8.") from error


def _read_row(row: Mapping[str | None, str | None], place: str) -> TrueEvent:
    if None in row:
        raise UsageError(f"{place}: more cells than columns", "Quote cells that have a comma.")
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    for name in ("actor", "action"):
        if not cells[name]:
            raise UsageError(f"{place}: no {name}", "Say who does it, and what is done.")
    start, end = (_read_seconds(cells.pop(name), f"{place}, {name}") for name in ("start", "end"))
    if end < start:
        raise UsageError(f"{place}: it ends at {end:g}, before its start at {start:g}")
    return TrueEvent(start, end, **cells)


def _read_seconds(cell: str, place: str) -> float:
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise UsageError(f"{place}: {cell!r} is no number of seconds", "Write 12.5, say.")
    return seconds
