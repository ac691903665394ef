"""Uploads that are not part of a run yet; each is named by an unguessable id."""

import hashlib
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from longtake.errors import UsageError
from longtake.files import locked
from longtake.settings import make_home

MOST_OF_VISITOR = 5
"""How many uploads of one visitor may wait to be started."""
MOST_WAITING = 100
"""And of all together."""
KEPT_SECONDS = 7200.0
"""How long an upload waits to be started before it is deleted."""
OWNER_LETTERS = 8
"""Of an id, at its end: they tell whose it is."""


def folder() -> Path:
    """The folder of the uploads, which is made where it is missing."""
    path = make_home() / "uploads"
    path.mkdir(exist_ok=True)
    return path


def new_path(visitor: str = "") -> Path:
    """A path for the next upload."""
    return folder() / (secrets.token_hex(12) + _tell_owner(visitor))


def claim(visitor: str) -> Path:
    """An empty file for the next upload of a visitor; UsageError where too many wait already."""
    with locked(folder()):  # whoever comes at once is counted, too
        drop_old()
        waiting = [path.name for path in folder().iterdir()]
        mine = [name for name in waiting if name.endswith(_tell_owner(visitor))]
        if len(mine) >= MOST_OF_VISITOR:
            raise UsageError(
                f"{len(mine)} uploads of yours wait to be started", "Start one, or try again later."
            )
        if len(waiting) >= MOST_WAITING:
            raise UsageError(
                f"{len(waiting)} uploads of others wait to be started", "Try again later."
            )
        path = new_path(visitor)
        path.touch(exist_ok=False)
        return path


def _tell_owner(visitor: str) -> str:
    return hashlib.sha256(visitor.encode()).hexdigest()[:OWNER_LETTERS]


def find(token: str) -> Path:
    """The file of that id; UsageError where there is none."""
    path = folder() / token if re.fullmatch(r"[0-9a-f]{32}", token) else None
    if path is None or not path.is_file():
        raise UsageError("this upload is no longer here", "Drop the file again.")
    return path


def drop_old() -> None:
    """Delete uploads that nobody started for `KEPT_SECONDS`."""
    for path in folder().iterdir():
        with suppress(FileNotFoundError):  # it has just become a run's
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()


def drop(token: str) -> None:
    """Delete the upload of that id, if it is still there."""
    with suppress(UsageError):
        find(token).unlink(missing_ok=True)
