"""The tables of a batch: index.csv and index.html, and with pyarrow index and descriptions.parquet.

Written at the end of a batch, from its journal and the videos' own tables; nothing is held whole.
"""

import csv
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, fields
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from longtake.batch.journal import BatchRow, say_states
from longtake.files import replacing
from longtake.installation import say_extra_install
from longtake.report.csv import ACTIONS, guard, read_csv
from longtake.report.templates import fill
from longtake.timecode import format_time

if TYPE_CHECKING:
    import pyarrow

LOG = logging.getLogger("longtake")

COLUMNS = tuple(
    spec.name for spec in fields(BatchRow) if spec.name not in ("made", "file", "hint", "title")
)
DESCRIPTIONS = "descriptions.csv"
TABLES = ("index.csv", "index.html", "index.parquet", "descriptions.parquet")
NUMBERS = {"chunk": int, "start": float, "end": float, "input_tokens": int, "output_tokens": int,
           "seconds": float}  # fmt: skip
"""Columns of a video's table that hold numbers."""
NO_TABLE = (OSError, ValueError, csv.Error)
"""Where somebody removed a video's table, or edited it until it is none."""
GROUP = 5000
"""Rows of a Parquet file that are written in one go."""
ON_PAGE = 500
THUMBS = "thumbs"

Thing = TypeVar("Thing")
Rows = Callable[[], Iterable[BatchRow]]
"""The rows from the first one on, each time it is called."""


def write_tables(folder: Path, rows: Rows) -> list[str]:
    """Write all that can be, by their names; without pyarrow there is no Parquet."""
    said = say_states(Counter(row.status for row in rows()))
    written = [_write_csv(folder, rows()), *_write_pages(folder, rows(), said)]
    if find_spec("pyarrow"):
        return [*written, _write_index(folder, rows()), _write_descriptions(folder, rows)]
    LOG.info("without pyarrow there are no Parquet files: %s", say_extra_install("batch"))
    return written


def _write_csv(folder: Path, rows: Iterable[BatchRow]) -> str:
    with (
        replacing(folder / "index.csv") as part,
        part.open("w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows([guard(getattr(row, name)) for name in COLUMNS] for row in rows)
    return "index.csv"


def _write_index(folder: Path, rows: Iterable[BatchRow]) -> str:
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    types = {spec.name: spec.type for spec in fields(BatchRow)}
    schema = pa.schema([(name, kinds[types[name]]) for name in COLUMNS])  # type: ignore[index]
    plain = (
        {name: value for name, value in asdict(row).items() if name in COLUMNS} for row in rows
    )
    return _write_parquet(folder / "index.parquet", schema, plain)


def _write_descriptions(folder: Path, rows: Rows) -> str:
    """A row a chunk of all videos, with the video's SHA-256, source and folder.

    As in a video's own table, there are actions only where some were recognised.
    """
    import pyarrow as pa

    from longtake.report.csv import COLUMNS as OF_CHUNKS

    columns = (*OF_CHUNKS, ACTIONS) if _have_actions(folder, rows()) else OF_CHUNKS
    of_video = [(name, pa.string()) for name in ("sha256", "source", "folder")]
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([*of_video, *((name, kinds[NUMBERS.get(name, str)]) for name in columns)])
    chunks = _list_chunks(folder, rows())
    return _write_parquet(folder / "descriptions.parquet", schema, chunks)


def _have_actions(folder: Path, rows: Iterable[BatchRow]) -> bool:
    """Whether a video's table has the column; of each only the beginning is read."""
    for row in rows:
        with suppress(*NO_TABLE):
            if ACTIONS in next(read_csv(folder / row.folder / DESCRIPTIONS), {}):
                return True
    return False


def _list_chunks(folder: Path, rows: Iterable[BatchRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if row.status not in ("done", "gaps"):
            continue
        of_video = {"sha256": row.sha256, "source": row.source, "folder": row.folder}
        with suppress(*NO_TABLE):
            for cells in read_csv(folder / row.folder / DESCRIPTIONS):
                yield of_video | {name: _read(name, cell) for name, cell in cells.items()}


def _read(name: str, cell: str) -> Any:
    return NUMBERS.get(name, str)(cell) if cell else ("" if name not in NUMBERS else None)


def _write_parquet(path: Path, schema: "pyarrow.Schema", rows: Iterable[dict[str, Any]]) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for group in _group(rows, GROUP):
            clean = [{k: _clean(v) for k, v in row.items() if k in schema.names} for row in group]
            writer.write_table(pa.Table.from_pylist(clean, schema))
    return path.name


def _clean(value: Any) -> Any:
    """A lone surrogate, of a name that is no UTF-8, becomes `?`: no table can hold it."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _write_pages(folder: Path, rows: Iterable[BatchRow], said: str) -> Iterator[str]:
    """index.html, and index-2.html and so on for what one page does not hold.

    `said` tells of all videos, on each page.
    """
    groups = _group(rows, ON_PAGE)
    group = next(groups, [])
    number = 1
    while True:
        following = next(groups, None)
        name = _name_page(number)
        text = fill(
            "batch.html",
            videos=[_show(folder, row) for row in group],
            said=said,
            number=number,
            before=_name_page(number - 1) if number > 1 else "",
            after=_name_page(number + 1) if following else "",
        )
        with replacing(folder / name) as part:
            part.write_text(text, encoding="utf-8", errors="replace")
        yield name
        if following is None:
            return
        group, number = following, number + 1


def _name_page(number: int) -> str:
    return "index.html" if number == 1 else f"index-{number}.html"


def _show(folder: Path, row: BatchRow) -> dict[str, Any]:
    """What the page tells of a video."""
    report, thumb = f"{row.folder}/report.html", f"{THUMBS}/{row.folder}.jpg"
    return {
        "name": row.title or row.source,
        "status": row.status,
        "length": format_time(row.seconds) if row.seconds else "",
        "headline": row.headline,
        "said": row.error or (f"the same as {row.same_as}" if row.same_as else ""),
        "gaps": row.gaps,
        "chunks": row.chunks,
        "report": report if row.folder else "",
        "thumb": thumb if row.folder and (folder / thumb).is_file() else "",
    }


def _group(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """So many of them at a time."""
    left = iter(things)
    while group := list(islice(left, size)):
        yield group
