"""What can go wrong: foreign exceptions, memory, time, closing."""

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longtake.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    LongtakeError,
    OutOfMemory,
)
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.settings import Settings
from tests.engines.transformers.asked import (
    ask_of,
    open_model,
)

pytestmark = pytest.mark.transformers


def list_exceptions() -> list[type[BaseException]]:
    """What Python and the libraries under the engine define, those beside Exception included."""
    import huggingface_hub.errors  # noqa: F401
    import jinja2  # noqa: F401
    import safetensors.torch  # noqa: F401
    import tokenizers  # noqa: F401
    import torch._dynamo.exc  # noqa: F401
    import transformers.generation.utils  # noqa: F401

    roots = "builtins PIL huggingface_hub jinja2 pyo3_runtime safetensors tokenizers torch".split()
    found: list[type[BaseException]] = []
    left = BaseException.__subclasses__()
    while left:
        kind = left.pop()
        if kind not in found and not issubclass(kind, BaseExceptionGroup):
            found.append(kind)
            left += kind.__subclasses__()
    stop = (KeyboardInterrupt, SystemExit, GeneratorExit, LongtakeError)
    roots.append("transformers")
    return [
        kind
        for kind in found
        if kind.__module__.partition(".")[0] in roots and not issubclass(kind, stop)
    ]


def raise_one(kind: type[BaseException]) -> None:
    """Raise one of that kind, whatever it wants to be told."""
    error = kind.__new__(kind)
    error.args = ("said",)
    raise error


def test_each_exception_of_the_libraries_is_mapped() -> None:
    from longtake.engines.transformers.library import call_library

    kinds = list_exceptions()
    names = {kind.__name__ for kind in kinds}
    assert len(kinds) >= 200
    assert {"OutOfMemoryError", "AcceleratorError", "SafetensorError", "TemplateError"} < names
    for kind in kinds:
        with pytest.raises(EngineError) as caught:
            call_library("tiny", "answer", lambda kind=kind: raise_one(kind))  # type: ignore[misc]
        memory = issubclass(kind, MemoryError) or kind.__name__ == "OutOfMemoryError"
        assert type(caught.value) is (OutOfMemory if memory else EngineFailed), kind
        assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_is_no_error_of_the_libraries(stop: type[BaseException]) -> None:
    from longtake.engines.transformers.library import call_library

    with pytest.raises(stop):
        call_library("tiny", "answer", lambda: raise_one(stop))


def test_memory_that_does_not_suffice_is_known_in_every_librarys_words() -> None:
    import numpy as np
    import torch

    from longtake.engines.transformers.library import call_library, map_error

    for work in (lambda: torch.empty(1 << 60), lambda: np.empty(1 << 55)):
        with pytest.raises(OutOfMemory, match="has not the memory") as caught:
            call_library("tiny", "answer", work)
        assert caught.value.hint and not caught.value.retry
    for said in (
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB",
        "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 9.00 GB)",
        "Invalid buffer size: 12.50 GiB",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you"
        " tried to allocate 68719476736 bytes. Buy new RAM!",
    ):
        assert type(map_error(RuntimeError(said), "tiny", "answer")) is OutOfMemory
    for said in ("CUDA error: device-side assert triggered", "shape '[2]' is invalid"):
        assert type(map_error(RuntimeError(said), "tiny", "answer")) is EngineFailed


class ScriptedRunner:
    """In the model's place: `act` is what it does with a batch of so many rows."""

    def __init__(self, act: Callable[[int, Callable[[], bool]], list[list[int]]]) -> None:
        from longtake.engines.transformers.model import Placement

        self.placement = Placement("cpu", "float32", "none", 0)
        self.ends: frozenset[int] = frozenset()
        self.act = act
        self.rows: list[int] = []
        self.released = 0

    def load(self) -> None:
        """There is nothing to load."""

    def generate(self, inputs: Any, request: Request, stop: Callable[[], bool]) -> list[list[int]]:
        self.rows.append(len(inputs["input_ids"]))
        return self.act(self.rows[-1], stop)

    def release(self) -> None:
        self.released += 1


def open_scripted(
    models: dict[str, Path],
    act: Callable[[int, Callable[[], bool]], list[list[int]]],
    seconds: float = 60.0,
) -> tuple[Engine, ScriptedRunner]:
    from longtake.engines.transformers import TransformersEngine
    from longtake.engines.transformers.chat import open_chat
    from longtake.engines.transformers.hub import find_folder

    folder = find_folder(str(models["smolvlm"]))
    runner = ScriptedRunner(act)
    settings = Settings(timeout_seconds=seconds)
    runner_as_one: Any = runner
    capabilities = Capabilities(images=None, context_tokens=8192, width=4)
    chat = open_chat(folder, True)
    engine = TransformersEngine(folder, chat, runner_as_one, capabilities, settings)
    return engine, runner


