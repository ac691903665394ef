"""Which servers answer on this machine's usual ports, and what they serve. No model is asked.

HTTP is `engines/http.py`'s; what a server's words mean is `engines/server_kinds.py`'s.
"""

import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from longtake.engines.http import Connection
from longtake.engines.ollama import read_host
from longtake.engines.server import ask_about_model
from longtake.engines.server_kinds import (
    Kind,
    find_context_tokens,
    find_kind,
    list_entries,
    takes_images,
)
from longtake.errors import EngineError, EngineRefused, LongtakeError, UsageError
from longtake.settings import Settings, list_addresses
from longtake.text.untrusted import hide_secrets, one_line

USUAL_PORTS = (8000, 8080, 30000, 1234, 11434)
"""vLLM and `transformers serve`; llama.cpp; SGLang; LM Studio; Ollama."""
SECONDS = 1.0
CONNECT_SECONDS = 0.3
MOST_MODELS = 50
MOST_LISTED = 1000
"""Of a server that a person asks about: clouds have hundreds."""
MOST_ASKED = 8
"""Models whose own facts are asked for, one by one."""

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Served:
    """A model of a server; `context_tokens` 0 and `images` None: it does not say."""

    id: str
    context_tokens: int
    images: bool | None


@dataclass(frozen=True)
class Server:
    """What answers at an address; `trouble` says why nothing is known of what it serves."""

    address: str
    kind: str
    models: tuple[Served, ...]
    trouble: str = ""


