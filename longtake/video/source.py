"""What the user names as a source: a file on this machine, told apart by content, never by name."""

import errno
import hashlib
import os
import re
import stat
import threading
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

from longtake.errors import FileChanged, SourceError
from longtake.records import Progress

BLOCK_BYTES = 1 << 20
SURE_BLOCK_BYTES = 1 << 24
HINTS = {
    errno.ENAMETOOLONG: "No file can have so long a name: check it.",
    errno.ELOOP: "Links that lead in a circle stand for no file: name the file itself.",
}
"""What to do where a file can't be reached, if it isn't a matter of permissions."""

SUFFIXES = frozenset(
    ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .webm .wmv".split()
)
"""What videos are known by among other files."""


def check_file(source: str | Path, what: str = "video file") -> Path:
    """The file behind `source`; SourceError where it is missing, a folder, empty or unreadable."""
    path = _check_name(str(source), what)
    try:
        facts = path.stat()
    except FileNotFoundError:
        hint = "Check the name and the folder."
        if re.match(r"(www\.|[\w-]+(\.[\w-]+)*\.[a-z]{2,}/)", str(source)):
            hint = f"If it is a link: https://{source}"
        if path.is_symlink():
            hint = f"It points to {path.readlink()}, which is not there."
        raise SourceError(f"there is no file {path}", hint) from None
    except OSError as error:
        hint = HINTS.get(error.errno or 0, "Check its permissions.")
        raise SourceError(f"{path} can't be reached: {error.strerror}", hint) from None
    if stat.S_ISDIR(facts.st_mode):
        raise SourceError(f"{path} is a folder", f"Name one {what} in it.")
    if not stat.S_ISREG(facts.st_mode):
        raise SourceError(f"{path} is not a regular file", "Save it to a file first.")
    if facts.st_size == 0:
        raise SourceError(
            f"{path} is empty", "The download or copy may have failed; fetch it anew."
        )
    return path


def _check_name(source: str, what: str) -> Path:
    """What the name stands for; SourceError for one that can't be a file's."""
    if not source:
        raise SourceError("no file is named", f"Name a {what}.")
    if re.match(r"\w+://", source):
        raise SourceError(
            f"{source} is a link, and a {what} must be a file here", "Download it, name the file."
        )
    if "\0" in source:
        raise SourceError("a file name can't hold a NUL character", "Check the name.")
    with suppress(RuntimeError):  # a name such as ~x.mp4, where there is no user x
        return Path(source).expanduser()
    return Path(source)


def hash_file(path: Path) -> Generator[Progress, None, str]:
    """SHA-256 of the content, in hex; yields its progress in bytes."""
    digest, done = hashlib.sha256(), 0
    try:
        total = path.stat().st_size
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                done += len(block)
                yield Progress("read", done, total, f"reading {path.name}")
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror}", "Check its permissions and the disk."
        ) from error
    return digest.hexdigest()


class KnownFile:
    """A file as it is now, to be asked later whether it still is that: several may ask at once.

    A file that is gone is no other one: who has opened it reads on.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._facts = read_facts(path)
        self.size = self._facts[2] if self._facts else 0
        """In bytes."""
        self.sha256 = ""
        """Of its content, once it is known."""

    def check(self) -> None:
        """FileChanged where what was read by now may be of another content.

        A time that alone is another may be a mere touch: then the content is hashed again.
        """
        facts = read_facts(self._path)
        if facts in (None, self._facts):
            return
        with self._lock:
            if facts == self._facts:
                return
            if not (self._facts and facts and self._is_touched(self._facts, facts)):
                raise FileChanged(
                    f"{self._path} was changed while it was read",
                    "Wait until it is whole, then run it again: what is known of it is kept.",
                )
            self._facts = facts

    def _is_touched(self, before: "_Facts", now: "_Facts") -> bool:
        if before[:-1] != now[:-1] or not self.sha256:
            return False
        digest = hashlib.sha256()
        with suppress(OSError), self._path.open("rb") as file:
            while block := file.read(SURE_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest() == self.sha256 and read_facts(self._path) == now


_Facts = tuple[int, int, int, int]
"""Device, inode, size, and when it was last written."""


def read_facts(path: Path) -> _Facts | None:
    """None where it can't be reached."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for each picture: `Path.stat` takes twice as long
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
