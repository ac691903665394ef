"""Several servers of one model as one engine: the least busy is asked, one that dies is left out.

Knows no HTTP: a server is an engine that is opened at its address, and opened anew when it is back.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from longtake.errors import (
    BadReply,
    EngineBusy,
    EngineError,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    LongtakeError,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.records import Cost, ServerUsage

FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 2.0, 60.0
"""How long others go first after trouble with a server: twice as long each time in a row."""

OpenServer = Callable[[str, bool], Engine]
"""Opens the server at an address; the switch says whether to wait while it loads its model."""
NOT_NOW = (EngineUnreachable, EngineBusy, EngineTimeout)
"""Why a server may be left out at the start: it may be there later."""

LOG = logging.getLogger("longtake")


@dataclass
class _Member:
    """One of the servers; `engine` is None until it could be opened."""

    address: str
    asked: ServerUsage
    engine: Engine | None = None
    left_out: bool = True
    """Whether it can't be asked; from `rests_until` on it is tried again."""
    trying: bool = False
    rests_until: float = 0.0
    """Others go first until then."""
    failures: int = 0
    """In a row, since it answered last."""
    trouble: str = ""
    under_way: int = 0

    def load(self, now: float) -> tuple[float, float]:
        """How little it suits the next request: how long it rests, then how full its slots are."""
        width = self.engine.capabilities.width if self.engine else 1
        return max(0.0, self.rests_until - now), self.under_way / width

    def count(self, reply: Reply | None) -> None:
        """Add a request, and the reply to it, if one came."""
        cost = Cost(1)
        if reply:
            cost = Cost(1, reply.input_tokens, reply.output_tokens, reply.seconds)
        failed = self.asked.failed + (reply is None)
        self.asked = ServerUsage(self.address, self.asked.cost + cost, failed)


