"""Locks on files, which end with the process that holds them."""

import fcntl
from typing import IO, Any


def lock_now(file: IO[Any], kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the file's lock could be had at once."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
