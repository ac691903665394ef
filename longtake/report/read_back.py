"""Reads descriptions.csv back as a program wrote it, or as a person edited or made it.

A row that is gone is a gap, never silence. Knows no engine; what stands in a cell is data.
"""

import codecs
import csv
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from longtake.errors import SourceError
from longtake.records import Action, Chunk, Description, Entity, Result, Status, Tag, Video
from longtake.report.csv import ACTIONS, unguard
from longtake.report.json import read_json
from longtake.text.untrusted import one_line
from longtake.timecode import Span, parse_time
from longtake.video.source import check_file

REQUIRED = ("chunk", "start", "end", "description")
SEPARATORS = ",;\t"
"""Spreadsheets save the second where the decimal sign is a comma."""
SEPARATOR_LINE = r'\A"?sep=.[",;\t]*(?=[\r\n])'
"""What may stand above the header for a spreadsheet."""
TAG = r"(\S.*?) ([0-9]{1,3}) ?%"
"""A label and the share of the frames, in per cent."""
ACTION = r"(\S.*?) ([01](?:\.[0-9]{1,3})?) ?\(([0-9:.]{1,12})[–-]([0-9:.]{1,12})\)"
"""A label, its score, and from when to when it is done."""
LOG = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
MOST_BYTES = 64 << 20
MOST_LINE, MOST_CELL = 4 << 20, 1 << 20
"""Letters."""
MOST_CHUNKS = 100_000
MOST_SECONDS = 3600.0 * 10_000
MOST_LETTERS = 2000
"""Of a text of summary.json: a title, a name, a link, a look."""
SHOWN = 40
"""Characters of a value that an error shows."""


@dataclass(frozen=True)
class Edited:
    """The rows of a table of descriptions, with the video and its entities as far as known."""

    video: Video
    descriptions: tuple[Description, ...]
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class _Row:
    """The cells of one row by column, and where it stands."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        return one_line(unguard(self.cells.get(column, "").strip()))

    def wrong(self, column: str, what: str, hint: str) -> SourceError:
        value = self.text(column)
        shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}…"
        return SourceError(f"{self.path}, line {self.line}: {column} {shown!r} {what}", hint)


def read_edited(source: str | Path) -> Edited:
    """The descriptions of a CSV and its video; SourceError says what is wrong, and in which line.

    A chunk that an older summary.json beside it counts, and that is in no row, is a gap too.
    """
    path = check_file(source, "descriptions.csv")
    found = read_descriptions(path)
    end = max(d.chunk.span.end for d in found)
    known = _read_summary(path)
    if known is None:
        return Edited(Video(path, "", end, end), tuple(found))
    video, planned = _clean(known.video, end), known.ledger.planned
    entities = (
        replace(
            entity,
            mark=_clean_text(entity.mark),
            look=_clean_text(entity.look),
            chunks=tuple(number for number in entity.chunks if 1 <= number <= planned),
        )
        for entity in known.entities
    )
    last = found[-1].chunk
    rest = Span(last.span.end, max(last.span.end, video.duration))
    found += _list_gone(last.number + 1, min(planned, MOST_CHUNKS) + 1, rest, path)
    return Edited(video, tuple(found), tuple(entities))


def _read_summary(table: Path) -> Result | None:
    """The summary.json beside a table, if it is whole and of a run on a video or of this table."""
    path = table.parent / "summary.json"
    try:
        known = read_json(path) if path.stat().st_size <= MOST_BYTES else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        LOG.info("%s: it is set aside, and rows that are gone at the table's end too", error)
        return None
    return known if known and (known.video.sha256 or known.video.path.name == table.name) else None


def _clean(video: Video, end: float) -> Video:
    """The video as a summary.json names it, no shorter than the table, its texts on one line."""
    seconds = max(video.duration, end) if video.duration <= MOST_SECONDS else end
    return replace(
        video,
        path=Path(_clean_text(str(video.path))),
        title=_clean_text(video.title),
        link=_clean_text(video.link),
        sha256=_clean_text(video.sha256),
        notes=tuple(map(_clean_text, video.notes)),
        duration=seconds,
        readable=seconds,
    )


def _clean_text(text: str) -> str:
    """The text on one line; what goes on for megabytes is nobody's title."""
    line = one_line(text)
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}…"


