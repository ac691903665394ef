"""Uploads that are not part of a run yet; each is named by an unguessable id."""

import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from longtake.errors import UsageError
from longtake.settings import home_folder

MOST_WAITING = 20
"""How many uploads may wait to be started."""
KEPT_SECONDS = 7200.0
"""How long an upload waits to be started before it is deleted."""


def folder() -> Path:
    """The folder of the uploads, which is made where it is missing."""
    path = home_folder() / "uploads"
    path.mkdir(parents=True, exist_ok=True)
    return path


def new_path() -> Path:
    """A path for the next upload."""
    return folder() / secrets.token_hex(16)


def find(token: str) -> Path:
    """The file of that id; UsageError where there is none."""
    path = folder() / token if re.fullmatch(r"[0-9a-f]{32}", token) else None
    if path is None or not path.is_file():
        raise UsageError("this upload is no longer here", "Drop the file again.")
    return path


def drop_old() -> int:
    """Delete uploads that nobody started for `KEPT_SECONDS`; how many are left."""
    left = 0
    for path in folder().iterdir():
        with suppress(FileNotFoundError):  # it has just become a run's
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()
            else:
                left += 1
    return left


def drop(token: str) -> None:
    """Delete the upload of that id, if it is still there."""
    with suppress(UsageError):
        find(token).unlink(missing_ok=True)