def outcomes_at_once(engine: Engine, requests: list[Request]) -> list[Any]:
    with ThreadPoolExecutor(len(requests)) as pool:
        futures = [pool.submit(engine.answer, request) for request in requests]
        return [future.exception() or future.result() for future in futures]


def test_batch_without_memory_fails_each_request_with_an_error_of_its_own(
    models: dict[str, Path],
) -> None:
    def act(rows: int, stop: Callable[[], bool]) -> list[list[int]]:
        time.sleep(0.2)  # so that others wait, and become one batch
        if rows > 1:
            raise OutOfMemory("tiny has not the memory for this", "Ask for less.")
        return [[300] * 12]

    engine, runner = open_scripted(models, act)
    with engine:
        outcomes = outcomes_at_once(engine, [ask_of((0,)) for _ in range(5)])
        errors = [outcome for outcome in outcomes if not isinstance(outcome, Reply)]
        assert len(errors) == sum(rows for rows in runner.rows if rows > 1) >= 2
        assert {(type(error), error.hint) for error in errors} == {(OutOfMemory, "Ask for less.")}
        assert len({id(error) for error in errors}) == len(errors)
        assert engine.answer(ask_of((0,))).output_tokens == 12
    assert runner.released == 1


def test_batch_that_the_model_can_not_take_is_asked_one_by_one(models: dict[str, Path]) -> None:
    def act(rows: int, stop: Callable[[], bool]) -> list[list[int]]:
        time.sleep(0.1)
        if rows > 1:
            raise EngineFailed("tiny can't answer: only one row at a time")
        return [[300] * 12]

    engine, runner = open_scripted(models, act)
    with engine:
        outcomes = outcomes_at_once(engine, [ask_of((0,)) for _ in range(4)])
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert max(runner.rows) > 1 and runner.rows.count(1) == 4


def test_bug_in_the_worker_shows_in_the_caller_and_hangs_nobody(models: dict[str, Path]) -> None:
    def act(rows: int, stop: Callable[[], bool]) -> list[list[int]]:
        raise ZeroDivisionError

    engine, _ = open_scripted(models, act)
    with engine, pytest.raises(ZeroDivisionError):
        engine.answer(ask_of((0,)))


def test_first_token_that_never_comes_is_a_timeout(models: dict[str, Path]) -> None:
    ends = threading.Event()

    def act(rows: int, stop: Callable[[], bool]) -> list[list[int]]:
        ends.wait(30)
        return [[]]

    engine, _ = open_scripted(models, act, seconds=0.2)
    started = time.monotonic()
    with pytest.raises(EngineTimeout, match=r"no reply within 0\.2 s"):
        engine.answer(ask_of((0,)))
    assert time.monotonic() - started < 10
    ends.set()
    engine.close()


def test_reply_that_takes_too_long_is_a_timeout_and_the_next_one_is_answered(
    models: dict[str, Path],
) -> None:
    with open_model(models["smolvlm"], timeout_seconds=0.5) as engine:
        engine.answer(ask_of((0,)))
        started = time.monotonic()
        with pytest.raises(EngineTimeout) as caught:
            engine.answer(ask_of((0,), max_tokens=8000))
        assert caught.value.retry and "--timeout-seconds" in caught.value.hint
        assert time.monotonic() - started < 5
        assert engine.answer(ask_of((0,))).text


def count_models() -> int:
    import torch

    gc.collect()
    return sum(issubclass(type(thing), torch.nn.Embedding) for thing in gc.get_objects())


def test_closing_ends_what_is_under_way_and_frees_the_model(models: dict[str, Path]) -> None:
    before = count_models()
    engine = open_model(models["smolvlm"], at_once=1, timeout_seconds=600)
    assert count_models() == before
    engine.answer(ask_of((0,)))
    assert count_models() > before
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(engine.answer, ask_of((0,), max_tokens=8000)) for _ in range(3)]
        time.sleep(0.5)
        started = time.monotonic()
        engine.close()
        errors = [future.exception() for future in futures]
    assert time.monotonic() - started < 5
    assert {type(error) for error in errors} == {EngineRefused}
    assert count_models() == before
    with pytest.raises(EngineRefused, match="is closed"):
        engine.answer(ask_of((0,)))
    engine.close()
