"""Files: locks that end with the process that holds them, writing whole or not at all, hashes."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


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

    It lies beside it, hidden; where anything goes wrong, it goes away.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


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
