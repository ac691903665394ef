"""Several servers as one engine: who is asked, who is left out, and when it is asked again."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from longtake.engines.http import Connection
from longtake.engines.server import ServerEngine, open_server
from longtake.engines.server_pool import LONGEST_REST_SECONDS, ServerPool, open_pool
from longtake.errors import (
    EngineBusy,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Request
from longtake.records import Cost, ServerUsage
from longtake.settings import Settings
from tests.engines.server.opened import KEY, QUESTION, refuse_images
from tests.servers import (
    CHAT,
    MODEL,
    MODELS,
    Act,
    Answer,
    Asked,
    Route,
    ScriptedServer,
    as_chat,
    as_error,
    as_json,
    as_models,
    drop,
    hang,
    serve,
)

TINY = as_models({"id": MODEL, "max_model_len": 4096})
CAT = as_chat("A cat.")


@pytest.fixture
def servers() -> Iterator[list[ScriptedServer]]:
    """Three of the same model."""
    with ExitStack() as running:
        yield [running.enter_context(serve()) for _ in range(3)]


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Opened:
    """How a pool of a test is opened, and its clock."""

    clock: Clock = field(default_factory=Clock)
    seconds: float = 5.0

    def open(self, servers: Sequence[ScriptedServer]) -> ServerPool:
        return open_pool([server.base_url for server in servers], self.open_one, self.clock)

    def open_one(self, address: str, patient: bool) -> ServerEngine:
        server = Connection(address, KEY, self.seconds)
        return ServerEngine(server, MODEL, Settings(), patient=patient)


def name_all(servers: Sequence[ScriptedServer]) -> Settings:
    return Settings(base_url=",".join(server.base_url for server in servers))


def count(servers: Sequence[ScriptedServer]) -> list[int]:
    """How many chats each was asked for."""
    return [len(server.chats) for server in servers]


def die(server: ScriptedServer) -> None:
    """It closes each connection without a word from now on."""
    server.set(MODELS, drop)
    server.set(CHAT, drop)


def come_back(server: ScriptedServer, models: Route = TINY) -> None:
    server.set(MODELS, models)
    server.set(CHAT, CAT)


def set_slots(server: ScriptedServer, slots: int) -> None:
    """As llama.cpp's server says how many requests it answers side by side."""
    server.set(MODELS, as_models({"id": MODEL, "owned_by": "llamacpp"}))
    server.set(f"/props?model={MODEL}", as_json({"total_slots": slots}))


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def wait_for(gate: threading.Event) -> Act:
    def answer(asked: Asked, connection: socket.socket) -> Answer:
        assert gate.wait(10)
        return CAT

    return answer


def test_request_goes_to_the_server_with_the_fewest_under_way(
    servers: list[ScriptedServer],
) -> None:
    gate = threading.Event()
    servers[0].set(CHAT, wait_for(gate))
    with open_server("", name_all(servers[:2])) as engine, ThreadPoolExecutor(1) as other:
        slow = other.submit(engine.answer, QUESTION)
        until(lambda: servers[0].chats)
        for _ in range(5):
            assert engine.answer(QUESTION).text == "A cat."
        assert count(servers[:2]) == [1, 5] and not slow.done()
        gate.set()
        assert slow.result().text == "A cat."


def test_server_with_three_slots_gets_three_times_as_many(servers: list[ScriptedServer]) -> None:
    gate = threading.Event()
    for server, slots in zip(servers, (1, 3), strict=False):
        set_slots(server, slots)
        server.set(CHAT, wait_for(gate))
    with open_server("", name_all(servers[:2])) as engine:
        width = engine.capabilities.width
        assert (width, engine.capabilities.widest) == (4, 4)
        with ThreadPoolExecutor(width) as pool:
            asked = [pool.submit(engine.answer, QUESTION) for _ in range(width)]
            until(lambda: sum(count(servers)) == width)
            assert count(servers[:2]) == [1, 3]
            gate.set()
            assert [one.result().text for one in asked] == ["A cat."] * 4