def name_describer(descriptions: Sequence[Description], name: str) -> str:
    """The engines of the descriptions; where no row names one, the name of their file."""
    engines = dict.fromkeys(d.engine for d in descriptions if d.engine)
    return " and ".join(engines) or name


def say_cells(cells: Sequence[str], name: str) -> str:
    """In how many chunks a column of the file of that name isn't empty."""
    filled = sum(map(bool, cells))
    return f"of {filled} of {len(cells)} chunks, as {name} has it" if filled else f"none in {name}"


def read_descriptions(path: Path) -> list[Description]:
    """The rows as descriptions in time order, and a failed one for each number that is gone.

    Needs the columns chunk, start, end and description, in any order; separator is a comma, a
    semicolon or a tab; times are seconds or M:SS.
    """
    rows: dict[int, _Row] = {}
    for row in _read_rows(path):
        number = _read_number(row)
        if number in rows:
            raise row.wrong(
                "chunk",
                f"stands in line {rows[number].line}, too",
                "Give each chunk a number of its own.",
            )
        rows[number] = row
    if not rows:
        raise SourceError(f"{path} has no rows", "It needs a line for each chunk under its header.")
    spans = {number: _read_span(rows[number]) for number in sorted(rows)}
    _check_order(rows, spans)
    found = [_read_description(rows[number], number, span) for number, span in spans.items()]
    numbers = {d.chunk.number for d in found}
    found = [d if d.same_as in numbers else replace(d, same_as=0) for d in found]
    return list(_fill_holes(found, path))


