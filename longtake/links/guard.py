"""The one way to the network for what a link brings: a proxy that refuses private addresses.

It resolves each name itself and connects to the very address that it checked, so that redirects,
segments of a stream and names whose address changes between two lookups lead nowhere else.
"""

import base64
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from longtake.links.addresses import is_of_this_machine, is_private

CONNECT_SECONDS = 15.0
IDLE_SECONDS = 60.0
SLOW_SECONDS, LEAST_BYTES = 20.0, 20_000
"""Of an answer that is waited for so long, so much has come at least; a site's own time-out sees
only whether anything came.
"""
MOST_SLOW = 2
"""Connections that drip, before a host is asked no more: the first may be the network's fault."""
END_SECONDS = 2.0
"""A look-up of a name can't be ended: its thread is left to itself."""
BLOCK_BYTES = 1 << 17
MOST_HEAD_BYTES = 1 << 16
METHODS = ("GET", "HEAD", "POST")
DROPPED = (b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive")

Resolve = Callable[..., Any]


class _TooSlow(Exception):
    """An answer drips."""


class _TooMuch(Exception):
    """An answer is larger than there is room for."""


class _Refused(Exception):
    """What the proxy answers in place of the host that was asked for: a status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Guard:
    """The proxy's address, with its password, and the hosts that it refused or could not reach."""

    allow_private: bool
    resolve: Resolve
    url: str = ""
    secret: str = ""
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Hosts whose name is not known, or that do not answer, and why."""
    is_ours: Callable[[str], bool] = is_of_this_machine
    slow_seconds: float = SLOW_SECONDS
    slow: list[str] = field(default_factory=list)
    """Hosts that dripped, each time."""
    room: float = float("inf")
    """Bytes that may still come, in all."""
    flooded: list[str] = field(default_factory=list)
    """Hosts that sent more."""
    open: set[socket.socket] = field(default_factory=set)

    def reach(self, host: str, port: int) -> socket.socket:
        """A connection to the host's first address that answers; none where any is private."""
        if self.slow.count(host) >= MOST_SLOW:
            raise _Refused(503, f"{host} sends too slowly")
        try:
            found = self.resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            self.failed.append(f"name {host}: {error}")
            raise _Refused(502, f"the name {host} is not known") from None
        addresses = [(entry[0], entry[4]) for entry in found]
        if not self.allow_private and any(self._is_closed(str(a[0])) for _, a in addresses):
            self.refused.append(host)
            raise _Refused(403, f"{host} is a private address")
        why: OSError | str = "it has no address"
        for family, address in addresses:
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.settimeout(CONNECT_SECONDS)
            try:
                connection.connect(address)
            except OSError as error:
                connection.close()
                why = error
                continue
            connection.settimeout(IDLE_SECONDS)
            return connection
        self.failed.append(f"{host}: {why}")
        raise _Refused(502, f"{host} does not answer: {why}")

    def _is_closed(self, address: str) -> bool:
        return is_private(address) or self.is_ours(address)


@contextmanager
def open_guard(
    allow_private: bool = False,
    resolve: Resolve = socket.getaddrinfo,
    slow_seconds: float = SLOW_SECONDS,
) -> Iterator[Guard]:
    """A proxy on this machine for one load; its connections end with it.

    Proxies of the environment are not followed: behind one, names could not be checked.
    """
    secret = secrets.token_urlsafe(18)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"http://guard:{secret}@127.0.0.1:{port}"
        guard = Guard(allow_private, resolve, url, secret, slow_seconds=slow_seconds)
        thread = threading.Thread(target=_accept, args=(server, guard), daemon=True)
        thread.start()
        try:
            yield guard
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            ends = time.monotonic() + END_SECONDS
            while thread.is_alive() and time.monotonic() < ends:
                for connection in tuple(guard.open):  # one may just have come
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                thread.join(0.05)


def _accept(server: socket.socket, guard: Guard) -> None:
    """One thread a connection, until the server is shut down; then until they have ended."""
    threads: list[threading.Thread] = []
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            break
        guard.open.add(client)
        threads = [thread for thread in threads if thread.is_alive()]
        threads.append(threading.Thread(target=_serve, args=(client, guard), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join(END_SECONDS)


def _serve(client: socket.socket, guard: Guard) -> None:
    """One request: what it asks for is reached, and bytes go both ways until one side ends."""
    with client:
        client.settimeout(IDLE_SECONDS)
        try:
            head, rest = _read_head(client)
            host, port, first, body = _read_request(head, guard)
            with guard.reach(host, port) as far:
                guard.open.add(far)
                try:
                    if body is None:
                        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                    far.sendall(first + rest[:body])
                    left = None if body is None else body - len(rest[:body])
                    _pump(client, far, left, _HostPace(guard))
                except _TooSlow:
                    guard.slow.append(host)
                except _TooMuch:
                    guard.flooded.append(host)
                finally:
                    guard.open.discard(far)
        except _Refused as refused:
            with suppress(OSError):
                client.sendall(_answer(refused))
        except OSError:
            pass  # either side has gone; the other sees its connection end
        finally:
            guard.open.discard(client)


def _answer(refused: _Refused) -> bytes:
    words = str(refused).encode("utf-8", "replace")
    wants = b"Proxy-Authenticate: Basic\r\n" if refused.status == 407 else b""
    return (
        f"HTTP/1.1 {refused.status} Refused by Longtake\r\nX-Longtake-Guard: 1\r\n".encode()
        + wants
        + b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        + f"Content-Length: {len(words)}\r\n\r\n".encode()
        + words
    )


def _read_head(client: socket.socket) -> tuple[list[bytes], bytes]:
    """The lines up to the empty one, and what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = client.recv(BLOCK_BYTES)
        if not block:
            raise ConnectionError("the request ended in its head")
        data += block
        if len(data) > MOST_HEAD_BYTES + BLOCK_BYTES:
            raise _Refused(431, "the head of the request is too long")
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), rest


def _read_request(head: list[bytes], guard: Guard) -> tuple[str, int, bytes, int | None]:
    """Host and port that are asked for, what to send there first, and how many bytes follow.

    None, of a tunnel, is as many as come.
    """
    fields = [line.partition(b":") for line in head[1:]]
    given = {name.strip().lower(): value.strip() for name, _, value in fields}
    wanted = b"Basic " + base64.b64encode(f"guard:{guard.secret}".encode())
    if not secrets.compare_digest(given.get(b"proxy-authorization", b""), wanted):
        raise _Refused(407, "this proxy is for one load alone")
    try:
        method, target, _ = head[0].decode("ascii").split(" ")
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{target}" if tunnel else target)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _Refused(400, "the request can't be read") from None
    if not host or not (tunnel or (parts.scheme == "http" and method in METHODS)):
        raise _Refused(400, "the request is of a kind that is not served")
    if tunnel:
        return host, port or 443, b"", None
    length = given.get(b"content-length", b"0")
    if b"transfer-encoding" in given or not length.isdigit():
        raise _Refused(411, "the request does not say how long it is")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    first = _end_head([f"{method} {path} HTTP/1.1".encode(), *head[1:]])
    return host, port or 80, first, int(length)


def _end_head(lines: Sequence[bytes]) -> bytes:
    """A head that says that its connection ends: no second request is served on it."""
    kept = [line for line in lines[1:] if line.partition(b":")[0].strip().lower() not in DROPPED]
    return b"\r\n".join([lines[0], *kept, b"Connection: close"]) + b"\r\n\r\n"


@dataclass
class _HostPace:
    """What has come of an answer, and how long it was waited for; what the client does is no wait.

    After a silence so long that the client has given up, or is done, all begins anew.
    """

    guard: Guard
    waited: float = 0.0
    came: int = 0

    def wait(self, selector: selectors.BaseSelector) -> list[tuple[selectors.SelectorKey, int]]:
        """Which side has something to say; none after a long while."""
        began = time.monotonic()
        ready = selector.select(IDLE_SECONDS)
        waited = time.monotonic() - began
        self.waited += waited
        if waited >= self.guard.slow_seconds:
            self.start_anew()
        return ready

    def take(self, size: int) -> None:
        """So much has come; _TooSlow where that is too little by now, _TooMuch without room."""
        self.guard.room -= size
        if self.guard.room < 0:
            raise _TooMuch
        self.came += size
        if self.came >= LEAST_BYTES:
            self.start_anew()
        elif self.waited >= self.guard.slow_seconds:
            raise _TooSlow

    def start_anew(self) -> None:
        self.came, self.waited = 0, 0.0


def _pump(client: socket.socket, far: socket.socket, body: int | None, pace: _HostPace) -> None:
    """Bytes both ways until the far side ends, the client has gone, or neither says anything.

    After `body` bytes the client has said all: what it sends on a connection that the far side
    keeps open may be meant for another host, with its cookies and our password.
    """
    answer = None if body is None else b""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        selector.register(far, selectors.EVENT_READ)
        while ready := pace.wait(selector):
            for key, _ in ready:
                if key.fileobj is far:
                    block = far.recv(BLOCK_BYTES)
                    if not block:
                        client.sendall(answer or b"")
                        return
                    pace.take(len(block))
                    if answer is not None:
                        answer, block = _change_head(answer + block)
                    client.sendall(block)
                    continue
                block = client.recv(BLOCK_BYTES)
                pace.start_anew()
                if not block:
                    selector.unregister(client)
                    with suppress(OSError):
                        far.shutdown(socket.SHUT_WR)
                elif body is None or len(block) <= body:
                    body = None if body is None else body - len(block)
                    far.sendall(block)
                else:
                    return


def _change_head(answer: bytes) -> tuple[bytes | None, bytes]:
    """What is still kept back of an answer whose head has not ended, and what may go on."""
    passed = b""
    while answer.startswith(b"HTTP/1.1 1") and b"\r\n\r\n" in answer:  # the answer itself follows
        first, _, answer = answer.partition(b"\r\n\r\n")
        passed += first + b"\r\n\r\n"
    head, ended, rest = answer.partition(b"\r\n\r\n")
    if ended:
        return None, passed + _end_head(head.split(b"\r\n")) + rest
    return (answer, passed) if len(answer) <= MOST_HEAD_BYTES else (None, passed + answer)