def find_servers(
    settings: Settings,
    ports: Iterable[int] = USUAL_PORTS,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> tuple[Server, ...]:
    """What answers on the ports, and at the addresses that settings and environment name.

    All are asked side by side. A port that nobody listens on is left out; a named address is not.
    """
    environment = os.environ if environment is None else environment
    addresses = _list_addresses(settings, ports, environment)
    ends = time.monotonic() + seconds
    # Each request ends by itself, and then says why; only looking up a host's name does not.
    found = run_together(
        {
            address: partial(_probe, address, key, ends, named)
            for address, (key, named) in addresses.items()
        },
        1.2 * seconds,
    )
    late = {address: _no_use(address, "gave no reply in time") for address in addresses}
    return tuple(server for server in (late | found).values() if server)


def look_at(address: str, key: str, seconds: float) -> Server:
    """The server at an address as a person writes it, without `http://` or `/v1` perhaps.

    UsageError for what is no address; what is wrong with a server stands in its `trouble`.
    """
    found = []
    for place in complete_address(address):
        ends = time.monotonic() + seconds
        found.append(_probe(place, key, ends, True, MOST_LISTED) or _no_use(place, "is silent"))
        if found[-1].models:
            return found[-1]
    # Where nothing lists models, the first that said anything says why.
    return next((server for server in found if not server.trouble), found[0])


def complete_address(text: str) -> list[str]:
    """What may be meant: as it stands and with `/v1`; what is far away is asked over TLS."""
    scheme, said, rest = text.strip().partition("://")
    if not said:
        scheme, rest = "", scheme
    rest = rest.rstrip("/")
    place = rest.partition("/")[0]
    if "@" in place:
        raise UsageError("the address holds a name or a password", "Give the key beside it.")
    if scheme not in ("", "http", "https") or re.search(r"[\s?#]", rest) or not _is_place(place):
        shown = one_line(hide_secrets(text))
        raise UsageError(f"{shown!r} is no address", "Such as http://127.0.0.1:8000/v1.")
    whole = f"{scheme or ('http' if is_near(place) else 'https')}://{rest}"
    return [whole] if rest.endswith("/v1") else [f"{whole}/v1", whole]


def _is_place(place: str) -> bool:
    """Whether it is a host, perhaps with a port."""
    try:
        parts = urlsplit(f"//{place}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_near(rest: str) -> bool:
    """Whether it is this machine, or one of a private network by its number or its plain name."""
    host = urlsplit(f"http://{rest}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


def run_together(tasks: Mapping[Key, Callable[[], Found]], seconds: float) -> dict[Key, Found]:
    """The result of each task that ends in time; the others run on, and are left out."""
    outcomes: dict[Key, Future[Found]] = {name: Future() for name in tasks}
    for name, task in tasks.items():
        # A pool would wait for the late ones when the process ends.
        threading.Thread(target=_run, args=(task, outcomes[name]), daemon=True).start()
    done, _ = wait(outcomes.values(), seconds)
    return {name: outcome.result() for name, outcome in outcomes.items() if outcome in done}


def _run(task: Callable[[], Found], outcome: "Future[Found]") -> None:
    try:
        outcome.set_result(task())
    except BaseException as error:
        outcome.set_exception(error)


def _list_addresses(
    settings: Settings, ports: Iterable[int], environment: Mapping[str, str]
) -> dict[str, tuple[str, bool]]:
    """Each address once, with the key that is for it, and whether somebody named it."""
    found: dict[str, tuple[str, bool]] = {}
    for name, key in (
        *((address, settings.api_key) for address in list_addresses(settings.base_url)),
        *(
            (address, settings.reconciler_api_key)
            for address in list_addresses(settings.reconciler_base_url)
        ),
        (_ollama_address(settings.ollama_url or environment.get("OLLAMA_HOST", "")), ""),
    ):
        if name:
            plain = re.sub(r"^(https?://)localhost(?=[:/]|$)", r"\g<1>127.0.0.1", name.rstrip("/"))
            found.setdefault(plain, (key, True))
    for port in ports:
        found.setdefault(f"http://127.0.0.1:{port}/v1", ("", False))
    return found


def _ollama_address(host: str) -> str:
    """OLLAMA_HOST as an address of its OpenAI-compatible side; empty where it can't be one."""
    try:
        return f"{read_host(host)}/v1" if host.strip() else ""
    except ValueError:
        return ""


def _probe(
    address: str, key: str, ends: float, named: bool, most: int = MOST_MODELS
) -> Server | None:
    """The server at the address; None where it was not named and nobody listens."""
    if not named and not _listens(address):
        return None
    try:
        connection = Connection(address, key, max(0.05, ends - time.monotonic()))
    except LongtakeError as error:
        return _no_use(address, error.message)
    try:
        return _read_server(connection, ends, most)
    except EngineRefused as error:
        return _no_use(address, f"refuses to list its models: {error.message}")
    except LongtakeError as error:
        return _no_use(address, error.message.removeprefix(f"{address} "))
    finally:
        connection.close()


def _no_use(address: str, trouble: str) -> Server:
    """A server of which only the trouble is known; secrets in its address are left out."""
    shown = hide_secrets(address)
    return Server(shown, "", (), trouble.replace(address, shown))


def _listens(address: str) -> bool:
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname, parts.port or 80), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _read_server(connection: Connection, ends: float, most: int) -> Server:
    listed = connection.read_any(connection.send("GET", f"{connection.address}/models"))
    entries = list_entries(listed)[:most]
    if not entries and not (isinstance(listed, dict) and listed.get("data") == []):
        return Server(connection.address, "", (), "answers, but with no list of models")
    kind = find_kind(entries)
    models = []
    for place, entry in enumerate(entries):
        left = ends - time.monotonic()
        asked = place < MOST_ASKED and left > 0
        ask = _ask_ollama if kind.title == "Ollama" else ask_about_model
        facts = entry | (ask(connection, kind, entry["id"], left) if asked else {})
        name = one_line(entry["id"])[:200]
        models.append(Served(name, find_context_tokens(facts), takes_images(facts)))
    return Server(connection.address, kind.title, tuple(models))


def _ask_ollama(connection: Connection, kind: Kind, model: str, seconds: float) -> dict[str, Any]:
    """What Ollama says of a model, under the names that `server_kinds` reads."""
    url = f"{connection.address.removesuffix('/v1')}/api/show"
    try:
        shown = connection.read(connection.send("POST", url, {"model": model}, seconds))
    except EngineError:
        return {}
    facts: dict[str, Any] = {}
    if isinstance(able := shown.get("capabilities"), list):
        facts["modalities"] = {"vision": "vision" in able}
    info = shown.get("model_info")
    for name, value in info.items() if isinstance(info, dict) else ():
        if name.endswith(".context_length") and isinstance(value, int):
            facts["context_length"] = value
    return facts
