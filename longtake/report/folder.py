"""The folder of a result: what somebody edited, or made with other settings, is never written over.

A hidden file in it notes what each file was made with and its hash. Where a file would take the
place of anything else at the moment when it is written, the whole result goes into the next folder
beside it: talk, talk-2, talk-3, … (talk/talk-2 where nothing can be written beside it).
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from longtake.errors import OutputError
from longtake.files import hash_bytes, hash_file, locked, replacing, say_hint

LOG = logging.getLogger(__name__)

NOTES = ".longtake.json"
"""{"video": SHA-256, "files": {name: {"made_with": settings, "sha256": [what we wrote]}}}"""

DESCRIPTIONS = "descriptions.csv"
WITH_FIGURES = ("summary.json", "report.html")
"""What says how long a run took, too: never twice the same, but of one result with the others."""

MadeWith = Mapping[str, Any]
"""Settings that shape a file, by name; those that have their defaults are left out."""


class ResultFolder:
    """Where the files of one run go, all together; `path` is where they lie so far."""

    def __init__(
        self, wanted: Path, video: str, made: Mapping[str, MadeWith], table: Path | None = None
    ) -> None:
        """A wanted folder, for files that are each made with some settings.

        `video` is the content's SHA-256, empty where it is not known; `table` are the descriptions
        of which the files tell, where the run writes none. OutputError where nothing can be
        written there.
        """
        self.path = wanted if wanted.name not in ("", "..") else wanted.resolve()
        self._paths = _count_on(self.path)
        next(self._paths)
        self._video = video
        self._made = made
        self._table = table
        self._contents: dict[str, bytes] = {}
        _check_writable(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """What this run has written, in its order."""
        return tuple(self.path / name for name, content in self._contents.items() if content)

    def write(self, files: Mapping[str, str | bytes], outdated: Sequence[str] = ()) -> None:
        """Write each file whole or not at all; of an empty one, an older one is removed.

        So is what is `outdated` where these files say anything new.
        """
        new = {
            name: content.encode("utf-8", errors="replace") if isinstance(content, str) else content
            for name, content in files.items()
        }
        told, wanted = "", new
        while obstacle := self._write_to(wanted, outdated):
            told = told or f"{self.path}: {obstacle}"
            self.path = next(self._paths)
            wanted = self._contents | new
        self._contents = {n: c for n, c in self._contents.items() if n not in new} | new
        if told:
            LOG.info("%s; it stays, and this result is in %s", told, self.path)

    def _write_to(self, wanted: Mapping[str, bytes], outdated: Sequence[str]) -> str:
        """Write where nothing stands in the way; else say what does."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with locked(self.path):
                change = _Change(self.path, wanted, outdated)
                notes = _read_notes(self.path)
                if self._video and notes["video"] not in ("", self._video):
                    return "another video's result is there"
                made = {name: self._list_made(name) for name in change.contents}
                for name in change.contents:
                    if obstacle := change.find_obstacle(name, notes["files"].get(name), made[name]):
                        return obstacle
                change.note(notes["files"], made)
                _write_notes(self.path, notes | {"video": self._video or notes["video"]})
                change.make()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return ""

    def _list_made(self, name: str) -> MadeWith:
        table = os.path.relpath(self._table, self.path) if self._table else DESCRIPTIONS
        return self._made[name] if table == DESCRIPTIONS else {**self._made[name], "table": table}


def write_handed(wanted: Path, video: str, files: Mapping[str, bytes]) -> Path:
    """Write the files of a folder that was made elsewhere, with its notes; where they are now."""
    notes = json.loads(files[NOTES])["files"]
    made = {name: note["made_with"] for name, note in notes.items()}
    folder = ResultFolder(wanted, video, made)
    known = {name: content for name, content in files.items() if name in made}
    folder.write({DESCRIPTIONS: known.pop(DESCRIPTIONS)}, outdated=list(known))
    folder.write(known)
    return folder.path


