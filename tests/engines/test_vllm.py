"""The `server` engine before a real vLLM with a tiny random model, on the CPU: a slow job.

vLLM has an environment of its own (`make test-vllm`); it is started once, takes a minute to come
up, and is killed and started again in the last test. What the model says is noise: what is shown is
that requests arrive whole and in order, and that errors and limits are those of the real server.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from longtake.describe.prompt import Context, make_request
from longtake.engines.server import ServerEngine, open_server
from longtake.errors import EngineRefused, RequestTooLarge, UsageError
from longtake.inference.engine import Request, byte_bound
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.prompts import read_prompt
from longtake.records import Chunk, Frame, Progress, Result
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from tests.frames import TEXTS, make_frame
from tests.servers import serve
from tests.videos import make_video, read_jpeg
from tests.vllms import (
    BLOCK,
    CONTEXT,
    IMAGE_TOKENS,
    MODEL,
    MOST_IMAGES,
    Vllm,
    run_beside,
    serve_vllm,
)

pytestmark = pytest.mark.vllm

QUESTION = Request("You describe.", ("What is it?",), max_tokens=16)


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    with serve_vllm(tmp_path_factory.mktemp("vllm")) as server:
        yield server


def open_engine(vllm: Vllm, **settings: Any) -> ServerEngine:
    return open_server("", Settings(base_url=f"{vllm.url}/v1", **settings))


@pytest.fixture
def engine(vllm: Vllm) -> Iterator[ServerEngine]:
    with open_engine(vllm) as opened:
        yield opened


def make_frames(count: int) -> list[Frame]:
    """Frames of colours far apart."""
    return [make_frame(float(n), (97 * n % 256, 61 * n % 256, 151 * n % 256)) for n in range(count)]


def ask_about(frames: list[Frame], system: str = "You describe.") -> Request:
    parts: list[str | Frame] = []
    for number, frame in enumerate(frames):
        parts += [f"Frame {number}:", frame]
    return Request(system, (*parts, "Describe."), max_tokens=16)


def without_frames(request: Request) -> Request:
    return replace(request, parts=tuple(p for p in request.parts if isinstance(p, str)))


def test_engine_knows_what_the_server_says_of_itself(engine: ServerEngine) -> None:
    assert engine.name == f"server:{MODEL}"
    assert engine.capabilities.context_tokens == CONTEXT
    assert engine.capabilities.schemas and engine.capabilities.images is None
    assert engine.why.startswith("vLLM at http://127.0.0.1:")


def test_unknown_model_is_bad_usage_and_the_known_one_is_listed(vllm: Vllm) -> None:
    with pytest.raises(UsageError, match="no model 'other'") as caught:
        open_server("other", Settings(base_url=f"{vllm.url}/v1"))
    assert MODEL in caught.value.hint


def test_text_is_answered_the_same_each_time(engine: ServerEngine) -> None:
    first, second = engine.answer(QUESTION), engine.answer(QUESTION)
    assert first.text and first.text == second.text
    assert 0 < first.input_tokens < 100 and first.output_tokens == 16 and not first.complete


def test_tiny_image_passes_for_sight(engine: ServerEngine) -> None:
    engine.check_sight()


@pytest.mark.parametrize("count", [1, 6, MOST_IMAGES])
def test_each_frame_takes_its_tokens(engine: ServerEngine, count: int) -> None:
    request = ask_about(make_frames(count))
    took = engine.answer(request).input_tokens
    assert took - engine.answer(without_frames(request)).input_tokens == count * IMAGE_TOKENS


def test_frames_arrive_in_order(vllm: Vllm, engine: ServerEngine) -> None:
    """vLLM knows a prompt again up to the first frame that is another one."""
    frames = [make_frame(n, (30, 30 * n, 250)) for n in range(6)]
    other = make_frame(6, (250, 30, 30))
    pause = "one two three four five six " * 2
    assert engine.count_tokens(pause) > BLOCK

    def count_known(shown: list[Frame]) -> float:
        before = vllm.count("prefix_cache_hits_total")
        parts = [part for frame in shown for part in (frame, pause)]
        engine.answer(Request("You describe frames in order.", tuple(parts), max_tokens=1))
        return vllm.count("prefix_cache_hits_total") - before

    count_known(frames)
    known = [count_known([*frames[:n], other, *frames[n + 1 :]]) for n in range(6)]
    known.append(count_known(frames))
    assert all(fewer + BLOCK <= more for fewer, more in pairwise(known))
    assert count_known([frames[1], frames[0], *frames[2:]]) == known[0]
    assert count_known([*frames[:4], frames[5], frames[4]]) == known[4]


def test_more_images_than_the_server_takes_are_too_large(engine: ServerEngine) -> None:
    with pytest.raises(RequestTooLarge, match=f"[Aa]t most {MOST_IMAGES}") as caught:
        engine.answer(ask_about(make_frames(MOST_IMAGES + 1)))
    assert "--frames" in caught.value.hint


@pytest.mark.parametrize("words", [CONTEXT, 9 * CONTEXT])
def test_text_longer_than_the_context_is_too_large(engine: ServerEngine, words: int) -> None:
    with pytest.raises(RequestTooLarge, match=str(CONTEXT)):
        engine.answer(replace(QUESTION, parts=("word " * words,)))


def test_tokens_are_counted_as_vllm_counts_them(engine: ServerEngine) -> None:
    def spent(text: str) -> int:
        return engine.answer(replace(QUESTION, parts=(text,), max_tokens=1)).input_tokens

    around = spent("a\n") - engine.count_tokens("a\n")
    for text in ("one two three", "Frame at 0:01:", "Grüße, 猫が寝ている 🐈", "x " * 500):
        assert spent(f"a\n{text}") - around == engine.count_tokens(f"a\n{text}")
    for text in TEXTS:
        assert engine.count_tokens(text) <= byte_bound(text)


def test_reply_holds_to_a_schema(engine: ServerEngine) -> None:
    what = {"type": "string", "maxLength": 20}
    number = {"type": "integer", "minimum": 0, "maximum": 9}
    schema = {
        "type": "object",
        "properties": {"what": what, "number": number},
        "required": ["what", "number"],
        "additionalProperties": False,
    }
    for request in (QUESTION, ask_about(make_frames(2))):
        reply = engine.answer(replace(request, schema=schema, max_tokens=200))
        found = json.loads(reply.text)
        assert reply.complete and set(found) == {"what", "number"}
        assert isinstance(found["what"], str) and 0 <= found["number"] <= 9


def test_requests_side_by_side_get_the_answers_that_they_get_alone(engine: ServerEngine) -> None:
    frames = make_frames(16)
    requests = [ask_about(frames[n : n + 1 + n % 4], f"System {n}.") for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(engine.answer, requests))
    alone = [engine.answer(request) for request in requests]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert len({reply.text for reply in alone}) > 8


def test_same_system_prompt_is_read_once(vllm: Vllm, engine: ServerEngine) -> None:
    system = "You describe what happens in a stretch of a video, and what is read on it. " * 4
    before = vllm.count("prefix_cache_hits_total")
    engine.answer(replace(QUESTION, system=system))
    once = vllm.count("prefix_cache_hits_total")
    engine.answer(replace(QUESTION, system=system, parts=("Another question.",)))
    twice = vllm.count("prefix_cache_hits_total")
    whole_blocks = engine.count_tokens(system) // BLOCK * BLOCK
    assert once - before < BLOCK <= whole_blocks
    assert twice - once >= whole_blocks - BLOCK


def test_what_was_told_of_earlier_chunks_is_read_once(vllm: Vllm, engine: ServerEngine) -> None:
    frames = make_frames(2)

    def count_known(lines: list[str]) -> float:
        before = vllm.count("prefix_cache_hits_total")
        chunk = Chunk(9, Span(48, 54))
        context = Context("\n".join(lines), prompt="describe_earlier", max_tokens=1)
        engine.answer(make_request(chunk, frames, context=context))
        return vllm.count("prefix_cache_hits_total") - before

    lines = [f"0:{n:02} A person number {n} walks by and looks at the tree." for n in range(9)]
    count_known(lines[:8])
    known = count_known(lines)
    told = engine.count_tokens(read_prompt("describe_earlier").system + "\n".join(lines[:8]))
    assert known >= told - 2 * BLOCK > 4 * BLOCK


def test_same_frames_are_looked_at_once(vllm: Vllm, engine: ServerEngine) -> None:
    frames = [make_frame(n, (7, 20 * n, 33)) for n in range(6)]
    before = vllm.count("mm_cache_hits_total")
    engine.answer(ask_about(frames))
    assert vllm.count("mm_cache_hits_total") == before
    # Before them stands something else: the prefix is another, the pictures are the same.
    engine.answer(ask_about(frames, "You look for people alone."))
    assert vllm.count("mm_cache_hits_total") == before + 6


def test_model_that_takes_no_video_is_bad_usage_with_a_way_out(vllm: Vllm) -> None:
    with open_engine(vllm, frames_as="video") as engine:
        with pytest.raises(UsageError, match="no frames as a video") as caught:
            engine.check_sight()
        assert "--frames-as images" in caught.value.hint
        with pytest.raises((EngineRefused, RequestTooLarge)):
            engine.answer(ask_about(make_frames(3)))


DECODE = """
import json, sys
from vllm.multimodal.media.connector import MediaConnector
asked = json.load(sys.stdin)
video = MediaConnector(media_io_kwargs=asked["media_io_kwargs"]).fetch_video(asked["url"])
frames, facts = getattr(video, "media", video)
print(json.dumps([frames.shape, frames.tolist(), facts]))
"""


def test_vllm_decodes_our_video_to_the_same_frames_in_order_and_at_their_times() -> None:
    frames = [replace(frame, time=4 + 1.5 * n) for n, frame in enumerate(make_frames(6))]
    with serve() as scripted:
        with open_server("", Settings(base_url=scripted.base_url, frames_as="video")) as engine:
            engine.answer(ask_about(frames))
        (body,) = scripted.chats
    parts = body["messages"][-1]["content"]
    (url,) = [part["video_url"]["url"] for part in parts if part["type"] == "video_url"]
    asked = {"url": url, "media_io_kwargs": body["media_io_kwargs"]}
    shape, pixels, facts = json.loads(run_beside("-c", DECODE, stdin=json.dumps(asked)))
    assert shape == [6, 48, 64, 3]
    assert pixels == [read_jpeg(frame.jpeg).tolist() for frame in frames]
    times = [index / facts["fps"] for index in facts["frames_indices"]]
    assert times == pytest.approx([frame.time for frame in frames], abs=0.01)


def test_run_shows_fewer_frames_where_the_server_takes_no_more_images(
    vllm: Vllm, store: Store, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=120, rate=4)
    settings = Settings(chunking="fixed", chunk_seconds=30, frames=12, out=str(tmp_path / "out"))
    before = vllm.count("mm_cache_queries_total")
    with open_engine(vllm) as engine:
        last = run_to_end(run(video, settings, store, engine, None))
    assert len(last.descriptions) == 4
    for description in last.descriptions:
        if description.status == "described":
            assert description.remark.startswith(f"seen with {MOST_IMAGES} frames")
        else:
            assert description.error.startswith("the reply ")
    assert vllm.count("mm_cache_queries_total") >= before + 4 * MOST_IMAGES


def test_run_survives_a_server_that_is_killed_and_started_again(
    vllm: Vllm, store: Store, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=60, rate=4)
    settings = Settings(
        base_url=f"{vllm.url}/v1", chunking="fixed", chunk_seconds=1.5, out=str(tmp_path / "out")
    )
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        vllm.wait()

    def describe(kill_after: int) -> Result:
        described = 0

        def tell(step: Progress) -> None:
            nonlocal described
            described += step.description is not None
            if step.description and described == kill_after:
                vllm.restart()

        with open_engine(vllm) as engine:
            return run_to_end(run(video, settings, store, engine, None, sleep), tell)

    first = describe(kill_after=8)
    assert len(vllm.starts) == 2 and any(waits)
    assert [d.chunk.number for d in first.descriptions] == [*range(1, 41)]
    for description in first.descriptions:
        assert description.status != "failed" or description.error.startswith("the reply ")
    answered = {d.chunk.number: d.text for d in first.descriptions if d.status == "described"}
    assert answered

    second = describe(kill_after=0)
    again = {d.chunk.number for d in second.descriptions if d.stored}
    assert again == set(answered)
    assert {d.chunk.number: d.text for d in second.descriptions if d.stored} == answered
    (usage,) = [usage for usage in second.usage if usage.stage == "describe"]
    assert usage.from_store == len(answered)
