"""`longtake serve`: the application at an address of its own."""

import sys

from longtake.api.app import make_app
from longtake.door.access import Access
from longtake.door.place import open_socket, say_place
from longtake.door.server import serve_app
from longtake.errors import OutputError
from longtake.runs import uploads


def serve(address: str, port: int, access: Access) -> None:
    """Serve until stopped."""
    _check_home()
    with open_socket(address, port) as listening:
        sys.stderr.write(f"Longtake serves programs at {say_place(listening)}/v1/docs\n")
        sys.stderr.flush()
        serve_app(make_app(access), listening)


def _check_home() -> None:
    """OutputError where nothing can be kept: better said now than of every run."""
    try:
        uploads.folder()
    except OSError as error:
        raise OutputError(
            f"the home can't be written: {error}", "Set LONGTAKE_HOME to another folder."
        ) from None
