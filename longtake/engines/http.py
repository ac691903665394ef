"""The engines' one door to HTTP: one request, bounded in time and size, errors mapped.

httpx2's exceptions and a server's status codes stop here. Knows nothing of models or chats.
"""

import functools
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from longtake.engines.refusals import Refusal, find_error
from longtake.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    UsageError,
)
from longtake.text.untrusted import hide_secrets, one_line

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 4.0
"""Connections are used again within this time: uvicorn, below vLLM, closes them after five."""
TICK_SECONDS = 0.1
MOST_REPLY_BYTES = 16 << 20
"""A reply has some kilobytes, a cloud's list of models a megabyte; more is not read."""
MOST_ERROR_BYTES = 1 << 16
LEAST_BYTES, PACE_SECONDS = 100, 20.0
"""What a reply that has begun brings at least in so long a time."""


@dataclass(frozen=True)
class Response:
    """What came over HTTP, read whole."""

    status: int
    retry_after: str
    body: bytes

    @property
    def words(self) -> str:
        """What an error's body says, in full and as it came."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return self.body.decode("utf-8", "replace")
        found = found[0] if isinstance(found, list) and len(found) == 1 else found  # Gemini
        error = found.get("error", found) if isinstance(found, dict) else found
        return str(error.get("message", error) if isinstance(error, dict) else error)

    @property
    def start(self) -> str:
        """The body as text, as far as anything is looked for in an error's."""
        return self.body[:MOST_ERROR_BYTES].decode("utf-8", "replace")


