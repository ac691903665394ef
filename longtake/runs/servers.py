"""Servers that the page's user has connected: address, key, models; LONGTAKE_HOME/servers.json.

The file is for its user alone (0600). A run names an address, never a key: its process looks here
for the key that is for that address, so none stands in a run's folder, a log, or a command line.
"""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from longtake.errors import OutputError
from longtake.files import open_for_user, replacing
from longtake.settings import Settings, home_folder, list_addresses, make_home

FORM = 1
"""Counted up when the file's meaning changes."""
_writing = threading.Lock()


@dataclass(frozen=True)
class Connected:
    """A server that was connected, the models of it that were chosen, and its key."""

    address: str
    kind: str
    models: tuple[str, ...] = ()
    key: str = field(default="", repr=False)


def servers_path() -> Path:
    """Where they are remembered."""
    return home_folder() / "servers.json"


def list_connected() -> list[Connected]:
    """Those that are remembered, the newest first; none where the file can't be read."""
    return [found for entry in _read()["servers"] if (found := _as_connected(entry))]


def connect(server: Connected) -> None:
    """Remember a server; of one that is known, its key is replaced and its models are added."""
    with _writing:
        known = list_connected()
        old = next((other for other in known if other.address == server.address), None)
        models = dict.fromkeys((*server.models, *(old.models if old else ())))
        others = [other for other in known if other.address != server.address]
        _write([replace(server, models=tuple(models)), *others], _read()["chosen"])


def forget(address: str) -> None:
    """Remember the server no longer, nor its key."""
    with _writing:
        kept = [known for known in list_connected() if known.address != address]
        _write(kept, _read()["chosen"])


def read_chosen() -> str:
    """Which describer the user chose last, as the page calls it; empty: none yet."""
    return str(_read()["chosen"])


def choose(describer: str) -> None:
    """Remember which describer was chosen."""
    with _writing:
        if describer != read_chosen():
            _write(list_connected(), describer)


def give_keys(settings: Settings, own: Settings) -> Settings:
    """A run's settings with the keys that are for its addresses, and for no other.

    `own` are those of the page: its key is for its own server alone, or for each of several, which
    go on serving who writes and who judges where the settings name them apart.
    """
    asked, named = list_addresses(settings.base_url), list_addresses(own.base_url)
    if asked == named or (asked and set(asked) <= set(named)):
        return settings
    keys = {known.address: known.key for known in list_connected()}
    alone = replace(settings, api_key=keys.get(settings.base_url.rstrip("/"), ""))
    if not own.base_url or settings.reconciler_base_url:
        return alone
    return replace(alone, reconciler_base_url=own.base_url, reconciler_api_key=own.api_key)


def _as_connected(entry: object) -> Connected | None:
    """An entry of the file; None for what is none."""
    if not isinstance(entry, Mapping):
        return None
    address, kind, key = (entry.get(name) for name in ("address", "kind", "key"))
    models = entry.get("models")
    if not (isinstance(address, str) and isinstance(kind, str) and isinstance(key, str)):
        return None
    if not (isinstance(models, list) and all(isinstance(model, str) for model in models)):
        return None
    return Connected(address, kind, tuple(models), key)


def _read() -> dict[str, Any]:
    empty = {"servers": [], "chosen": ""}
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(servers_path().read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("form") == FORM:
            return empty | found
    return empty


def _write(servers: list[Connected], chosen: str) -> None:
    """The whole file, whose rights are its user's alone from its first byte on."""
    path = servers_path()
    text = json.dumps(
        {"form": FORM, "chosen": chosen, "servers": [asdict(server) for server in servers]}
    )
    try:
        make_home()
        with replacing(path) as part:
            part.unlink(missing_ok=True)
            with open(part, "x", encoding="utf-8", opener=open_for_user) as file:
                file.write(text)
    except OSError as error:
        raise OutputError(
            f"the server can't be remembered in {path}: {error.strerror}",
            "Free some room, or look at the rights of that folder.",
        ) from error