class ServerPool(Engine):
    """One model of several servers.

    In an answer's key stands the first address alone, as the user named it: the others are more of
    the same, so that adding one asks nothing again.
    """

    def __init__(
        self, servers: Sequence[_Member], open_server: OpenServer, clock: Callable[[], float]
    ) -> None:
        self._servers = servers
        self._open, self._clock = open_server, clock
        self._lock = threading.Lock()
        self._closed = False
        self._sees = False
        """Whether all were asked if they take images: then one that comes later is, too."""
        engines = [server.engine for server in servers if server.engine]
        super().__init__(
            name=engines[0].name,
            capabilities=_join(engines, len(servers) - len(engines)),
            options={**engines[0].options, "base_url": servers[0].address},
            why=_say_why(servers),
        )

    def answer(self, request: Request) -> Reply:
        """By the least busy; where a server is away, busy, or takes nobody's word, by the next."""
        tried: list[_Member] = []
        trouble: EngineError | None = None
        while server := self._take(tried, trouble):
            tried.append(server)
            try:
                return self._ask(server, request)
            except EngineError as error:
                _say_where(error, server)
                if not _is_for_another(error):
                    raise
                trouble = error
        away = all(server.left_out for server in self._servers)
        raise _say_unreachable(self._servers) if away or not trouble else trouble

    def count_tokens(self, text: str) -> int:
        """By the first that is there."""
        return self._first().count_tokens(text)

    def frame_tokens(self, width: int, height: int) -> int:
        """By the first that is there."""
        return self._first().frame_tokens(width, height)

    def check_sight(self) -> None:
        """UsageError with the address of one that takes no images; each is asked."""
        self._sees = True
        for server in self._servers:
            if server.left_out or not server.engine:
                continue
            try:
                server.engine.check_sight()
            except EngineUnreachable as error:
                self._set_aside(server, error)
            except LongtakeError as error:
                _say_where(error, server)
                raise
        if all(server.left_out for server in self._servers):
            raise _say_unreachable(self._servers)

    def take_usage(self) -> tuple[ServerUsage, ...]:
        """By server, in the order in which the user named them; none where none was asked."""
        with self._lock:
            usage = tuple(server.asked for server in self._servers)
            for server in self._servers:
                server.asked = ServerUsage(server.address)
        return usage if any(part.cost.requests for part in usage) else ()

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            self._closed = True
        for server in self._servers:
            if server.engine:
                server.engine.close()

    def _first(self) -> Engine:
        known = sorted(self._servers, key=lambda server: server.left_out)
        return next(server.engine for server in known if server.engine)

    def _take(self, tried: Sequence[_Member], trouble: EngineError | None) -> _Member | None:
        """The one to ask next, which has a request more from now on; None: there is no other.

        What one had no room for goes to no other that rests: it waits.
        """
        self._try_again()
        with self._lock:
            now = self._clock()
            free = [s for s in self._servers if not s.left_out and s not in tried]
            if not free:
                return None
            best = min(free, key=lambda server: server.load(now))
            if isinstance(trouble, EngineBusy) and best.rests_until > now:
                return None
            best.under_way += 1
            return best

    def _ask(self, server: _Member, request: Request) -> Reply:
        engine, reply = server.engine, None
        assert engine, "a server that is not left out is open"
        try:
            reply = engine.answer(request)
        except EngineError as error:
            if _is_of_server(error):
                self._set_aside(server, error)
            raise
        finally:
            with self._lock:
                server.under_way -= 1
                server.count(reply)
                server.failures = 0 if reply else server.failures
        if self.capabilities.schemas and not engine.capabilities.schemas:
            self.capabilities = replace(self.capabilities, schemas=False)
        return reply

    def _set_aside(self, server: _Member, error: LongtakeError) -> None:
        """Let others go first for a while; one that is away is left out until it answers again."""
        _say_where(error, server)
        with self._lock:
            now = self._clock()
            gone = not isinstance(error, EngineError) or isinstance(error, EngineUnreachable)
            if server.rests_until <= now or (gone and not server.left_out):
                server.failures += 1
                server.rests_until = now + _rest_seconds(error, server.failures)
            told = not gone or (server.left_out and server.trouble == error.message)
            server.left_out |= gone
            server.trouble = error.message
            if isinstance(error, EngineError):
                error.of_one_server = any(
                    not (s.left_out or s is server or s.rests_until > now) for s in self._servers
                )
        if not told:
            _say_left_out(server)

    def _try_again(self) -> None:
        """Open those that are left out once their rest is over; all, where nothing else is left."""
        with self._lock:
            now = self._clock()
            away = [server for server in self._servers if server.left_out]
            all_away = len(away) == len(self._servers)
            due = [s for s in away if not s.trying and (all_away or s.rests_until <= now)]
            due = [] if self._closed else due
            for server in due:
                server.trying = True
        for server in due:
            try:
                self._take_back(server)
            except LongtakeError as error:
                self._set_aside(server, error)
            finally:
                server.trying = False

    def _take_back(self, server: _Member) -> None:
        """Open it anew, for another model may be served there now, or the same with less."""
        opened = self._open(server.address, False)
        try:
            _check_fits(opened, self.capabilities, server.address)
            if self._sees:
                opened.check_sight()
        except LongtakeError:
            opened.close()
            raise
        with self._lock:
            # Requests from before may still be under way: closing would end them.
            stays = self._closed or (server.engine and server.under_way)
            ended = opened if stays else server.engine
            if not stays:
                server.engine = opened
            server.left_out = self._closed
            server.rests_until, server.trouble = 0.0, ""
        if ended:
            ended.close()
        LOG.info("%s is there, and is asked from now on", server.address)


def open_pool(
    addresses: Sequence[str],
    open_server: OpenServer,
    clock: Callable[[], float] = time.monotonic,
) -> ServerPool:
    """The servers at these addresses as one engine; those that are not there yet may come later.

    EngineUnreachable where none is there. UsageError where one serves another model.
    """
    servers = [_Member(address, ServerUsage(address)) for address in addresses]
    try:
        _open_all(servers, open_server)
        if all(server.left_out for server in servers):
            raise _say_unreachable(servers)
    except LongtakeError:
        for server in servers:
            if server.engine:
                server.engine.close()
        raise
    for server in servers:
        if server.left_out:
            _say_left_out(server)
            server.rests_until = clock() + FIRST_REST_SECONDS
    return ServerPool(servers, open_server, clock)


