"""The engines' one door to HTTP: one request, bounded in time and size, errors mapped.

httpx2's exceptions and a server's status codes stop here. Knows nothing of models or chats.
"""

import ipaddress
import json
import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    RequestTooLarge,
    UsageError,
)
from longtake.plain import one_line

CONNECT_SECONDS = 10.0
MOST_REPLY_BYTES = 16 << 20
"""A reply has some kilobytes, a cloud's list of models a megabyte; more is not read."""


@dataclass(frozen=True)
class Answer:
    """What came over HTTP, read whole."""

    status: int
    retry_after: str
    body: bytes


class Connection:
    """A server at one address; each request ends within the seconds given, whatever it does."""

    def __init__(self, address: str, key: str, timeout_seconds: float) -> None:
        self.address = address.rstrip("/")
        self._key = key
        self._seconds = timeout_seconds
        self._client = _open_client(_check_address(self.address), key, timeout_seconds)

    def send(self, method: str, url: str, body: dict[str, Any] | None = None) -> Answer:
        """What the server answers, of any status.

        httpx2 bounds each read, not their sum: a server that drips would hold it for ever. So it
        works in a thread, which is left behind where time runs out, and ends with its next read.
        """
        ends = time.monotonic() + self._seconds
        outcomes: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

        def work() -> None:
            try:
                outcomes.put(_exchange(self._client, method, url, body, ends))
            except Exception as error:
                outcomes.put(error)

        threading.Thread(target=work, daemon=True).start()
        with mapped_errors(self.address, self._key):
            try:
                outcome = outcomes.get(timeout=self._seconds)
            except queue.Empty:
                raise httpx2.ReadTimeout("") from None
            if isinstance(outcome, Exception):
                raise outcome
        return outcome

    def read(self, answer: Answer) -> dict[str, Any]:
        """The JSON object that came; EngineError for all but success."""
        if not 200 <= answer.status < 300:
            said = f"the server answered {answer.status}: {_error_text(answer, self._key)}"
            raise _status_error(answer, said)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise EngineFailed(
                f"{self.address} answered with something that is not JSON"
            ) from error
        if not isinstance(found, dict):
            raise EngineFailed(f"the server answered with {type(found).__name__}, not an object")
        return found

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()


def _check_address(address: str) -> str:
    """The address's host."""
    try:
        parts = urlsplit(address)
        if "@" in parts.netloc:
            raise UsageError("--base-url holds a name or a password", "Use OPENAI_API_KEY instead.")
        host = (parts.hostname or "").encode("idna").decode("ascii")
        fits = parts.scheme in ("http", "https") and host and parts.port != 0
        if fits and not (parts.query or parts.fragment) and not re.search(r"\s", address):
            return host
    except ValueError:
        pass
    raise UsageError(f"--base-url {address!r} is no address", "Such as http://127.0.0.1:8000/v1.")


def _open_client(host: str, key: str, timeout_seconds: float) -> httpx2.Client:
    """A client for that host: past the environment's proxy where the host is this machine."""
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            "the API key holds a character that can't be sent", "Look at OPENAI_API_KEY, --api-key."
        )
    shown = f"[{host}]" if ":" in host else host
    try:
        return httpx2.Client(
            timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            mounts={f"all://{shown}": None} if _is_this_machine(host) else {},
        )
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise UsageError(
            f"the proxy of the environment can't be used: {error}", "See HTTPS_PROXY, ALL_PROXY."
        ) from error


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _exchange(
    client: httpx2.Client, method: str, url: str, body: dict[str, Any] | None, ends: float
) -> Answer:
    """One request and its answer, read until `ends` (of the monotonic clock)."""
    pieces: list[bytes] = []
    size = 0
    # ASCII: broken characters are for the server to refuse.
    content = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    with client.stream(method, url, content=content, headers=headers) as response:
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > MOST_REPLY_BYTES:
                raise EngineFailed(f"the server sent more than {MOST_REPLY_BYTES >> 20} MiB")
            if time.monotonic() > ends:
                raise httpx2.ReadTimeout("")
        return Answer(
            response.status_code, response.headers.get("retry-after", ""), b"".join(pieces)
        )


@contextmanager
def mapped_errors(address: str, key: str = "") -> Iterator[None]:
    """Turn all that httpx2 raises into errors of our own."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise EngineTimeout(
            f"{address} gave no reply in time", "Raise --timeout-seconds, or lower --at-once."
        ) from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as error:
        raise UsageError(f"{address!r} is no address: {error}") from error
    except httpx2.DecodingError as error:
        raise EngineFailed(f"{address} answered with something that can't be unpacked") from error
    except (httpx2.HTTPError, httpx2.CookieConflict, RuntimeError) as error:
        # RuntimeError: the client was closed, or a stream of it.
        raise EngineUnreachable(
            f"{address} can't be reached: {_plain(str(error), key)}", "Is the server running there?"
        ) from error


def _status_error(answer: Answer, said: str) -> EngineError:
    """The error that a status other than success stands for."""
    status = answer.status
    if status in (401, 403):
        return EngineRefused(said, "Check the key: --api-key, or OPENAI_API_KEY.")
    if status == 413 or (status == 400 and _is_too_large(said)):
        return RequestTooLarge(said, "Lower --frames or --frame-side.")
    if status in (429, 503):
        return EngineBusy(said, "Lower --at-once.", _retry_after(answer))
    if status in (408, 504):
        return EngineTimeout(said)
    if status >= 500:
        return EngineFailed(said, "The server's own log says more.")
    return EngineRefused(said, "Check --base-url and the model's name.")


def _error_text(answer: Answer, key: str) -> str:
    """The server's own words."""
    try:
        found = json.loads(answer.body)
        error = found.get("error", found) if isinstance(found, dict) else found
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, RecursionError):
        text = answer.body.decode("utf-8", "replace")
    return _plain(text, key) or "nothing"


def _plain(text: str, key: str) -> str:
    """On one line, kept short, without the key; one of few letters may be any word."""
    return one_line(text.replace(key, "…") if len(key) >= 8 else text)[:300]


def _is_too_large(said: str) -> bool:
    return bool(re.search(r"context|too (long|large|many)|exceed|at most", said, re.IGNORECASE))


def _retry_after(answer: Answer) -> float | None:
    """In seconds; a date, which HTTP also allows, counts as none."""
    try:
        return max(0.0, float(answer.retry_after))
    except ValueError:
        return None
