"""The key that opens the page: it stands in the link that is printed, as notebooks do it.

Whoever has it is let in. Without one, any program of the machine, any page that a browser has open
and, on a network, anybody there could use the page as its user does.
"""

import secrets
from contextlib import suppress
from pathlib import Path

from longtake.errors import OutputError
from longtake.files import open_for_user
from longtake.settings import home_folder, load_settings, make_home

NO_KEY = "off"
"""In a key's place: whoever reaches the page is let in."""


def find_key() -> str:
    """The settings' key, else that of the home folder, which is made once; empty for none."""
    if named := load_settings(used=("page_key",)).page_key:
        return "" if named == NO_KEY else named
    path = home_folder() / "page-key"
    try:
        make_home()
        with suppress(FileExistsError), open(path, "x", opener=open_for_user) as file:
            file.write(secrets.token_urlsafe(24))
        return path.read_text(encoding="ascii").strip() or _renew(path)
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"the page's key in {path} can't be read: {error}", "Remove it, and a new one is made."
        ) from error


def _renew(path: Path) -> str:
    """A new key in place of one that was lost to a full disk."""
    path.unlink()
    return find_key()