def _open_all(servers: Sequence[_Member], open_server: OpenServer) -> None:
    """Open those that are there; where none is ready, the first that is loading is waited for."""
    loading: list[_Member] = []
    for server in servers:
        try:
            _open_first(server, servers, open_server, patient=False)
        except NOT_NOW as error:
            server.trouble = error.message
            loading += [server] if isinstance(error, EngineBusy) else []
    if loading and all(server.left_out for server in servers):
        _open_first(loading[0], servers, open_server, patient=True)


def _open_first(
    server: _Member, servers: Sequence[_Member], open_server: OpenServer, *, patient: bool
) -> None:
    """Open it for the first time; an error names the server, and who serves another model."""
    try:
        server.engine = open_server(server.address, patient)
        server.left_out = False
    except LongtakeError as error:
        _say_where(error, server)
        other = next((known for known in servers if known.engine), None)
        if other and other.engine and isinstance(error, UsageError):
            error.hint += (
                f" {other.address} serves {other.engine.name.partition(':')[2]}: all of --base-url"
                " must serve the same model."
            )
        raise


def _join(engines: Sequence[Engine], away: int) -> Capabilities:
    """What all of them can take; those that are away count among what may be tried at once."""
    able = [engine.capabilities for engine in engines]
    images = [each.images for each in able if each.images is not None]
    widest = [max(each.width, each.widest) for each in able]
    return replace(
        able[0],
        images=min(images, default=None),
        context_tokens=min(each.context_tokens for each in able),
        width=sum(each.width for each in able),
        widest=sum(widest) + away * min(widest),
        schemas=all(each.schemas for each in able),
    )


def _check_fits(opened: Engine, planned: Capabilities, address: str) -> None:
    """UsageError for a server that takes less than the requests were planned for."""
    able = opened.capabilities
    if able.context_tokens < planned.context_tokens:
        raise UsageError(
            f"{address} has a context of {able.context_tokens} tokens, less than the"
            f" {planned.context_tokens} that the requests are planned for"
        )
    if able.images is not None and (planned.images is None or able.images < planned.images):
        most = "" if able.images == 0 else f" more than {able.images}"
        raise UsageError(f"{address} takes no{most} images, and the others do")


def _is_for_another(error: EngineError) -> bool:
    """Whether it is the server's own trouble, and no work was done: another may do better."""
    refused = isinstance(error, EngineRefused) and not error.perhaps_too_much
    return refused or isinstance(error, EngineUnreachable | EngineBusy)


def _is_of_server(error: EngineError) -> bool:
    """Whether the server may be the reason, and not the request."""
    refused = isinstance(error, EngineRefused) and error.perhaps_too_much
    return not (refused or isinstance(error, RequestTooLarge | BadReply))


def _rest_seconds(error: LongtakeError, failures: int) -> float:
    """As the server asks for, else longer with each failure in a row."""
    if isinstance(error, EngineBusy) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_REST_SECONDS)
    return min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** min(failures - 1, 10))


def _say_where(error: LongtakeError, server: _Member) -> None:
    if server.address not in error.message:
        error.message = f"{server.address}: {error.message}"


def _say_left_out(server: _Member) -> None:
    LOG.info("%s; it is left out, and tried again", server.trouble)


def _say_unreachable(servers: Sequence[_Member]) -> EngineUnreachable:
    said = "; ".join(server.trouble for server in servers)
    return EngineUnreachable(
        f"none of the servers is there: {said}",
        "Are they running there? `longtake doctor` lists the servers that answer here.",
    )


def _say_why(servers: Sequence[_Member]) -> str:
    whys = "; ".join(server.engine.why for server in servers if server.engine)
    away = ", ".join(server.address for server in servers if server.left_out)
    return f"{len(servers)} servers: {whys}{f'; not there yet: {away}' if away else ''}"