def test_what_is_under_way_at_a_server_that_dies_is_all_that_is_asked_twice(
    servers: list[ScriptedServer],
) -> None:
    servers[0].set(CHAT, CAT, CAT, drop)
    with Opened().open(servers) as engine, ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(engine.answer, QUESTION) for _ in range(40)]
        assert {one.result().text for one in asked} == {"A cat."}
        by_server = engine.take_usage()
    died = by_server[0].failed
    assert 1 <= died <= 4 and len(servers[0].chats) == 2 + died
    assert sum(count(servers)) == 40 + died
    assert [usage.failed for usage in by_server[1:]] == [0, 0]


def test_server_that_died_is_tried_again_after_a_while_and_then_asked(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        die(first)
        engine.answer(QUESTION)
        asked = len(first.asked)
        come_back(first)
        engine.answer(QUESTION)
        assert len(first.asked) == asked
        opened.clock.now += 3
        engine.answer(QUESTION)
        assert [one.path for one in first.asked[asked:]] == [MODELS, CHAT]
    left, back = caplog.messages
    assert left.startswith(f"{first.base_url} can't be reached: ")
    assert left.endswith("; it is left out, and tried again")
    assert back == f"{first.base_url} is there, and is asked from now on"


def test_server_that_stays_away_is_tried_ever_more_seldom_and_told_of_once(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        die(first)
        tries = []
        for second_of_hour in range(3600):
            opened.clock.now = float(second_of_hour)
            before = len(first.asked)
            engine.answer(QUESTION)
            if len(first.asked) > before:
                tries.append(second_of_hour)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits[:6] == [2, 4, 8, 16, 32, 60] and set(waits[6:]) == {LONGEST_REST_SECONDS}
    assert len(second.chats) == 3600 and len(caplog.messages) == 1


def test_server_that_answered_again_is_not_given_up_for_longer_the_next_time(
    servers: list[ScriptedServer],
) -> None:
    opened, (first, second, _) = Opened(), servers
    with opened.open([first, second]) as engine:
        for _ in range(5):
            die(first)
            engine.answer(QUESTION)
            come_back(first)
            opened.clock.now += 3
            before = len(first.chats)
            engine.answer(QUESTION)
            assert len(first.chats) == before + 1


def test_server_of_another_model_is_bad_usage_that_names_both(
    servers: list[ScriptedServer],
) -> None:
    first, second, _ = servers
    second.set(MODELS, as_models("other"))
    with pytest.raises(UsageError) as caught:
        open_server("", name_all(servers))
    said = f"{caught.value.message} {caught.value.hint}"
    assert f"{second.base_url} has no model 'tiny'" in said and "other" in said
    assert f"{first.base_url} serves tiny" in said


def test_server_that_comes_back_with_another_model_stays_left_out(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        die(first)
        engine.answer(QUESTION)
        come_back(first, as_models("other"))
        opened.clock.now += 3
        engine.answer(QUESTION)
    assert len(first.chats) == 1 and len(second.chats) == 2
    assert f"{first.base_url} has no model 'tiny'" in caplog.messages[-1]


def test_server_that_comes_back_with_less_than_was_planned_for_stays_left_out(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        die(first)
        engine.answer(QUESTION)
        come_back(first, as_models({"id": MODEL, "max_model_len": 512}))
        opened.clock.now += 3
        engine.answer(QUESTION)
    assert len(first.chats) == 1 and len(second.chats) == 2
    assert "a context of 512 tokens, less than the 4096" in caplog.messages[-1]


def test_none_that_is_there_is_unreachable_with_all_their_addresses(
    servers: list[ScriptedServer],
) -> None:
    for server in servers:
        die(server)
    with pytest.raises(EngineUnreachable) as caught:
        open_server("", name_all(servers))
    assert caught.value.exit_status == 4
    assert all(server.base_url in caught.value.message for server in servers)


def test_server_that_is_not_there_at_the_start_is_said_left_out_and_joins_later(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    die(first)
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        assert f"not there yet: {first.base_url}" in engine.why
        (said,) = caplog.messages
        assert said.startswith(f"{first.base_url} can't be reached: ")
        assert (engine.capabilities.width, engine.capabilities.widest) == (4, 128)
        engine.answer(QUESTION)
        come_back(first)
        opened.clock.now += 3
        engine.answer(QUESTION)
    assert count([first, second]) == [1, 1]


def test_where_all_die_the_request_fails_and_the_first_that_is_back_answers_at_once(
    servers: list[ScriptedServer],
) -> None:
    with Opened().open(servers) as engine:
        for server in servers:
            die(server)
        with pytest.raises(EngineUnreachable, match="none of the servers is there") as caught:
            engine.answer(QUESTION)
        assert caught.value.retry and not caught.value.of_one_server
        assert all(server.base_url in caught.value.message for server in servers)
        come_back(servers[2])
        assert engine.answer(QUESTION).text == "A cat."


def test_busy_server_is_passed_by_for_as_long_as_it_says(servers: list[ScriptedServer]) -> None:
    opened, (first, second, _) = Opened(), servers
    first.set(CHAT, as_error(429, "slow down", Retry_After="20"), CAT)
    with opened.open([first, second]) as engine:
        for now in (0.0, 1.0, 19.0, 21.0):
            opened.clock.now = now
            assert engine.answer(QUESTION).text == "A cat."
    assert count([first, second]) == [2, 3]


def test_busy_request_waits_where_the_others_are_busy_too(servers: list[ScriptedServer]) -> None:
    for server in servers:
        server.set(CHAT, as_error(503, "at capacity"))
    with Opened().open(servers) as engine:
        with pytest.raises(EngineBusy) as caught:
            engine.answer(QUESTION)
        assert not caught.value.of_one_server and count(servers) == [1, 1, 1]
        with pytest.raises(EngineBusy):
            engine.answer(QUESTION)
        assert sum(count(servers)) == 4


@pytest.mark.parametrize(
    ("answer", "kind", "then"),
    [
        (as_error(400, "seven is no colour"), EngineRefused, [2, 0, 0]),
        (as_error(400, "maximum context length is 4096 tokens"), RequestTooLarge, [2, 0, 0]),
        (as_error(500, "boom"), EngineFailed, [1, 1, 0]),
    ],
)
def test_error_that_may_be_of_the_request_is_not_tried_elsewhere_nor_held_against_the_server(
    servers: list[ScriptedServer], answer: Answer, kind: type[Exception], then: list[int]
) -> None:
    servers[0].set(CHAT, answer, CAT)
    with Opened().open(servers) as engine:
        with pytest.raises(kind) as caught:
            engine.answer(QUESTION)
        assert count(servers) == [1, 0, 0] and servers[0].base_url in str(vars(caught.value))
        engine.answer(QUESTION)
        assert count(servers) == then


def test_broken_server_that_fails_at_once_does_not_draw_all_requests(
    servers: list[ScriptedServer],
) -> None:
    servers[0].set(CHAT, as_error(500, "CUDA error"))
    opened = Opened()
    with opened.open(servers[:2]) as engine:
        for now in range(60):
            opened.clock.now = float(now)
            with suppress(EngineFailed):
                engine.answer(QUESTION)
    assert count(servers[:2]) == [5, 55]


def test_key_that_one_server_refuses_is_asked_of_the_other(servers: list[ScriptedServer]) -> None:
    servers[0].set(CHAT, as_error(401, "no such key"))
    with Opened().open(servers[:2]) as engine:
        assert [engine.answer(QUESTION).text for _ in range(4)] == ["A cat."] * 4
        assert count(servers[:2]) == [1, 4]
        servers[1].set(CHAT, as_error(401, "no such key"))
        with pytest.raises(EngineRefused, match="no such key"):
            engine.answer(QUESTION)


def test_reply_that_one_server_does_not_give_in_time_is_no_reason_to_ask_the_others_less(
    servers: list[ScriptedServer],
) -> None:
    servers[0].set(CHAT, hang(3))
    with Opened(seconds=0.3).open(servers[:2]) as engine:
        with pytest.raises(EngineTimeout) as caught:
            engine.answer(QUESTION)
        assert caught.value.of_one_server
        servers[1].set(CHAT, hang(3))
        with pytest.raises(EngineTimeout) as caught:
            engine.answer(QUESTION)
        assert not caught.value.of_one_server
    assert count(servers[:2]) == [1, 1]


def test_key_goes_to_each_server_and_is_shown_nowhere(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "longtake"), Opened().open(servers) as engine:
        servers[0].set(CHAT, as_error(429, f"slow down, {KEY}"))
        servers[1].set(CHAT, drop)
        engine.answer(QUESTION)
        servers[2].set(CHAT, as_error(500, f"{KEY} broke me"))
        with pytest.raises(EngineFailed) as caught:
            engine.answer(QUESTION)
        shown = [repr(engine), engine.why, repr(engine.options), repr(engine.take_usage())]
        shown += [caught.value.message, caught.value.hint, *caplog.messages]
    assert not any(KEY in text for text in shown)
    sent = {asked.headers["Authorization"] for server in servers for asked in server.asked}
    assert sent == {f"Bearer {KEY}"}


def test_first_address_alone_stands_in_the_key_of_an_answer(servers: list[ScriptedServer]) -> None:
    first, second, _ = servers
    with open_server("", Settings(base_url=first.base_url)) as alone:
        known = (alone.name, alone.options)
    for addresses in (
        f"{first.base_url},{second.base_url}",
        f" {first.base_url}/ ,, {second.base_url}//,",
        f"{first.base_url},{first.base_url}/",
    ):
        with open_server("", Settings(base_url=addresses)) as engine:
            assert (engine.name, engine.options) == known
    die(first)
    with open_server("", Settings(base_url=f"{first.base_url},{second.base_url}")) as engine:
        assert (engine.name, engine.options) == known


def test_same_address_twice_is_one_server(server: ScriptedServer) -> None:
    address = server.base_url
    with open_server("", Settings(base_url=f"{address},{address}/,{address}")) as engine:
        assert isinstance(engine, ServerEngine) and engine.capabilities.width == 4
        assert engine.answer(QUESTION).text == "A cat." and engine.take_usage() == ()


@pytest.mark.parametrize("bad", ["nonsense", "ftp://127.0.0.1/v1", "http://127.0.0.1:0/v1"])
def test_address_among_others_that_can_not_be_is_named_before_any_is_asked(
    server: ScriptedServer, bad: str
) -> None:
    with pytest.raises(UsageError, match="is no address") as caught:
        open_server("", Settings(base_url=f"{server.base_url},{bad}"))
    assert bad in caught.value.message and server.base_url not in caught.value.message
    assert server.asked == []


def test_commas_alone_are_no_address() -> None:
    with pytest.raises(UsageError, match="needs an address"):
        open_server("m", Settings(base_url=" , ,"))


def test_together_they_take_what_the_least_of_them_takes(servers: list[ScriptedServer]) -> None:
    facts = {"id": MODEL, "max_model_len": 8192, "owned_by": "vllm"}
    servers[0].set(MODELS, as_models(facts))
    servers[1].set(MODELS, as_models(facts | {"max_model_len": 2048}))
    with open_server("", name_all(servers[:2])) as engine:
        can = engine.capabilities
        assert (can.context_tokens, can.width, can.widest) == (2048, 8, 128)
        assert can.schemas and can.images is None
    with open_server("", name_all(servers)) as engine:
        assert not engine.capabilities.schemas


def test_server_that_takes_no_images_is_named(servers: list[ScriptedServer]) -> None:
    servers[1].set(CHAT, refuse_images(400, "image input is not supported"))
    with (
        Opened().open(servers) as engine,
        pytest.raises(UsageError, match="takes no images") as caught,
    ):
        engine.check_sight()
    assert servers[1].base_url in caught.value.message


def test_server_that_comes_later_is_asked_if_it_takes_images_too(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    die(first)
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        engine.check_sight()
        come_back(first)
        first.set(CHAT, refuse_images(400, "image input is not supported"))
        opened.clock.now += 3
        engine.answer(QUESTION)
    assert "takes no images" in caplog.messages[-1] and len(second.chats) == 2


def test_server_that_is_loading_is_not_waited_for_where_another_is_ready(
    servers: list[ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    opened, (first, second, _) = Opened(), servers
    first.set(MODELS, as_error(503, "Loading model"))
    with caplog.at_level("INFO", "longtake"), opened.open([first, second]) as engine:
        assert len(first.asked) == 1 and "still loading its model" in caplog.text
        come_back(first)
        opened.clock.now += 3
        engine.answer(QUESTION)
    assert count([first, second]) == [1, 0]


def test_where_all_are_loading_one_is_waited_for(servers: list[ScriptedServer]) -> None:
    for server in servers:
        server.set(MODELS, as_error(503, "Loading model"))
    servers[0].set(MODELS, *[as_error(503, "Loading model")] * 2, TINY)
    with Opened().open(servers) as engine:
        assert engine.answer(QUESTION).text == "A cat."


def test_words_are_counted_by_the_next_where_the_first_is_away(
    servers: list[ScriptedServer],
) -> None:
    servers[1].set("/tokenize", as_json({"count": 7}))
    die(servers[0])
    with Opened().open(servers[:2]) as engine:
        assert engine.count_tokens("a rather long text of some words") == 7


def test_requests_are_counted_by_server_and_once(servers: list[ScriptedServer]) -> None:
    first, second, third = servers
    first.set(CHAT, drop)
    with Opened().open([second, first, third]) as engine:
        with ThreadPoolExecutor(1) as pool:
            gate = threading.Event()
            second.set(CHAT, wait_for(gate))
            slow = pool.submit(engine.answer, QUESTION)
            until(lambda: second.chats)
            engine.answer(QUESTION)
            gate.set()
            seconds = slow.result().seconds
        usage = engine.take_usage()
        assert usage[0] == ServerUsage(second.base_url, Cost(1, 11, 3, seconds))
        assert usage[1] == ServerUsage(first.base_url, Cost(1), 1)
        assert (usage[2].server, usage[2].cost.requests) == (third.base_url, 1)
        assert engine.take_usage() == ()


def test_closing_ends_all_and_opens_none_anew(servers: list[ScriptedServer]) -> None:
    opened = Opened()
    engine = opened.open(servers)
    die(servers[0])
    engine.answer(QUESTION)
    engine.close()
    opened.clock.now += 100
    asked = sum(len(server.asked) for server in servers)
    with pytest.raises(EngineRefused, match="closed"):
        engine.answer(Request("s", ("?",)))
    assert sum(len(server.asked) for server in servers) == asked


@pytest.mark.slow
def test_host_that_takes_no_connection_is_unreachable_and_not_slow() -> None:
    """A queue of connections that is full: the next gets no answer, as behind a firewall."""
    with closing(socket.socket()) as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            one = waiting.enter_context(closing(socket.socket()))
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        server = Connection(f"http://127.0.0.1:{full.getsockname()[1]}/v1", "", 30)
        with closing(server), pytest.raises(EngineUnreachable, match="no connection in 10 s"):
            server.send("GET", f"{server.address}/models")
