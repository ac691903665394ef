"""descriptions.csv: a line a chunk, safe to open in a spreadsheet, and read back unharmed."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from longtake.records import Action, Description
from longtake.timecode import format_tenths

COLUMNS = (
    "chunk", "start", "end", "description", "speech", "text", "status", "error", "engine",
    "input_tokens", "output_tokens", "seconds", "same_as", "remark", "tags",
)  # fmt: skip
ACTIONS = "actions"
"""The last column of a table in which there are some."""

RISKY_STARTS = "=+-@＝＋－＠\t\r\n'"
"""A cell that begins so may be run as a formula (OWASP); `'`, the guard itself, is guarded too."""


def as_csv(descriptions: Sequence[Description]) -> str:
    """The whole file: a header, then the chunks in time order; times in seconds.

    `same_as` is the chunk whose description one that is `reused` has; `remark` says of a
    description that it was seen with less than was planned, or cut off; `tags` is what detectors
    saw, in which share of its frames: `person 100 %, bicycle 40 %`. Where actions were recognised,
    the last column has them, `pouring 0.82 (0:12.0–0:15.0); walking 0.41 (0:15.0–0:18.0)`.
    """
    if not any(description.actions for description in descriptions):
        return write_table(COLUMNS, map(_row, descriptions))
    rows = ((*_row(d), "; ".join(map(_say_action, d.actions))) for d in descriptions)
    return write_table((*COLUMNS, ACTIONS), rows)


def write_table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """The text of a CSV file whose cells are guarded."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(map(guard, row) for row in rows)
    return file.getvalue()


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """The rows of such a file, unguarded; OSError, UnicodeDecodeError or csv.Error where none."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield {name: unguard(cell or "") for name, cell in row.items() if name}


def _say_action(action: Action) -> str:
    """As it is read back: no label ends where the next one begins."""
    label, span = action.label.replace(";", ","), action.span
    when = f"{format_tenths(span.start)}–{format_tenths(span.end)}"
    return f"{label} {action.score:.2f} ({when})"


def _row(description: Description) -> Iterable[object]:
    cost = description.cost
    return (
        description.chunk.number,
        f"{description.chunk.span.start:.3f}",
        f"{description.chunk.span.end:.3f}",
        description.text,
        description.speech,
        description.on_screen,
        description.status,
        description.error,
        description.engine,
        cost.input_tokens,
        cost.output_tokens,
        f"{cost.seconds:.3f}",
        description.same_as or "",
        description.remark,
        ", ".join(f"{tag.label} {round(100 * tag.share)} %" for tag in description.tags),
    )


def guard(cell: object) -> str:
    """The cell as text that no spreadsheet takes for a formula; NUL, which CSV can't hold, goes."""
    text = str(cell).replace("\0", "")
    return f"'{text}" if text[:1] and text[0] in RISKY_STARTS else text


def unguard(cell: str) -> str:
    """The cell as it was before `guard`."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in RISKY_STARTS else cell
