"""The one door to fsspec: videos at addresses such as s3://, and results that go there.

A file is brought whole before it is read, and its length compared with what the store says: readers
by ranges keep caches of their own that have given wrong bytes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from longtake.errors import LinkError, OutputError, UsageError
from longtake.installation import say_extra_install, say_pip_install
from longtake.text.untrusted import one_line

FLAT = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
"""Stores without folders, whose client takes the wish for one as a wish for a bucket."""
ADDRESS = r"[A-Za-z][\w+.-]+://"


def is_remote(source: str) -> bool:
    """Whether it is an address for fsspec; what a browser opens is a link."""
    return bool(re.match(ADDRESS, source)) and not re.match(r"https?://", source, re.IGNORECASE)


def list_remote(address: str, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    """The addresses of the files there, or of the one that is named; LinkError where none is."""
    system, path = _open(address)
    with _mapped(address):
        if system.isfile(path):
            yield address
            return
        found = sorted(system.find(path))
    wanted = [name for name in found if is_wanted(PurePosixPath(name).name)]
    if not wanted:
        raise LinkError(f"{address}: there is no video", "Check the address.", "not_a_video")
    for name in wanted:
        yield str(system.unstrip_protocol(name))


def identify(address: str) -> str:
    """What tells a file there from another at the same address: length and tag, or time."""
    system, path = _open(address)
    with _mapped(address):
        return _tell_version(system.info(path))


def _tell_version(facts: Mapping[str, Any]) -> str:
    return " ".join(
        str(facts[name]) for name in ("size", "ETag", "etag", "mtime", "LastModified", "created")
        if facts.get(name) is not None
    )  # fmt: skip


def bring(address: str, target: Path) -> None:
    """The file there, whole; LinkError where less came than there is, or it changed meanwhile."""
    system, path = _open(address)
    with _mapped(address):
        facts = system.info(path)
        system.get_file(path, str(target))
        system.invalidate_cache()
        after = system.info(path)
    came, wanted = target.stat().st_size, facts.get("size")
    if _tell_version(facts) != _tell_version(after):
        raise LinkError(f"{address} changed while it was brought", "Try again.", "broken")
    if wanted is not None and came != wanted:
        raise LinkError(
            f"{address}: {came} of {wanted} bytes came", "Try again: it broke off.", "broken"
        )


class RemoteFolder:
    """A folder at an address, to which files are put and of which they are read."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._system, self._path = _open(self.address)
        self._is_flat = address.partition(":")[0] in FLAT

    def put(self, folder: Path, name: str) -> None:
        """Put a file of a folder there, at the same place; of a folder in it, its files."""
        names = [name]
        if (folder / name).is_dir():
            names = [f"{name}/{path.name}" for path in (folder / name).iterdir()]
        with _mapped(self.address, writing=True):
            for each in names:
                place = f"{self._path}/{each}"
                if not self._is_flat:
                    self._system.makedirs(place.rpartition("/")[0], exist_ok=True)
                self._system.put_file(str(folder / each), place)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        with _mapped(self.address):
            return bool(self._system.exists(f"{self._path}/{name}"))

    def get(self, name: str, target: Path) -> bool:
        """Bring a file from there; whether it is there."""
        if not self.has(name):
            return False
        with _mapped(self.address):
            self._system.get_file(f"{self._path}/{name}", str(target))
        return True


def _open(address: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise UsageError(
            f"{address}: fsspec is not installed", say_extra_install("batch")
        ) from error
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(address)
    except ImportError as error:
        kind = address.partition(":")[0]
        package = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
        raise UsageError(
            f"{address}: {one_line(str(error))}", say_pip_install(package.get(kind, kind))
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{address}: {one_line(str(error))}", "Known: s3://, gs://, and what fsspec knows."
        ) from error
    return found


@contextmanager
def _mapped(address: str, *, writing: bool = False) -> Iterator[None]:
    """What any store's client raises, as an error of ours: their trees have no common root."""
    try:
        yield
    except (LinkError, OutputError):
        raise
    except Exception as error:
        said = f"{address}: {one_line(str(error))[:300] or type(error).__name__}"
        if writing:
            raise OutputError(said, "Check the address and the rights to write there.") from error
        hint = "Check the address, and the keys that its client reads."
        raise LinkError(said, hint, "unreachable") from error
