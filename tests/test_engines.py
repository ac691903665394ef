"""The promise of `Engine`, kept by every engine of the list: one contract, one case an engine."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from longtake.engines import ENGINES, Engine, Reply, Request, find_asset, open_engine
from longtake.engines.base import byte_bound
from longtake.errors import EngineError, RequestTooLarge, UsageError
from longtake.models import SMOLLM2
from longtake.records import Frame
from longtake.settings import Settings
from tests.servers import CHAT, MODELS, Answer, Asked, as_chat, as_error, as_models, serve

TEXTS = ("", " ", "one", "one two", "Grüße, 猫が寝ている 🐈‍⬛", "a\nb\tc", "<|im_start|>", "\u202e")


def make_frame(time: float = 0.0, colour: tuple[int, int, int] = (90, 120, 200)) -> Frame:
    """A small frame of one colour, with a bright square on it."""
    image = Image.new("RGB", (64, 48), colour)
    image.paste((250, 250, 250), (8, 8, 24, 24))
    data = io.BytesIO()
    image.save(data, "JPEG")
    return Frame(time, data.getvalue(), 64, 48)


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
    return as_chat(f"I see {images} images and {len(words)} words.", usage=(tokens, 7))


@contextmanager
def open_server() -> Iterator[Engine]:
    with serve() as server:
        server.set(MODELS, as_models({"id": "tiny", "max_model_len": 4096}))
        server.set(CHAT, answer_as_a_model)
        with open_engine("server", Settings(base_url=server.base_url)) as engine:
            yield engine


@contextmanager
def open_gguf() -> Iterator[Engine]:
    with open_engine("gguf", Settings()) as engine:
        yield engine


CASES = {
    "sketch": Case(open_sketch, text=False, limited=False),
    "server": Case(open_server),
    "gguf": Case(open_gguf, images=False),
    "fake": Case(open_fake),
}
MARKS = {"gguf": pytest.mark.real}
EACH = [pytest.param(name, marks=MARKS.get(name, ())) for name in ENGINES]


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
    assert set(CASES) == set(ENGINES)


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
    with serve() as server, pytest.raises(UsageError) as caught:
        open_engine(f"{name}:no-such-model", Settings(base_url=server.base_url))
    assert "no-such-model" in caught.value.message
    known = {"server": "tiny", "gguf": SMOLLM2.name}
    assert known.get(name, "without a model") in caught.value.hint


def test_unknown_engine_is_bad_usage_and_the_known_ones_are_listed() -> None:
    for name in ("nonsense", "", "server2:x", "Fake"):
        with pytest.raises(UsageError) as caught:
            open_engine(name, Settings())
        assert all(known in caught.value.hint for known in ENGINES)


def test_engine_of_choice_is_the_built_in_one() -> None:
    assert open_engine("auto", Settings()).name == "sketch"


def test_only_gguf_models_of_the_table_need_weights(tmp_path: Path) -> None:
    assert find_asset("gguf") == find_asset(f"gguf:{SMOLLM2.name}") == SMOLLM2
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF")
    others = ("auto", "fake", "sketch", "server", "server:gguf", f"gguf:{file}")
    assert [find_asset(name) for name in others] == [None] * len(others)


def test_gguf_file_that_is_missing_or_a_folder_is_bad_usage(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    for name in ("missing.gguf", "folder.gguf"):
        with pytest.raises(UsageError, match="there is no file"):
            open_engine(f"gguf:{tmp_path / name}", Settings())


def test_gguf_file_that_is_no_model_is_refused_when_it_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + bytes(1000))
    with open_engine(f"gguf:{file}", Settings()) as engine:
        assert engine.options["weights"] != ""
        for _ in range(2):
            with pytest.raises(EngineError, match=r"can't load .*broken\.gguf"):
                engine.answer(Request("s", ("text",)))
        with pytest.raises(EngineError):
            engine.count_tokens("text")


def test_gguf_files_of_other_content_have_other_keys(tmp_path: Path) -> None:
    options = []
    for content in (b"a" * 3_000_000, b"a" * 3_000_001, b"a" * 2_999_999 + b"b", b"b"):
        file = tmp_path / "own.gguf"
        file.write_bytes(content)
        engine = open_engine(f"gguf:{file}", Settings())
        assert engine.name == "gguf:own.gguf"
        options.append(engine.options["weights"])
    assert len(set(options)) == 4


def test_fake_repeats_the_last_line_and_counts_frames() -> None:
    engine = open_engine("fake", Settings())
    assert engine.answer(Request("s", ("one", "two\nthree"))).text == "three"
    frames = (make_frame(0.0), make_frame(65.0))
    reply = engine.answer(Request("s", ("Frame at 0:", *frames)))
    assert "2 frames from 0:00 to 1:05" in reply.text
