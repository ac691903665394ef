"""The promise of `Engine`, kept by every engine of the list: one contract, one case an engine."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from longtake.engines import ENGINES, choose_engine, open_engine
from longtake.errors import EngineError, RequestTooLarge, UsageError
from longtake.inference.engine import Engine, Reply, Request, byte_bound
from longtake.inference.frame_tokens import FRAME_WORD_TOKENS
from longtake.models.table import QWEN3_VL, SMOLLM2, SMOLVLM2, asset_path
from longtake.records import Frame
from longtake.settings import Settings
from tests import ollamas
from tests.frames import TEXTS, make_frame
from tests.ollamas import CuttingOllama, set_ollama
from tests.servers import CHAT, MODELS, Answer, Asked, as_chat, as_error, as_models, serve
from tests.tiny_gguf import write_vlm
from tests.weights import put_here


@dataclass(frozen=True)
class Case:
    """How an engine is opened, and which parts of the promise fall to it."""

    open: Callable[[], AbstractContextManager[Engine]]
    text: bool = True
    images: bool = True
    limited: bool = True
    """Whether there are requests too large for it."""


@contextmanager
def open_fake() -> Iterator[Engine]:
    with open_engine("fake", Settings()) as engine:
        yield engine


@contextmanager
def open_sketch() -> Iterator[Engine]:
    with open_engine("sketch", Settings()) as engine:
        yield engine


def answer_as_a_model(asked: Asked, connection: object) -> Answer:
    """As a server does: counts words and images, and refuses what is beyond its 4096 tokens."""
    (*_, last) = asked.json["messages"]
    words = " ".join(part.get("text", "") for part in last["content"]).split()
    images = sum(part["type"] == "image_url" for part in last["content"])
    tokens = len(words) + 64 * images
    if tokens > 4096:
        return as_error(400, f"This model's maximum context length is 4096, not {tokens}")
    said = f"I see {images} images and {len(words)} words."
    if "response_format" in asked.json:
        said = json.dumps({"count": images})
    return as_chat(said, usage=(tokens, 7))


@contextmanager
def open_server() -> Iterator[Engine]:
    with serve() as server:
        facts = {"id": "tiny", "max_model_len": 4096, "owned_by": "vllm"}
        server.set(MODELS, as_models(facts))
        server.set(CHAT, answer_as_a_model)
        with open_engine("server", Settings(base_url=server.base_url)) as engine:
            yield engine


@contextmanager
def open_gguf() -> Iterator[Engine]:
    with open_engine("gguf", Settings()) as engine:
        yield engine


@contextmanager
def open_gguf_with_images() -> Iterator[Engine]:
    with TemporaryDirectory() as folder:
        name = f"gguf:{write_vlm(Path(folder))}"
        with open_engine(name, Settings()) as engine:
            yield engine


@contextmanager
def open_transformers() -> Iterator[Engine]:
    from tests.tiny_transformers import build_model

    with TemporaryDirectory() as folder:
        name = f"transformers:{build_model('smolvlm', Path(folder) / 'tiny')}"
        with open_engine(name, Settings()) as engine:
            yield engine


@contextmanager
def open_ollama() -> Iterator[Engine]:
    with serve() as server:
        set_ollama(server, "tiny", context=16_384)
        server.set(ollamas.CHAT, CuttingOllama(768, old=False))
        with open_engine("ollama", Settings(ollama_url=server.url)) as engine:
            yield engine


CASES = {
    "sketch": Case(open_sketch, text=False, limited=False),
    "server": Case(open_server),
    "ollama": Case(open_ollama),
    "gguf": Case(open_gguf, images=False),
    "gguf with images": Case(open_gguf_with_images),
    "transformers": Case(open_transformers),
    "fake": Case(open_fake),
}
MARKS = {"gguf": pytest.mark.real, "transformers": pytest.mark.transformers}
EACH = [pytest.param(name, marks=MARKS.get(name, ())) for name in CASES]


@pytest.fixture(scope="module", params=EACH)
def opened(request: pytest.FixtureRequest) -> Iterator[tuple[Case, Engine]]:
    case = CASES[request.param]
    with case.open() as engine:
        yield case, engine


def ask(case: Case, engine: Engine, *parts: str | Frame, max_tokens: int = 16) -> Reply:
    """A request that suits the engine: with a frame where it answers no text alone."""
    if not case.text and not any(isinstance(part, Frame) for part in parts):
        parts = (*parts, make_frame())
    return engine.answer(Request("You are brief.", parts, max_tokens))


def test_each_engine_of_the_list_has_a_case() -> None:
    assert {name.partition(" ")[0] for name in CASES} == set(ENGINES)


def test_engine_says_what_it_is(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    can = engine.capabilities
    assert engine.name.partition(":")[0] in ENGINES and engine.why
    assert can.context_tokens > 0 and can.width >= 1
    assert can.frames_per_chunk >= 1 and can.frame_side >= 64
    assert (can.images == 0) == (not case.images)


def test_text_is_answered_with_text_tokens_and_seconds(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    reply = ask(case, engine, "Name a colour.")
    assert reply.text == reply.text.strip() != ""
    assert reply.output_tokens > 0 and reply.seconds >= 0 and reply.tries == 1
    assert (reply.input_tokens > 0) == case.text


def test_one_image_is_answered_or_refused(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    if case.images:
        assert ask(case, engine, "Frame at 0:", make_frame(), "Describe.").text
    else:
        with pytest.raises(RequestTooLarge, match="no images"):
            ask(case, engine, "Frame at 0:", make_frame(), "Describe.")


def test_many_images_are_answered(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    if not case.images:
        pytest.skip("takes no images")
    parts: list[str | Frame] = []
    for number in range(12):
        parts += [f"Frame at {number}:", make_frame(number, (20 * number, 90, 200))]
    assert ask(case, engine, *parts, "Describe.").text


def test_same_request_has_the_same_answer(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    first, second = (ask(case, engine, "Name a colour.") for _ in range(2))
    assert (first.text, first.output_tokens) == (second.text, second.output_tokens)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_has_a_reply_or_an_error_of_ours(opened: tuple[Case, Engine], text: str) -> None:
    case, engine = opened
    assert isinstance(ask(case, engine, text), Reply)


@pytest.mark.parametrize("text", ["\ud800", "nul \x00 inside"])
def test_broken_text_raises_nothing_foreign(opened: tuple[Case, Engine], text: str) -> None:
    case, engine = opened
    with suppress(EngineError):
        ask(case, engine, text)
    assert engine.count_tokens(text) >= 1


def test_long_text_is_answered(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    reply = ask(case, engine, "word " * 1000, max_tokens=4)
    assert reply.text and (reply.input_tokens >= 1000) == case.text


def test_request_beyond_the_context_is_too_large(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    text = "word " * 9000
    if case.limited:
        with pytest.raises(RequestTooLarge) as caught:
            ask(case, engine, text)
        assert not caught.value.retry
    else:
        assert ask(case, engine, text).text


def test_broken_image_raises_nothing_foreign(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    for jpeg in (b"", b"no picture", make_frame().jpeg[:200]):
        with suppress(EngineError):
            ask(case, engine, Frame(0.0, jpeg, 64, 48), "Describe.")


def test_threads_may_ask_at_once(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    width = max(2, engine.capabilities.width)
    gate = threading.Barrier(width)

    def work(number: int) -> str:
        gate.wait()
        return ask(case, engine, "word " * (number + 1), max_tokens=4).text

    with ThreadPoolExecutor(width) as pool:
        at_once = list(pool.map(work, range(width)))
    alone = [ask(case, engine, "word " * (n + 1), max_tokens=4).text for n in range(width)]
    assert at_once == alone


def test_tokens_are_never_counted_too_low(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    assert engine.count_tokens("") == 0
    for text in TEXTS:
        assert 0 <= engine.count_tokens(text) <= byte_bound(text)
    short, long = "a few words of a text", "a few words of a text, and then some more of them"
    assert 0 < engine.count_tokens(short) < engine.count_tokens(long)
    if case.text:
        reply = ask(case, engine, long, max_tokens=4)
        more = ask(case, engine, long + " " + long, max_tokens=4)
        assert more.input_tokens - reply.input_tokens <= engine.count_tokens(" " + long)


def test_sight_is_said_before_anything_is_shown(opened: tuple[Case, Engine]) -> None:
    case, engine = opened
    if case.images:
        engine.check_sight()
    else:
        with pytest.raises(UsageError, match="takes no images"):
            engine.check_sight()


@pytest.mark.parametrize("size", [(64, 48), (512, 288), (288, 512)])
def test_frames_take_no_more_tokens_than_is_said(
    opened: tuple[Case, Engine], size: tuple[int, int]
) -> None:
    case, engine = opened
    bound = engine.frame_tokens(*size)
    if not case.images or not bound:
        assert bound == 0 or case.images
        return
    frames = [make_frame(number, size=size) for number in range(3)]
    less = ask(case, engine, *frames[:2], "Describe.", max_tokens=4).input_tokens
    more = ask(case, engine, *frames, "Describe.", max_tokens=4).input_tokens
    assert 0 < more - less <= bound + FRAME_WORD_TOKENS


def test_reply_holds_the_schema_where_the_engine_says_so(opened: tuple[Case, Engine]) -> None:
    _, engine = opened
    if not engine.capabilities.schemas:
        return
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 99}},
        "required": ["count"],
        "additionalProperties": False,
    }
    request = Request("You are brief.", ("How many?",), 300, schema=schema)
    assert isinstance(json.loads(engine.answer(request).text)["count"], int)


@pytest.mark.parametrize("name", EACH)
def test_closing_ends_what_is_under_way_and_what_comes_after(name: str) -> None:
    case = CASES[name]
    outcomes: list[Reply | Exception] = []

    def work() -> None:
        try:
            outcomes.append(ask(case, engine, "word " * 500, max_tokens=3000))
        except EngineError as error:
            outcomes.append(error)

    with case.open() as engine:
        ask(case, engine, "one", max_tokens=1)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        time.sleep(0.05)
        engine.close()
        thread.join(10)
        assert not thread.is_alive()
        work()
    assert len(outcomes) == 2


def test_options_are_plain_and_the_same_each_time(opened: tuple[Case, Engine]) -> None:
    engine = opened[1]
    kinds = (str, int, float, bool, type(None))
    assert all(isinstance(value, kinds) for value in engine.options.values())


@pytest.mark.parametrize("name", EACH)
def test_engine_may_be_closed_twice(name: str) -> None:
    with CASES[name].open() as engine:
        engine.close()
        engine.close()


@pytest.mark.parametrize("name", ENGINES)
def test_unknown_model_is_bad_usage(name: str) -> None:
    with serve() as server:
        server.set(ollamas.TAGS, ollamas.as_tags("tiny"))
        settings = Settings(base_url=server.base_url, ollama_url=server.url)
        with pytest.raises(UsageError) as caught:
            open_engine(f"{name}:no-such-model", settings)
    assert "no-such-model" in caught.value.message
    known = {"server": "tiny", "ollama": "tiny", "gguf": SMOLLM2.name, "transformers": "SmolVLM2"}
    assert known.get(name, "without a model") in caught.value.hint


def test_unknown_engine_is_bad_usage_and_the_known_ones_are_listed() -> None:
    for name in ("nonsense", "", "server2:x", "Fake"):
        with pytest.raises(UsageError) as caught:
            open_engine(name, Settings())
        assert all(known in caught.value.hint for known in ENGINES)


def test_engine_of_choice_is_the_built_in_one_where_no_model_is_here() -> None:
    with open_engine("auto", Settings()) as engine:
        assert engine.name == "sketch" and "longtake doctor" in engine.why


def test_engine_of_choice_is_the_best_model_that_is_here_and_fits() -> None:
    put_here(SMOLVLM2)
    assert choose_engine(free_bytes=8 << 30)[0] == f"gguf:{SMOLVLM2.name}"
    put_here(QWEN3_VL)
    assert choose_engine(free_bytes=8 << 30)[0] == f"gguf:{QWEN3_VL.name}"
    name, why = choose_engine(free_bytes=2 << 30)
    assert name == f"gguf:{SMOLVLM2.name}" and "weights are here" in why
    name, why = choose_engine(free_bytes=1 << 28)
    assert name == "sketch" and "needs 1." in why and "0.2 GiB are free" in why


def test_model_of_which_a_file_is_missing_is_not_taken_and_not_fetched() -> None:
    put_here(SMOLVLM2)
    assert SMOLVLM2.projector
    asset_path(SMOLVLM2, SMOLVLM2.projector).unlink()
    assert choose_engine()[0] == "sketch"
    assert not asset_path(SMOLVLM2, SMOLVLM2.projector).exists()


def test_fake_repeats_the_last_line_and_counts_frames() -> None:
    engine = open_engine("fake", Settings())
    assert engine.answer(Request("s", ("one", "two\nthree"))).text == "three"
    frames = (make_frame(0.0), make_frame(65.0))
    reply = engine.answer(Request("s", ("Frame at 0:", *frames)))
    assert "2 frames from 0:00 to 1:05" in reply.text
