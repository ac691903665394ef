"""batch.jsonl: a line for each video that was gone through, written as soon as that is known.

All tables are made of it. The last line of a source stands.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

from longtake.errors import OutputError, UsageError
from longtake.files import lock_now
from longtake.text.plurals import say_count

NAME, LOCK = "batch.jsonl", ".batch.lock"
OURS = r"thumbs|batch\.jsonl|index(-\d+)?\.(csv|html|parquet)|descriptions\.parquet"
"""What else lies in a batch's folder: no video's result is called so."""


@dataclass(frozen=True)
class BatchRow:
    """What is known of one video of a batch.

    `status` is done, gaps, failed, or same: its content is that of `same_as`, another source.
    `folder` is where its result lies, from the batch's folder; `seconds` its length, `took` how
    long it was gone through, in seconds. `made` tells with what, `file` which file it was; without
    `made` it is no video, and holds for this batch alone.
    """

    source: str
    status: str
    title: str = ""
    folder: str = ""
    sha256: str = ""
    seconds: float = 0.0
    error: str = ""
    hint: str = ""
    headline: str = ""
    chunks: int = 0
    gaps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    took: float = 0.0
    same_as: str = ""
    made: str = ""
    file: str = ""


STATES = ("done", "gaps", "same", "failed", "untried")


def say_states(counts: Mapping[str, int]) -> str:
    """How many videos there are, and how many of each status."""
    parts = [f"{counts[state]} {state}" for state in STATES if counts.get(state)]
    return (
        f"{say_count(sum(counts.values()), 'video')}: {', '.join(parts)}" if parts else "no video"
    )


_NAMES = {spec.name for spec in fields(BatchRow)}


class Journal:
    """The lines of a batch's folder: where each source's last one lies, and whose folder is whose.

    A hundred thousand lines are not held; what is asked for is read again.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._places: dict[str, int] = {}
        self._folders: dict[str, str] = {}
        for place, row in self._read():
            if not row.made:  # what was wrong may be mended by now
                self._places.pop(row.source, None)
                continue
            self._places[row.source] = place
            if row.folder and not row.same_as:
                self._folders.setdefault(row.folder.casefold(), row.source)
        self._file = self.path.open("ab")

    def find(self, source: str) -> BatchRow | None:
        """What is known of a source."""
        place = self._places.get(source)
        if place is None:
            return None
        with self.path.open("rb") as file:
            file.seek(place)
            return _parse(file.readline())

    def add(self, row: BatchRow) -> None:
        """Write down a row; it is on disk when this returns."""
        line = json.dumps(asdict(row)).encode() + b"\n"
        with writing(self.path.parent):
            self._places[row.source] = self._file.seek(0, os.SEEK_END)
            self._file.write(line)
            self._file.flush()

    def name_folder(self, source: str, wanted: str) -> str:
        """The folder of a source: as wanted where no other has it, always the same."""
        known = self.find(source)
        if known and known.folder and not known.same_as:
            return known.folder
        name, number = wanted, 1
        while re.fullmatch(OURS, name, re.IGNORECASE) or self._is_of_other(name, source):
            number += 1
            name = f"{wanted}-{number}"
        self._folders[name.casefold()] = source
        return name

    def _is_of_other(self, folder: str, source: str) -> bool:
        return self._folders.get(folder.casefold(), source) != source

    def rows(self) -> Iterator[BatchRow]:
        """The last row of each source, sorted by source; what is the same tells of its twin.

        Where that lies was not known yet when the row of the same was written.
        """
        with self.path.open("rb") as file:
            for _, place in sorted(self._places.items()):
                file.seek(place)
                if (row := _parse(file.readline())) and row.same_as:
                    twin = self.find(row.same_as) or BatchRow(row.same_as, "")
                    found = (twin.folder, twin.sha256, twin.seconds)
                    row = replace(row, folder=found[0], sha256=found[1], seconds=found[2])
                if row:
                    yield row

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> Iterator[tuple[int, BatchRow]]:
        """Place and row of each line; half a line at the end, of a kill, is cut off."""
        with suppress(FileNotFoundError), self.path.open("r+b") as file:
            place = 0
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(place)
                    return
                if row := _parse(line):
                    yield place, row
                place += len(line)


def _parse(line: bytes) -> BatchRow | None:
    """The row of a line; None for what is none of ours."""
    try:
        told: dict[str, Any] = json.loads(line)
        return BatchRow(**{name: value for name, value in told.items() if name in _NAMES})
    except (ValueError, TypeError, AttributeError):
        return None


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """The journal of a batch's folder, which no other batch writes meanwhile."""
    with ExitStack() as opened:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = opened.enter_context((folder / LOCK).open("w"))
            if not _is_held(lock):
                raise UsageError(
                    f"another batch writes into {folder}", "Wait for it, or name another --out."
                )
            journal = opened.enter_context(closing(Journal(folder)))
        yield journal


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """OutputError where a batch's folder can't be written."""
    try:
        yield
    except OSError as error:
        said = f"{folder} can't be written: {error.strerror}"
        raise OutputError(said, "Free some room, or name another --out.") from error


def _is_held(lock: IO[str]) -> bool:
    """Whether the lock is ours now, or locks are unknown there."""
    try:
        return lock_now(lock)
    except OSError:
        return True
