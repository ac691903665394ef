"""What came by links, kept by content: LONGTAKE_HOME/cache, with a limit.

media/SHA256.mp4 holds the videos, links/KEY.json what each link led to, and parts/KEY what has come
of one that is being loaded. Names are hashes: nothing that a site says becomes a path.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from stat import S_ISREG
from typing import Any

from longtake.errors import OutputError
from longtake.files import hash_file, lock_now, replacing
from longtake.settings import home_folder, make_home

FORM = 1
"""Counted up when an entry's meaning changes; older ones are then loaded anew."""
FRESH_SECONDS = 60.0
"""Who has just found a file may not hold it yet."""
STALE_SECONDS = 7 * 86400.0
"""A load that has stood still as long is given up."""


@dataclass(frozen=True)
class CachedFile:
    """What a link led to. `mark` is what its site said of it, by which it is known to be the same.

    `side` is the longest side in pixels that was asked for; `captions` a file's name beside the
    entry, or empty.
    """

    media: str
    size: int
    mark: str
    title: str
    side: int
    sound: bool
    captions: str = ""
    captions_source: str = ""

    @property
    def path(self) -> Path:
        """Where the video lies."""
        return cache_folder() / "media" / self.media

    @property
    def captions_path(self) -> Path | None:
        """Where the captions lie; None where there are none."""
        path = cache_folder() / "links" / self.captions
        return path if self.captions and path.is_file() else None


def cache_folder() -> Path:
    """The folder of the cache, which need not exist yet."""
    return home_folder() / "cache"


def make_key(link: str) -> str:
    """The name under which a link is kept."""
    return hashlib.sha256(link.encode("utf-8", "replace")).hexdigest()[:40]


def find(link: str) -> CachedFile | None:
    """What the link led to before, if that is still here; it counts as used now."""
    path = _entry_path(link)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts.pop("form") != FORM:
            return None
        entry = CachedFile(**_typed(facts))
        if not entry.path.is_file() or entry.path.stat().st_size != entry.size:
            return None
        os.utime(entry.path)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return entry


def _typed(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts, each of its own type, and names without folders."""
    kinds = {"size": int, "side": int, "sound": bool}
    for field in fields(CachedFile):
        if not isinstance(facts[field.name], kinds.get(field.name, str)):
            raise TypeError(field.name)
    if any("/" in facts[name] for name in ("media", "captions")):
        raise ValueError("a name with a folder")
    return facts


def keep(link: str, part: Path, entry: CachedFile, captions: Path | None = None) -> CachedFile:
    """Take over a whole file, named by its content and the suffix in `entry.media`."""
    with mapped_errors():
        name = hash_file(part) + entry.media
        values = asdict(entry) | {"media": name, "size": part.stat().st_size}
        if captions:
            values["captions"] = make_key(link) + captions.suffix
        kept = CachedFile(**values)
        make_home()
        for folder in (kept.path.parent, _entry_path(link).parent):
            folder.mkdir(parents=True, exist_ok=True)
        if kept.path.is_file() and kept.path.stat().st_size == kept.size:
            part.unlink()  # somebody may hold the one that is there
        else:
            part.replace(kept.path)
        os.utime(kept.path)
        if captions:
            captions.replace(_entry_path(link).parent / kept.captions)
        with replacing(_entry_path(link)) as written:
            written.write_text(json.dumps({"form": FORM, **values}), encoding="utf-8")
    return kept


@contextmanager
def open_part(link: str) -> Iterator[Path]:
    """The folder for what comes of a link, for one load at a time; others wait.

    What is in it outlives a load that breaks off, so that the next one goes on there.
    """
    folder = _part_folder(link)
    with ExitStack() as files:
        while True:
            with mapped_errors():
                make_home()
                folder.mkdir(parents=True, exist_ok=True)
                lock = files.enter_context((folder / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink:
                break  # else it was removed by `trim`, which held it until now
        with mapped_errors():
            os.utime(folder)
        yield folder


def is_loading(link: str) -> bool:
    """Whether a load of the link is at work now, for which `open_part` would wait."""
    with suppress(OSError), (_part_folder(link) / "lock").open() as lock:
        return not lock_now(lock, fcntl.LOCK_SH)
    return False


def drop_part(folder: Path) -> None:
    """Forget what has come of a link so far; its lock stays."""
    for path in folder.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """While this is open, the file stays in the cache; nothing to do for one that is elsewhere.

    One that has gone meanwhile is told of by who reads it.
    """
    with ExitStack() as files:
        if path.parent == cache_folder() / "media":
            with suppress(OSError):
                os.utime(path)
                fcntl.flock(files.enter_context(path.open("rb")), fcntl.LOCK_SH)
        yield


def trim(limit: int) -> None:
    """Remove what was used longest ago until `limit` bytes are left; nothing that is held.

    What is left of broken loads counts, and goes in any case when nobody goes on with it.
    """
    with suppress(OSError):
        media = [(path.stat(), path) for path in (cache_folder() / "media").glob("*")]
        loaded = [(facts.st_mtime, facts.st_size, path) for facts, path in media]
        kept = sorted([*loaded, *_list_parts()], key=lambda found: found[0])
        total = sum(size for _, size, _ in kept)
        for used, size, path in kept:
            age = time.time() - used
            too_much = total > limit and size > 0 and age > FRESH_SECONDS
            given_up = path.is_dir() and age > STALE_SECONDS
            if (too_much or given_up) and _remove(path):
                total -= size
        _sweep_entries()


def _list_parts() -> Iterator[tuple[float, int, Path]]:
    """When each load last got something, how much has come of it, and its folder."""
    for folder in (cache_folder() / "parts").glob("*"):
        facts = [path.stat() for path in (folder, *folder.rglob("*")) if path.exists()]
        sizes = (found.st_size for found in facts if S_ISREG(found.st_mode))
        yield max((found.st_mtime for found in facts), default=0.0), sum(sizes), folder


def _remove(path: Path) -> bool:
    """Whether it could be: not where somebody holds it, or its lock."""
    with suppress(OSError), (path / "lock" if path.is_dir() else path).open("rb") as file:
        if lock_now(file):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            return True
    return False


def _sweep_entries() -> None:
    """Remove entries and captions whose video has gone."""
    folder = cache_folder() / "links"
    for path in folder.glob("*.json"):
        media = ""
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            media = str(json.loads(path.read_text(encoding="utf-8"))["media"])
        if not media or not (cache_folder() / "media" / media).exists():
            for left in folder.glob(f"{path.stem}.*"):
                left.unlink(missing_ok=True)


def _part_folder(link: str) -> Path:
    return cache_folder() / "parts" / make_key(link)


def _entry_path(link: str) -> Path:
    return cache_folder() / "links" / f"{make_key(link)}.json"


@contextmanager
def mapped_errors() -> Iterator[None]:
    """OutputError where the disk takes no file."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{cache_folder()} can't be written: {error.strerror or error}",
            "Free some room, or set LONGTAKE_HOME to another folder.",
        ) from error
