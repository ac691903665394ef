"""Files: locks that end with the process that holds them, writing whole or not at all, hashes."""

import errno
import fcntl
import glob
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

LEFT_SECONDS = 3600.0
"""What was not written to for so long is of a process that was killed."""


def lock_now(file: IO[Any], kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the file's lock could be had at once."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def can_lock(folder: Path) -> bool:
    """Whether files there can be locked at all, as SQLite does it; some network drives can't."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # nobody else has this file
            return False
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against others who do so, too, where its file system knows of locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path` at the end; the old one stands until then.

    It is on the disk by then. It lies beside it, hidden; where anything goes wrong, it goes away,
    and so does what a process that was killed has left of it.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    _sweep_parts(path)
    try:
        yield part
        _flush(part)
        part.replace(path)
        _flush(path.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk: a power cut leaves it as it is."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # drives that know no such thing
            raise
    finally:
        os.close(handle)


def _sweep_parts(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError):
            if left.suffix[1:].isdecimal() and time.time() - left.stat().st_mtime > LEFT_SECONDS:
                left.unlink()


def open_for_user(path: str, flags: int) -> int:
    """An `opener` of files that are for their user alone, from their first byte on."""
    return os.open(path, flags, 0o600)


def is_full(error: OSError) -> bool:
    """Whether the disk has no room, or the user may take no more of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def say_hint(error: OSError, otherwise: str) -> str:
    """What to do where a file can't be written."""
    return "Free some room on the disk." if is_full(error) else otherwise


def check_regular(path: Path) -> None:
    """OSError for a pipe or a device: who reads it may wait for ever. One not there passes."""
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or str(path) == os.devnull):
            raise OSError(errno.EINVAL, "it is a pipe or a device, and no file")


def hash_file(path: Path) -> str:
    """The SHA-256 of its content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_bytes(content: bytes) -> str:
    """Its SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()


def read_samples(path: Path, size: int, steps: int = 64) -> Iterator[bytes]:
    """Parts of a large file, of `size` bytes each, from its beginning to its end."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        for step in range(steps + 1):
            file.seek(max(0, whole - size) * step // steps)
            yield file.read(size)
