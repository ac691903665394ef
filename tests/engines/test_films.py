"""A small model that really sees, by llama.cpp: the same films as by PyTorch, the same events."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.engines import open_engine
from longtake.engines.server import open_server
from longtake.inference.engine import Engine, Request
from longtake.settings import Settings
from scripts.sight.asking import make_requests
from scripts.sight.gguf import convert
from tests.sights import MODEL, check_same

FILMS = 8


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(MODEL, tmp_path_factory.mktemp("sight"))


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[Engine]:
    with open_engine(f"gguf:{weights}", Settings()) as opened:
        yield opened


def test_same_films_give_the_same_events_in_process_as_by_pytorch(engine: Engine) -> None:
    check_same(engine, FILMS)


def test_same_films_give_the_same_events_by_llama_cpp_s_server_as_by_pytorch(weights: Path) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.mmproj.path = str(weights.with_name("mmproj-sight.gguf"))
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 2048, 1, 1
    params.verbosity, params.ui, params.warmup = -1, False, False
    running = xllamacpp.Server(params)
    with open_server("", Settings(base_url=f"{running.listening_address}/v1")) as server:
        check_same(server, FILMS)


def test_what_happens_is_seen_in_the_frames_and_in_nothing_else(engine: Engine) -> None:
    requests = [request for _, _, request in make_requests(range(3))]
    said = [engine.answer(request).text for request in requests]
    assert len(set(said)) == len(said)
    others = [replace(request, system="Say nothing.") for request in requests]
    assert [engine.answer(request).text for request in others] == said


def test_films_shown_backwards_are_told_as_others(engine: Engine) -> None:
    asked = [request for _, _, request in make_requests(range(3))]
    there, back = (
        [engine.answer(request).text for request in requests]
        for requests in (asked, map(turn_round, asked))
    )
    assert sum(one != other for one, other in zip(there, back, strict=True)) > len(asked) / 2


def turn_round(request: Request) -> Request:
    """With its frames in the opposite order."""
    frames = iter(request.frames[::-1])
    parts = tuple(part if isinstance(part, str) else next(frames) for part in request.parts)
    return replace(request, parts=parts)