class _Change:
    """What is to be written to a folder and removed from it, and what is there now."""

    def __init__(self, path: Path, wanted: Mapping[str, bytes], outdated: Sequence[str]) -> None:
        self._path = path
        hashes = {name: hash_bytes(content) if content else "" for name, content in wanted.items()}
        self._there = {name: _hash(path / name) for name in (*wanted, *outdated)}
        says_new = any(self._there[name] != hashes[name] for name in hashes)
        gone = [name for name in outdated if says_new and name not in wanted]
        self.contents = {**wanted, **dict.fromkeys(gone, b"")}
        self._hashes = dict.fromkeys(self.contents, "") | hashes
        plain = [name for name in self.contents if name not in WITH_FIGURES]
        self._same = all(self._there[name] == self._hashes[name] for name in plain)

    def find_obstacle(self, name: str, note: Mapping[str, Any] | None, made: MadeWith) -> str:
        """Why the file that is there must stay; empty where nothing is lost with it."""
        there = self._there[name]
        if there in ("", self._hashes[name]):
            return ""
        if not note or there not in note["sha256"]:
            return f"{name} was edited" if note else f"{name} was there before"
        if note["made_with"] == made or (self._same and name in WITH_FIGURES):
            return ""
        return f"{name} was made {_say_difference(note['made_with'], made)}"

    def note(self, notes: dict[str, Any], made: Mapping[str, MadeWith]) -> None:
        """Note files before they take their place: a kill between leaves both states known.

        What is made with other settings and says the same stays noted with the first ones.
        """
        for name, new in self._hashes.items():
            there = self._there[name]
            made_with = notes[name]["made_with"] if there and name in notes else dict(made[name])
            known = [sha256 for sha256 in (there, new) if sha256]
            notes[name] = {"made_with": made_with, "sha256": known}

    def make(self) -> None:
        """Write and remove what differs."""
        for name, content in self.contents.items():
            if not content:
                (self._path / name).unlink(missing_ok=True)
            elif self._there[name] != self._hashes[name]:
                with replacing(self._path / name) as part:
                    part.write_bytes(content)


def _count_on(wanted: Path) -> Iterator[Path]:
    """The folder, and those beside it; in it where nothing can be made beside it, as at home."""
    yield wanted
    above = wanted.parent if os.access(wanted.parent, os.W_OK) else wanted
    for number in count(2):
        yield above / f"{wanted.name}-{number}"


def _check_writable(folder: Path) -> None:
    """Try to write there, or in the first folder above it that there is; nothing is left."""
    try:
        above = next(path for path in (folder, *folder.absolute().parents) if _is_there(path))
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _is_there(path: Path) -> bool:
    """Whether there is anything of that name, be it a link that leads nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _hash(path: Path) -> str:
    """The file's hash; empty where there is none, and no hash at all of what can't be read."""
    try:
        return hash_file(path)
    except FileNotFoundError:
        return ""
    except OSError:
        return "unreadable"


def _say_difference(known: MadeWith, made: MadeWith) -> str:
    """What the file that is there was made with, in the setting's flag."""
    name = next(n for n in (*known, *made) if known.get(n) != made.get(n))
    if name == "table":
        return f"of {known.get(name, DESCRIPTIONS)}"
    flag = "--" + name.replace("_", "-")
    return f"with {flag} {known[name]}" if name in known else f"without {flag}"


def _read_notes(folder: Path) -> dict[str, Any]:
    """What is noted there, as far as it can be read."""
    with suppress(OSError, ValueError, AttributeError, TypeError, KeyError):
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        files = {name: note for name, note in notes["files"].items() if _is_note(note)}
        return {"video": str(notes.get("video", "")), "files": files}
    return {"video": "", "files": {}}


def _is_note(note: Any) -> bool:
    try:
        return isinstance(note["made_with"], dict) and isinstance(note["sha256"], list)
    except (TypeError, KeyError):
        return False


def _write_notes(folder: Path, notes: Mapping[str, Any]) -> None:
    with replacing(folder / NOTES) as part:
        part.write_text(json.dumps(notes, indent=1), encoding="utf-8")


def _unwritable(path: Path, error: OSError) -> OutputError:
    ways = (path, *path.parents)
    if found := next((p for p in ways if os.path.isfile(p)), None):  # noqa: PTH113 - never raises
        return OutputError(f"{found} is a file, not a folder", "Name a folder: --out DIR.")
    return OutputError(
        f"{path} can't be written: {error.strerror or error}",
        say_hint(error, "Check its permissions, or name another folder with --out DIR.")
        + " All answers so far are kept.",
    )
