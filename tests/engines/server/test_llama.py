"""The engine before llama.cpp's own server, with models made on the spot."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from longtake.engines.server import open_server
from longtake.errors import (
    EngineRefused,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Request
from longtake.settings import Settings
from tests.engines.server.opened import KEY, SCHEMA
from tests.frames import make_frame
from tests.tiny_gguf import write_projector, write_text_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A text model, and what lets it see."""
    folder = tmp_path_factory.mktemp("tiny")
    return write_text_model(folder / "tiny.gguf"), write_projector(folder / "sight.gguf")


@contextmanager
def open_llama(model: Path, sight: Path | None, slots: int, **settings: Any) -> Iterator[Any]:
    """The engine on llama.cpp's own server, with 2048 tokens a slot."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.mmproj.path = str(sight or "")
    params.n_ctx, params.n_parallel, params.kv_unified = 2048 * slots, slots, False
    params.cpuparams.n_threads = 1
    params.verbosity, params.ui, params.warmup = -1, False, False
    params.api_keys = [KEY]
    running = xllamacpp.Server(params)
    base_url = f"{running.listening_address}/v1"
    with open_server("", Settings(**{"base_url": base_url, "api_key": KEY} | settings)) as engine:
        yield engine


@pytest.mark.parametrize("slots", [1, 4])
def test_llama_cpp_says_what_one_request_may_hold(tiny: tuple[Path, Path], slots: int) -> None:
    with open_llama(*tiny, slots=slots) as engine:
        can = engine.capabilities
        assert (can.context_tokens, can.width, can.widest) == (2048, slots, slots)
        assert can.images is None and can.schemas and engine.why.startswith("llama.cpp at ")
        engine.check_sight()
        text = "x" * 1800
        assert engine.count_tokens(text) == 1800
        assert engine.answer(Request("s", (text,), 4)).input_tokens > 1800
        with pytest.raises(RequestTooLarge, match="2048 tokens"):
            engine.answer(Request("s", (text + text,), 4))


def test_llama_cpp_without_sight_is_bad_usage_before_the_first_frame(
    tiny: tuple[Path, Path],
) -> None:
    with open_llama(tiny[0], None, slots=1) as engine:
        assert engine.capabilities.images == 0
        with pytest.raises(UsageError, match="takes no images"):
            engine.check_sight()
        assert engine.answer(Request("s", ("Say.",), 4)).text


def test_llama_cpp_sees_each_frame_and_their_order(tiny: tuple[Path, Path]) -> None:
    one, other = make_frame(0.0, (255, 0, 0)), make_frame(1.0, (0, 60, 255))
    with open_llama(*tiny, slots=1) as engine:
        ways = [(), (one,), (other,), (one, other), (other, one)]
        replies = [engine.answer(Request("s", (*way, "Say."), 24)) for way in ways]
    assert len({reply.text for reply in replies}) == len(ways)
    tokens = [reply.input_tokens for reply in replies]
    assert tokens[0] < tokens[1] == tokens[2] < tokens[3] == tokens[4]


def test_llama_cpp_holds_the_schema(tiny: tuple[Path, Path]) -> None:
    with open_llama(*tiny, slots=1) as engine:
        request = Request("s", (make_frame(), "Say."), 64, schema=SCHEMA)
        held = json.loads(engine.answer(request).text)
    assert set(held) == {"a"} and isinstance(held["a"], int)


def test_llama_cpp_gives_a_crowd_the_answers_that_each_gets_alone(
    tiny: tuple[Path, Path],
) -> None:
    requests = [Request("s", (make_frame(0.0, (9 * n, 60, 90)), "Say."), 12) for n in range(16)]
    with open_llama(*tiny, slots=4) as engine, ThreadPoolExecutor(16) as pool:
        together = [reply.text for reply in pool.map(engine.answer, requests)]
        alone = [engine.answer(request).text for request in requests]
    assert together == alone and len(set(alone)) > 1


def test_llama_cpp_refuses_frames_as_a_video_and_a_wrong_key(tiny: tuple[Path, Path]) -> None:
    no_video = pytest.raises(UsageError, match="no frames as a video")
    with open_llama(*tiny, slots=1, frames_as="video") as engine, no_video:
        engine.check_sight()
    refused = pytest.raises(EngineRefused, match="401")
    with refused as caught, open_llama(*tiny, slots=1, api_key="a-wrong-key"):
        pass
    assert "a-wrong-key" not in caught.value.message


@pytest.mark.real
def test_real_llama_cpp_server_keeps_the_same_promises(tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    from longtake.models.table import SMOLLM2, model_path

    params = xllamacpp.CommonParams()
    params.model.path = str(model_path(SMOLLM2))
    params.n_ctx, params.n_parallel, params.verbosity, params.ui = 1024, 2, -1, False
    params.api_keys = [KEY]
    running = xllamacpp.Server(params)
    base_url = f"{running.listening_address}/v1"
    with open_server("", Settings(base_url=base_url, api_key=KEY)) as engine:
        assert engine.capabilities.context_tokens == 512  # of each of the two slots
        assert engine.capabilities.images == 0
        request = Request("You are brief.", ("Name", "a colour."), max_tokens=8)
        reply = engine.answer(request)
        assert reply.text and 0 < reply.output_tokens <= 8 and reply.input_tokens > 8
        assert engine.answer(request).text == reply.text
        long = "word " * 2000
        assert 1000 < engine.count_tokens(long) < len(long)
        with pytest.raises(RequestTooLarge):
            engine.answer(Request("s", (long,)))
    with pytest.raises(EngineRefused, match="401") as caught:
        open_server("", Settings(base_url=base_url, api_key="a-wrong-key"))
    assert "a-wrong-key" not in caught.value.message