class Connection:
    """A server at one address; each request ends within the seconds given, whatever it does.

    httpx2 bounds each read, not their sum: a server that drips would hold it for ever. So one
    thread watches all requests under way, and shuts the socket of a late one. A reply that has
    begun is late as soon as less comes of it than LEAST_BYTES in `pace_seconds`.
    """

    def __init__(self, address: str, key: str, timeout_seconds: float) -> None:
        self.address = address.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self.keep_alive = True
        """Whether a connection serves for the next request, too."""
        self.pace_seconds = PACE_SECONDS
        self._key = key
        self._host = check_address(self.address)
        self._lock = threading.Lock()
        self._idle = [_Client(self._host, key, timeout_seconds)]
        self._busy: set[_Client] = set()
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def send(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Response:
        """What the server answers, of any status; `seconds` where less than usual will do."""
        seconds = min(seconds or self.timeout_seconds, self.timeout_seconds)
        ends = time.monotonic() + seconds
        with mapped_errors(self.address, self._key):
            client = self._take_client(_ReplyPace(ends, self.pace_seconds))
            try:
                answer = client.exchange(method, url, body, seconds, self.keep_alive)
            except BaseException as error:
                self._release(client, broken=True)
                if self._closed.is_set() and isinstance(error, Exception):
                    raise EngineRefused(f"the connection to {self.address} was closed") from error
                if isinstance(error, Exception) and time.monotonic() >= client.pace.ends:
                    raise self._say_late(client.pace, ends) from error
                raise
            self._release(client, broken=False)
            return answer

    def read(self, answer: Response) -> dict[str, Any]:
        """The JSON object that came; EngineError for all but success."""
        found = self.read_any(answer)
        if not isinstance(found, dict):
            raise EngineFailed(f"the server answered with {type(found).__name__}, not an object")
        return found

    def read_any(self, answer: Response) -> Any:
        """The JSON that came, of whatever form; EngineError for all but success."""
        if not 200 <= answer.status < 300:
            raise self._status_error(answer)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise EngineFailed(
                f"{self.address} answered with something that is not JSON"
            ) from error
        if wrong := found.get("error") if isinstance(found, dict) else None:
            # OpenRouter, among others, begins with success before it knows better.
            code = wrong.get("code") if isinstance(wrong, dict) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise self._status_error(Response(status, "", answer.body))
        return found

    def show(self, text: str) -> str:
        """A server's text on one line, at most 300 characters, without the key."""
        return _plain(text, self._key)

    def close(self) -> None:
        """Drop the connections; requests under way end with an error."""
        self._closed.set()
        with self._lock:
            idle, self._idle = self._idle, []
            for client in self._busy:
                client.shut()
        for client in idle:
            client.close()

    def _status_error(self, answer: Response) -> EngineError:
        """The error for an answer whose status is no success, by its status and text."""
        said = f"the server answered {answer.status}: {self.show(answer.words) or 'nothing'}"
        return find_error(
            Refusal(answer.status, answer.words, answer.start, answer.retry_after), said
        )

    def _say_late(self, pace: "_ReplyPace", ends: float) -> Exception:
        if pace.ends == ends:
            return httpx2.ReadTimeout("")
        return EngineTimeout(
            f"{self.address} sends its reply too slowly: less than {LEAST_BYTES} bytes in"
            f" {self.pace_seconds:g} s",
            "Look at the server, and at the network on the way to it.",
        )

    def _take_client(self, pace: "_ReplyPace") -> "_Client":
        with self._lock:
            if self._closed.is_set():
                raise EngineRefused(f"the connection to {self.address} is closed")
            if self._idle:
                client = self._idle.pop()
            else:
                client = _Client(self._host, self._key, self.timeout_seconds)
            client.pace = pace
            self._busy.add(client)
            if self._watch is None:
                self._watch = threading.Thread(target=self._shut_late_ones, daemon=True)
                self._watch.start()
        return client

    def _release(self, client: "_Client", *, broken: bool) -> None:
        with self._lock:
            self._busy.discard(client)
            keep = not broken and not self._closed.is_set()
            if keep:
                self._idle.append(client)
        if not keep:
            client.close()

    def _shut_late_ones(self) -> None:
        """In a thread of its own, until the connection is closed and nothing is under way."""
        while not self._closed.wait(TICK_SECONDS) or self._busy:
            with self._lock:
                for client in self._busy:
                    if self._closed.is_set() or time.monotonic() >= client.pace.ends:
                        client.shut()
            if self._closed.is_set():
                time.sleep(TICK_SECONDS)


@dataclass
class _ReplyPace:
    """When a reply must have ended, or gone on: moved along by what comes of it."""

    last: float
    seconds: float
    came: int = 0
    began: bool = False

    def __post_init__(self) -> None:
        self.ends = self.last

    def take(self, piece: bytes) -> None:
        """Blanks before a reply keep a connection alive while the model works: it begins later."""
        if not (self.began or piece.strip()):
            return
        self.came += len(piece)
        if not self.began or self.came >= LEAST_BYTES:
            self.began, self.came = True, 0
            self.ends = min(self.last, time.monotonic() + self.seconds)


class _Client:
    """A client for one request at a time, so that its socket is known.

    It goes past the environment's proxy where the host is this machine.
    """

    def __init__(self, host: str, key: str, timeout_seconds: float) -> None:
        if not (key.isascii() and key.isprintable()):
            raise UsageError(
                "the API key holds a character that can't be sent",
                "Look at OPENAI_API_KEY, --api-key.",
            )
        bracketed = f"[{host}]" if ":" in host else host
        try:
            self._client = httpx2.Client(
                verify=_load_trusted(),
                timeout=timeout_seconds,
                limits=httpx2.Limits(keepalive_expiry=IDLE_SECONDS),
                headers={"Authorization": f"Bearer {key}"} if key else {},
                mounts={f"all://{bracketed}": None} if _is_this_machine(host) else {},
            )
        except (ImportError, ValueError, httpx2.InvalidURL) as error:
            raise UsageError(
                f"the proxy of the environment can't be used: {error}",
                "See HTTPS_PROXY, ALL_PROXY.",
            ) from error
        self.close = self._client.close
        self.pace = _ReplyPace(0.0, 0.0)
        self._socket: socket.socket | None = None

    def exchange(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        seconds: float,
        keep_alive: bool,
    ) -> Response:
        """One request and its answer."""
        pieces: list[bytes] = []
        size = 0
        headers = {"Content-Type": "application/json"}
        if not keep_alive:
            headers["Connection"] = "close"
        with self._client.stream(
            method,
            url,
            # ASCII: broken characters are for the server to refuse.
            content=None if body is None else json.dumps(body),
            headers=headers,
            timeout=httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            extensions={"trace": self._note_socket},
        ) as response:
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > MOST_REPLY_BYTES:
                    raise EngineFailed(f"the server sent more than {MOST_REPLY_BYTES >> 20} MiB")
                if time.monotonic() > self.pace.ends:
                    raise httpx2.ReadTimeout("")
                self.pace.take(piece)
            retry_after = response.headers.get("retry-after", "")
            return Response(response.status_code, retry_after, b"".join(pieces))

    def shut(self) -> None:
        """End what is under way: a read or write of another thread returns at once."""
        if self._socket:
            with suppress(OSError):
                # Not the method of a TLS socket, which takes it apart under the other's hands.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")


def check_address(address: str) -> str:
    """The host in it; UsageError for what is no address."""
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
    shown = hide_secrets(address)
    raise UsageError(f"--base-url {shown!r} is no address", "Such as http://127.0.0.1:8000/v1.")


@functools.cache
def _load_trusted() -> ssl.SSLContext:
    """The trusted TLS certificates; read once, for that takes a while."""
    return httpx2.create_ssl_context()


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@contextmanager
def mapped_errors(address: str, key: str = "") -> Iterator[None]:
    """Turn all that httpx2 raises into errors of our own."""
    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise EngineUnreachable(
            f"{address} can't be reached: no connection in {CONNECT_SECONDS:g} s",
            "Is the machine on, and does a firewall let the connection through?",
        ) from error
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
            f"{address} can't be reached: {_plain(str(error), key)}",
            "Is the server running there? `longtake doctor` lists the servers that answer here.",
        ) from error


def _plain(text: str, key: str) -> str:
    """As `Connection.show`; a key of less than eight letters stays, for it may be any word."""
    return one_line(text.replace(key, "…") if len(key) >= 8 else text)[:300]
