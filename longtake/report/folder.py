"""The folder of a result: what somebody edited, or made with other settings, is never written over.

A hidden file in it notes what each file was made with and its hash. Where a new result would take
the place of anything else, it goes into the next folder beside it: talk, talk-2, talk-3, …
"""

import json
import logging
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import OutputError
from longtake.files import hash_file, replacing

if TYPE_CHECKING:
    from PIL.Image import Image

LOG = logging.getLogger(__name__)

NOTES = ".longtake.json"
"""{"video": SHA-256, "files": {name: {"made_with": settings, "sha256": [what we wrote]}}}"""

MadeWith = Mapping[str, Any]
"""Settings that shape a file, by name; those that have their defaults are left out."""


@dataclass(frozen=True)
class ResultFolder:
    """A folder that may be written to, and what its new files are made with, by their names."""

    path: Path
    video: str
    made: Mapping[str, MadeWith]

    def write(self, name: str, content: "str | Image") -> Path:
        """Write a text, or a picture as PNG, whole or not at all; its path."""
        path = self.path / name
        try:
            with replacing(path) as part:
                if isinstance(content, str):
                    part.write_text(content, encoding="utf-8", errors="replace", newline="")
                else:
                    content.save(part, format="PNG")
                self._note(name, hash_file(part))
        except OSError as error:
            raise _unwritable(path, error) from error
        return path

    def holds(self, name: str, text: str) -> bool:
        """Whether the file is there and says just that."""
        path = self.path / name
        try:
            return path.read_bytes() == text.encode("utf-8", errors="replace")
        except OSError:
            return False

    def remove(self, name: str) -> None:
        """Remove an older file of ours, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def _note(self, name: str, sha256: str) -> None:
        """Note a file before it takes its place: after a kill between the two, both are known."""
        notes = _read_notes(self.path) or {"video": "", "files": {}}
        files = notes["files"]
        known = files.get(name, {}).get("sha256", [])
        files[name] = {"made_with": dict(self.made[name]), "sha256": [*known[-1:], sha256]}
        _write_notes(self.path, {"video": self.video or notes["video"], "files": files})


def take_folder(wanted: Path, video: str, made: Mapping[str, MadeWith]) -> ResultFolder:
    """The wanted folder, or the first beside it where these files take the place of nothing else.

    `video` is the content's SHA-256, empty where it is not known. OutputError where it can't be
    written to.
    """
    wanted = wanted if wanted.name not in ("", "..") else wanted.resolve()
    for number in count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        _prepare(path)
        if _is_free(path, video, made):
            if path != wanted:
                LOG.info("%s stays: it was edited or made otherwise; this goes to %s", wanted, path)
            return ResultFolder(path, video, made)
    raise AssertionError


def _prepare(folder: Path) -> None:
    """Make the folder and try to write there, before anything dear is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _is_free(folder: Path, video: str, made: Mapping[str, MadeWith]) -> bool:
    """Whether all that these files would replace is ours, of this video and of these settings.

    A folder without notes becomes the video's: of two runs that begin at once, one gets it.
    """
    try:
        with (folder / NOTES).open("x", encoding="utf-8") as file:
            json.dump({"video": video, "files": {}}, file)
    except FileExistsError:
        pass
    except OSError as error:
        raise _unwritable(folder, error) from error
    notes = _read_notes(folder)
    if notes is None or (video and notes["video"] not in ("", video)):
        return False
    return all(_is_ours(folder / name, notes["files"].get(name), made[name]) for name in made)


def _is_ours(path: Path, note: Any, made_with: MadeWith) -> bool:
    """Whether the file is not there, or as we wrote it with these settings."""
    try:
        return not path.exists() or (
            note["made_with"] == made_with and hash_file(path) in note["sha256"]
        )
    except (OSError, TypeError, KeyError):
        return False


def _read_notes(folder: Path) -> dict[str, Any] | None:
    """What is noted there; None where that can't be read, as while another run begins it."""
    with suppress(OSError, ValueError):
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        if isinstance(notes, dict) and isinstance(notes.get("files"), dict):
            return {"video": str(notes.get("video", "")), "files": notes["files"]}
    return None


def _write_notes(folder: Path, notes: Mapping[str, Any]) -> None:
    with replacing(folder / NOTES) as part:
        part.write_text(json.dumps(notes, indent=1), encoding="utf-8")


def _unwritable(path: Path, error: OSError) -> OutputError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return OutputError(f"{path} is a file, not a folder", "Name a folder: --out DIR.")
    return OutputError(
        f"{path} can't be written: {error.strerror or error}",
        "Check its permissions and the room on the disk, or name another folder with --out DIR."
        " All answers so far are kept.",
    )
