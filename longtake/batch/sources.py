"""What names many videos: files, folders, patterns, playlists, addresses, lists with settings."""

import csv
import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from longtake.batch.remote import is_remote, list_remote
from longtake.errors import LinkError, LongtakeError, SourceError, UsageError
from longtake.links.addresses import is_link
from longtake.settings import Settings, load_settings
from longtake.video.source import SUFFIXES

LISTS = (".txt", ".csv", ".jsonl")
SOURCE = "source"
"""The column of a list that names the video; the others are settings."""


@dataclass(frozen=True)
class Item:
    """One of many videos: its source, what it is called, and what of the settings is its own."""

    source: str
    title: str = ""
    """What a playlist calls it; `place` is its number there, for the folder's name."""
    place: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)
    error: LongtakeError | None = None
    """Why it can't be one: a folder without videos, a line of a list that says nothing."""

    @property
    def name(self) -> str:
        """What its folder may be called."""
        if self.place:
            return self.place
        if not (is_link(self.source) or is_remote(self.source)):
            return Path(self.source).stem
        path = Path(unquote(urlsplit(self.source).path))
        return path.stem if path.suffix.lower() in SUFFIXES else "link"


def list_items(
    sources: Iterable[str],
    settings: Settings,
    *,
    match: str = "",
    playlist: bool = False,
    wide: bool = False,
) -> Iterator[Item]:
    """All videos that the sources name, in order, as they are found.

    Of folders and addresses those whose names fit `match` (`*.mp4`; without, what videos end in).
    With `wide`, lists and addresses of fsspec are sources, too. What names nothing is an item with
    an error.
    """
    for source in sources:
        try:
            yield from _list_source(source, settings, match, playlist=playlist, wide=wide)
        except (LinkError, SourceError, UsageError) as error:
            yield Item(source, error=error)


def is_many(source: str) -> bool:
    """Whether it is a folder, or a pattern that names files."""
    return not is_link(source) and (os.path.isdir(source) or bool(_match(source)))  # noqa: PTH112 - never raises


def _list_source(
    source: str, settings: Settings, match: str, *, playlist: bool, wide: bool
) -> Iterator[Item]:
    if wide and is_remote(source):
        yield from map(Item, list_remote(source, lambda name: _is_wanted(name, match)))
    elif playlist and is_link(source):
        yield from _list_playlist(source, settings)
    elif is_link(source):
        yield Item(source)
    elif wide and Path(source).suffix.lower() in LISTS and not Path(source).is_dir():
        yield from read_list(Path(source))
    elif matched := sorted(_match(source)):  # as if a shell had named each of them
        yield from list_items(matched, settings, match=match, wide=wide)
    elif is_many(source):
        yield from _list_folder(Path(source), match)
    else:
        yield Item(source)


def _match(source: str) -> list[str]:
    """The files that a pattern names; none where it is a file's own name, or a broken link's."""
    return [] if os.path.lexists(source) else glob.glob(source, recursive=True)  # noqa: PTH207


def _is_wanted(name: str, match: str) -> bool:
    return fnmatch(name, match) if match else Path(name).suffix.lower() in SUFFIXES


def _list_folder(folder: Path, match: str) -> Iterator[Item]:
    unread: list[OSError] = []
    found = sorted(
        os.path.join(place, name)  # noqa: PTH118 - a hundred thousand of them
        for place, _, names in os.walk(folder, onerror=unread.append)
        for name in names
        if _is_wanted(name, match)
    )
    for error in unread:
        said = f"the folder {error.filename} can't be read: {error.strerror}"
        yield Item(str(error.filename), error=SourceError(said, "Check its permissions."))
    files = [path for path in found if os.path.isfile(path)]  # noqa: PTH113
    if not files and not unread:
        ends = f"named {match}" if match else " ".join(sorted(SUFFIXES))
        raise SourceError(
            f"{folder} is a folder without videos",
            f"Videos are known there by how their names end: {ends}.",
        )
    yield from map(Item, files)


def _list_playlist(link: str, settings: Settings) -> Iterator[Item]:
    from longtake.links.addresses import check_link
    from longtake.links.metadata import list_playlist

    for number, entry in enumerate(list_playlist(check_link(link), settings), 1):
        yield Item(entry.link, entry.title, f"{number:03}")


def read_list(path: Path) -> Iterator[Item]:
    """The videos of a list: a line each (.txt), or a row with a column `source` (.csv, .jsonl).

    Other columns are settings of that row's. Files are named as seen from the list. A row that
    says nothing is an item with an error that names the line.
    """
    read = {".txt": _read_lines, ".csv": _read_csv, ".jsonl": _read_json}[path.suffix.lower()]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in read(file, path):
                where = f"{path}, line {line}"
                try:
                    yield _read_row(row, path, where)
                except UsageError as error:
                    yield Item(where, error=error)
    except OSError as error:
        said = f"the list {path} can't be read: {error.strerror}"
        raise SourceError(said, "Check the name and its permissions.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"the list {path} can't be read: {error}", "Save it as UTF-8.") from error


def _read_lines(file: Iterator[str], _path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, 1):
        if (text := line.strip("\r\n")).strip() and not text.lstrip().startswith("#"):
            yield number, {SOURCE: text.strip()}


def _read_csv(file: Iterator[str], path: Path) -> Iterator[tuple[int, Any]]:
    first = next(file, "")
    # Where the comma is for decimals, tables are saved with semicolons.
    mark = ";" if first.count(";") > first.count(",") else ","
    rows = csv.DictReader(chain([first], file), delimiter=mark)
    rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
    if SOURCE not in rows.fieldnames:
        raise SourceError(
            f"the list {path} has no column {SOURCE!r}",
            f"Its first line names the columns: {SOURCE}, and any settings.",
        )
    for row in rows:
        yield rows.line_num, {name: cell for name, cell in row.items() if name and cell}


def _read_json(file: Iterator[str], _path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def _read_row(row: Any, path: Path, where: str) -> Item:
    source = row.get(SOURCE) if isinstance(row, dict) else None
    if not isinstance(source, str) or not source.strip() or "\0" in source:
        raise UsageError(f"{where}: there is no {SOURCE}", f'As in {{"{SOURCE}": "talk.mp4"}}.')
    own = {str(name).strip(): value for name, value in row.items() if name != SOURCE}
    if "out" in own:
        raise UsageError(f"{where}: out is one for all", "Name it on the command line: --out.")
    try:
        load_settings(own, environment={}, file=Path(os.devnull))
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from error
    if not (is_link(source) or is_remote(source)):
        source = str(path.parent / source)
    return Item(source, own=own)


def apply(item: Item, given: Mapping[str, Any], settings: Settings) -> Settings:
    """The settings of one: what the list says goes before what was given for all."""
    return load_settings({**given, **item.own}) if item.own else settings
