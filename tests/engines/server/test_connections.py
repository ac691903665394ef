"""Connections that are refused, break, drag on or are closed, and many at once."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from longtake.engines.http import MOST_REPLY_BYTES, Connection
from longtake.engines.server import open_server
from longtake.errors import (
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from longtake.inference.engine import Request
from longtake.settings import Settings
from tests.engines.server.opened import CHUNKED, KEY, QUESTION, error_of, open_at
from tests.servers import (
    CHAT,
    MODEL,
    MODELS,
    Act,
    Answer,
    Asked,
    ScriptedServer,
    as_chat,
    as_models,
    babble,
    cut,
    drip,
    drop,
    echo,
    hang,
)


def test_refused_connection_is_unreachable() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineUnreachable, match=f"127.0.0.1:{port}") as caught:
        open_server("", Settings(base_url=f"http://127.0.0.1:{port}/v1"))
    assert caught.value.retry and "running" in caught.value.hint


@pytest.mark.parametrize("route", [drop, cut, babble, echo])
def test_broken_connection_is_unreachable(server: ScriptedServer, route: Act) -> None:
    error = error_of(server, route, api_key=KEY)
    assert isinstance(error, EngineUnreachable) and error.retry
    assert KEY not in error.message


def test_engine_serves_again_after_a_broken_connection(server: ScriptedServer) -> None:
    server.set(CHAT, drop, cut, as_chat("A cat."))
    with open_at(server) as engine:
        for _ in range(2):
            with pytest.raises(EngineUnreachable):
                engine.answer(QUESTION)
        assert engine.answer(QUESTION).text == "A cat."


SLOW = {
    "says nothing": hang(3),
    "drips its body": drip(CHUNKED, b"1\r\n \r\n", 0.05, 3),
    "drips its headers": drip(b"HTTP/1.1 200 OK\r\n", b"X", 0.05, 3),
    "drips its status": drip(b"", b"H", 0.05, 3),
    "is still processing": drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.05, 3),
}


@pytest.mark.parametrize("way", SLOW)
def test_time_runs_out_however_a_server_is_slow(server: ScriptedServer, way: str) -> None:
    server.set(CHAT, SLOW[way])
    with open_at(server, timeout_seconds=0.4) as engine:
        started = time.monotonic()
        with pytest.raises(EngineTimeout) as caught:
            engine.answer(QUESTION)
        assert 0.3 < time.monotonic() - started < 2
        assert caught.value.retry and "--timeout-seconds" in caught.value.hint
        server.set(CHAT, as_chat("A cat."))
        assert engine.answer(QUESTION).text == "A cat."


ENDLESS = {
    "a reply of a byte now and then": drip(CHUNKED, b"1\r\nx\r\n", 0.05, 5),
    "a reply that stops in its middle": drip(CHUNKED + b"2\r\n{ \r\n", b"", 0.05, 5),
}


@pytest.mark.parametrize("way", ENDLESS)
def test_reply_that_drips_is_given_up_long_before_its_time_is_over(
    server: ScriptedServer, way: str
) -> None:
    server.set("/v1/slow", ENDLESS[way])
    with closing(Connection(server.base_url, "", 30)) as connection:
        connection.pace_seconds = 0.4
        started = time.monotonic()
        with pytest.raises(EngineTimeout, match=r"too slowly: less than 100 bytes in 0\.4 s"):
            connection.send("GET", f"{server.base_url}/slow")
        assert time.monotonic() - started < 2
        server.set("/v1/good", as_chat("A cat."))
        assert connection.send("GET", f"{server.base_url}/good").status == 200


def test_blanks_before_a_reply_and_a_slow_network_are_no_dripping(server: ScriptedServer) -> None:
    """Some send a blank line now and then until the model has an answer."""

    def answer_late(asked: Asked, connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        for piece in [b"\n"] * 20 + [b"x" * 60] * 10:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.1)
        connection.sendall(b"0\r\n\r\n")

    server.set("/v1/late", answer_late)
    with closing(Connection(server.base_url, "", 30)) as connection:
        connection.pace_seconds = 1.2
        assert connection.send("GET", f"{server.base_url}/late").body.strip() == b"x" * 600


def test_short_question_does_not_wait_as_long_as_a_chat(server: ScriptedServer) -> None:
    server.set("/v1/short", hang(3))
    server.set("/v1/slow", SLOW["drips its body"])
    with closing(Connection(server.base_url, "", 30)) as connection:
        for path in ("short", "slow"):
            started = time.monotonic()
            with pytest.raises(EngineTimeout):
                connection.send("GET", f"{server.base_url}/{path}", seconds=0.3)
            assert time.monotonic() - started < 1.5


def test_late_reply_does_not_hurt_another_that_is_under_way(server: ScriptedServer) -> None:
    def answer_in_time(asked: Asked, connection: socket.socket) -> Answer:
        time.sleep(0.5)
        return as_chat("A cat.")

    server.set("/v1/slow", SLOW["drips its headers"])
    server.set(CHAT, answer_in_time)
    with (
        open_at(server) as engine,
        closing(Connection(server.base_url, "", 0.2)) as hasty,
        ThreadPoolExecutor(2) as pool,
    ):
        patient = pool.submit(engine.answer, QUESTION)
        late = pool.submit(hasty.send, "GET", f"{server.base_url}/slow")
        assert isinstance(late.exception(), EngineTimeout)
        assert patient.result().text == "A cat."


def test_closing_ends_what_is_under_way(server: ScriptedServer) -> None:
    under_way = threading.Event()

    def answer_late(asked: Asked, connection: socket.socket) -> None:
        under_way.set()
        time.sleep(3)

    server.set(CHAT, answer_late)
    engine = open_at(server)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(engine.answer, QUESTION)
        assert under_way.wait(5)
        started = time.monotonic()
        engine.close()
        assert isinstance(asking.exception(), EngineRefused)
        assert time.monotonic() - started < 1.5


def test_sixty_four_requests_are_under_way_at_once(server: ScriptedServer) -> None:
    all_here = threading.Barrier(64)

    def answer_together(asked: Asked, connection: socket.socket) -> Answer:
        all_here.wait(timeout=10)
        return as_chat(asked.json["messages"][-1]["content"][0]["text"])

    server.set(CHAT, answer_together)
    with open_at(server) as engine, ThreadPoolExecutor(64) as pool:
        assert engine.capabilities.widest == 64
        texts = [f"number {number}" for number in range(64)]
        replies = list(pool.map(lambda text: engine.answer(Request("s", (text,))).text, texts))
    assert replies == texts


def test_connections_are_used_again(server: ScriptedServer) -> None:
    peers: list[object] = []

    def note_peer(asked: Asked, connection: socket.socket) -> Answer:
        peers.append(connection.getpeername())
        return as_chat("A cat.")

    server.set(CHAT, note_peer)
    with open_at(server) as engine, ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            engine.answer(QUESTION)
        assert len(set(peers)) == 1
        list(pool.map(lambda _: engine.answer(QUESTION), range(40)))
    assert len(peers) == 45 and len(set(peers)) <= 4


def test_llama_cpp_is_not_left_with_connections_that_hold_its_threads(
    server: ScriptedServer,
) -> None:
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "llamacpp", "meta": {"n_ctx": 1024}}))
    with open_at(server) as engine:
        engine.answer(QUESTION)
    assert [asked.headers.get("Connection") for asked in server.asked][1:] == ["close"] * 2


def test_endless_body_is_not_read_to_its_end(server: ScriptedServer) -> None:
    piece = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    server.set(CHAT, drip(CHUNKED, piece, 0.0, 20))
    with open_at(server) as engine, pytest.raises(EngineFailed, match="more than 16 MiB"):
        engine.answer(QUESTION)
    assert MOST_REPLY_BYTES == 16 << 20


def test_closed_engine_answers_with_an_error_of_ours(server: ScriptedServer) -> None:
    engine = open_at(server)
    engine.close()
    engine.close()
    with pytest.raises(EngineRefused, match="is closed") as caught:
        engine.answer(QUESTION)
    assert not caught.value.retry
    assert engine.count_tokens("four") == 4