def _read_lines(path: Path, most: int) -> Iterator[str]:
    """The lines of the file with their ends: UTF-8, or UTF-16 as some spreadsheets save it.

    Only one is held as text at a time: letters take up to four times as much room as in the file.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}", "Check its rights.") from error
    if len(raw) > MOST_BYTES:
        raise SourceError(
            f"{path} is larger than {MOST_BYTES >> 20} MiB, too large for a table of descriptions",
            "For a video: longtake summarize FILE.",
        )
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if not _is_text(raw, encoding):
        raise SourceError(
            f"{path} is not text in UTF-8",
            "Save the table as CSV UTF-8. For a video: longtake summarize FILE.",
        )
    text = io.TextIOWrapper(io.BytesIO(raw), encoding, newline="")
    for number, line in enumerate(iter(lambda: text.readline(most + 1), ""), 1):
        if len(line) > most:
            raise SourceError(
                f"{path}, line {number}: more than {most:,} letters in one line",
                "No description is so long: shorten it.",
            )
        yield line


def _is_text(raw: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(raw), BLOCK_BYTES):
            if "\0" in decoder.decode(raw[start : start + BLOCK_BYTES]):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _read_rows(path: Path, most_line: int = MOST_LINE) -> Iterator[_Row]:
    """The rows under the header; empty ones are left out."""
    lines = _read_lines(path, most_line)
    first = [re.sub(SEPARATOR_LINE, "", next(lines, ""))]
    while not first[-1].strip(SEPARATORS + ' "\r\n') and (line := next(lines, "")):
        first.append(line)
    # For the whole process, and so only ever raised: a description may be longer than its 128 KiB.
    csv.field_size_limit(max(MOST_CELL, csv.field_size_limit()))
    reader = csv.reader(chain(first, lines), delimiter=_separator(first[-1]), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _read_header(path, cells)
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                raise SourceError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells, the header has"
                    f" {len(header)}",
                    "Put a text that holds the separator into quotation marks.",
                )
            yield _Row(path, reader.line_num, dict(zip(header, cells, strict=False)))
    except csv.Error as error:
        if "field limit" in str(error):
            raise SourceError(
                f"{path}, line {reader.line_num}: more than {MOST_CELL:,} letters in one cell",
                "Shorten it, or close the quotation mark in which it stands.",
            ) from error
        raise SourceError(
            f"{path}, line {reader.line_num}: not CSV: {error}",
            "Close each quotation mark, and double those inside a quoted text.",
        ) from error


def _separator(header: str) -> str:
    """The separator by which the header has most of the required columns."""

    def count(separator: str) -> int:
        names = {cell.strip(' "\r\n').casefold() for cell in header.split(separator)}
        return len(names & {*REQUIRED})

    return max(SEPARATORS, key=count)


def _read_header(path: Path, cells: Sequence[str]) -> list[str]:
    names = [one_line(cell).casefold() for cell in cells]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        there = ", ".join(name for name in names if name)
        raise SourceError(
            f"{path} has no column {', '.join(missing)}",
            f"Its first line names {there[: 4 * SHOWN]}; it must name {', '.join(REQUIRED)}.",
        )
    twice = next((name for name in REQUIRED if names.count(name) > 1), "")
    if twice:
        raise SourceError(f"{path} has two columns {twice}", "Delete or rename one of them.")
    return names


def _read_number(row: _Row) -> int:
    number = _as_number(row.text("chunk"))
    if 1 <= number <= MOST_CHUNKS:
        return number
    raise row.wrong(
        "chunk",
        f"is not a whole number from 1 to {MOST_CHUNKS:,}",
        "Number the chunks from 1 in time order.",
    )


def _as_number(text: str) -> int:
    """The number that plain digits write, also as `7.0`; 0 for anything else."""
    found = re.fullmatch(r"([0-9]{1,9})([.,]0{1,2})?", text)
    return int(found[1]) if found else 0


def _read_span(row: _Row) -> Span:
    start, end = (_read_time(row, column) for column in ("start", "end"))
    if end < start:
        raise row.wrong("end", f"is before start {row.text('start')!r}", "Swap or correct them.")
    return Span(start, end)


def _read_time(row: _Row, column: str) -> float:
    try:
        seconds = parse_time(row.text(column).replace(",", "."))
        if seconds > MOST_SECONDS:
            raise ValueError
    except ValueError:
        raise row.wrong(
            column, "is not a time", "Write seconds, such as 12.5, or M:SS, such as 1:05."
        ) from None
    return seconds


def _check_order(rows: Mapping[int, _Row], spans: Mapping[int, Span]) -> None:
    """SourceError where a chunk starts before the one with the number before it."""
    before = 0
    for number, span in spans.items():
        if before and span.start < spans[before].start:
            raise rows[number].wrong(
                "start",
                f"is before that of chunk {before}",
                "Number the chunks in the order of their times.",
            )
        before = number


def _read_description(row: _Row, number: int, span: Span) -> Description:
    text = row.text("description")
    error = "" if text else row.text("error") or f"its description is empty in {row.path.name}"
    reused = row.text("status").casefold() == "reused"
    status: Status = "failed" if error else "reused" if reused else "described"
    return Description(
        Chunk(number, span),
        status,
        row.text("engine"),
        text=text,
        error=error,
        speech=row.text("speech"),
        on_screen=row.text("text"),
        same_as=_as_number(row.text("same_as")) if text else 0,
        remark=row.text("remark") if text else "",
        tags=_read_tags(row.text("tags")) if text else (),
        actions=tuple(_read_actions(row.text(ACTIONS))),
        stored=True,
    )


def _read_tags(cell: str) -> tuple[Tag, ...]:
    """Tags as the table has them: `person 100 %, bicycle 40 %`; what is no tag is ignored."""
    found = (re.fullmatch(TAG, part.strip()) for part in re.split("[,;]", cell))
    return tuple(Tag(tag[1], int(tag[2]) / 100) for tag in found if tag and int(tag[2]) <= 100)


def _read_actions(cell: str) -> Iterator[Action]:
    """Actions as the table has them, `pouring 0.82 (0:12.0–0:15.0); …`; what is none is ignored."""
    for part in cell.split(";"):
        if found := re.fullmatch(ACTION, part.strip()):
            with suppress(ValueError):  # no time, or an end before its start
                span = Span(parse_time(found[3]), parse_time(found[4]))
                yield Action(found[1], min(1.0, float(found[2])), span)


def _fill_holes(found: Sequence[Description], path: Path) -> Iterator[Description]:
    """The descriptions, and a failed one for each number between them that is in no row."""
    number, end = 0, 0.0
    for description in found:
        chunk = description.chunk
        yield from _list_gone(number + 1, chunk.number, Span(end, max(end, chunk.span.start)), path)
        yield description
        number, end = chunk.number, chunk.span.end


def _list_gone(first: int, stop: int, span: Span, path: Path) -> Iterator[Description]:
    """The chunks from `first` up to but without `stop`, each an equal part of the span."""
    for number in range(first, stop):
        start, end = (
            round(span.start + span.seconds * (k - first) / (stop - first), 3)
            for k in (number, number + 1)
        )
        chunk = Chunk(number, Span(start, max(start, end)))
        yield Description(chunk, "failed", "", error=f"not in {path.name}", stored=True)
