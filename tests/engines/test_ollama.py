"""The `ollama` engine against a scripted Ollama, which keeps to its documented API.

What is shown of frames that are cut off is shown on a copy of Ollama's own rules (`ollamas.py`).
"""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longtake.ask.engine import Request, byte_bound
from longtake.engines.ollama import CONTEXT_STEP, OllamaEngine, open_ollama, read_host
from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    OutOfMemory,
    RequestTooLarge,
    UsageError,
)
from longtake.pipeline.run import run
from longtake.pipeline.session import run_to_end
from longtake.records import Frame
from longtake.settings import Settings, load_settings
from longtake.store import Store
from tests.frames import make_frame
from tests.ollamas import (
    CHAT,
    SHOW,
    TAGS,
    CuttingOllama,
    as_reply,
    as_show,
    as_tags,
    as_wrong,
    chats,
    images_of,
    set_ollama,
)
from tests.servers import (
    Answer,
    Asked,
    Route,
    ScriptedServer,
    as_error,
    as_json,
    as_models,
    babble,
    cut,
    drop,
    hang,
    serve,
)
from tests.videos import make_video

QUESTION = Request("You describe.", ("What is it?",), max_tokens=64)
KEY = "sk-a-secret-of-some-length"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as running:
        set_ollama(running)
        yield running


def open_at(server: ScriptedServer, model: str = "", **settings: Any) -> OllamaEngine:
    return open_ollama(model, Settings(ollama_url=server.url, **settings))


def ask_about(frames: int, *, side: int = 512, words: str = "") -> Request:
    """A question like that of the pipeline, about so many frames, each unlike the others."""
    parts: list[str | Frame] = []
    for number in range(frames):
        frame = make_frame(number, (20 * number % 256, 90, 200))
        parts += [f"Frame at {number}:", replace(frame, width=side, height=side * 9 // 16)]
    return Request("You describe.", (*parts, f"Describe. {words}"), max_tokens=256)


def error_of(server: ScriptedServer, *routes: Route, **settings: Any) -> EngineError:
    """The error that the engine makes of these answers to a chat."""
    server.set(CHAT, *routes)
    with open_at(server, **settings) as engine, pytest.raises(EngineError) as caught:
        engine.answer(QUESTION)
    return caught.value


# What is asked


def test_chat_says_how_much_context_it_needs_and_waits_for_the_whole_answer(
    server: ScriptedServer,
) -> None:
    with open_at(server) as engine:
        engine.answer(QUESTION)
    (body,) = chats(server)
    assert set(body) == {"model", "messages", "stream", "truncate", "shift", "options"}
    assert (body["model"], body["stream"]) == ("see:3b", False)
    assert (body["truncate"], body["shift"]) == (False, False)
    assert body["options"] == {
        "num_ctx": CONTEXT_STEP,
        "num_predict": 64,
        "temperature": 0.0,
        "seed": 0,
    }


def test_each_frame_has_a_turn_of_its_own_after_its_time(server: ScriptedServer) -> None:
    first, second = make_frame(0.5, (255, 0, 0)), make_frame(1.5, (0, 0, 255))
    request = Request(
        "You describe.",
        ("These:", "Frame at 0:", first, "Frame at 1:", second, "Describe, ünïcödé 猫."),
        examples=(("Q1", "A1"),),
    )
    with open_at(server) as engine:
        engine.answer(request)
    (body,) = chats(server)
    assert [(m["role"], m["content"]) for m in body["messages"]] == [
        ("system", "You describe."),
        ("user", "Q1"),
        ("assistant", "A1"),
        ("user", "These:\nFrame at 0:"),
        ("user", ""),
        ("user", "Frame at 1:"),
        ("user", ""),
        ("user", "Describe, ünïcödé 猫."),
    ]
    images = [message.get("images", []) for message in body["messages"]]
    assert [len(found) for found in images] == [0, 0, 0, 0, 1, 0, 1, 0]
    assert images_of(body) == [first.jpeg, second.jpeg]


def test_template_that_wants_turns_to_alternate_gets_one_turn_from_then_on(
    server: ScriptedServer,
) -> None:
    wrong = as_wrong(500, "Jinja Exception: Conversation roles must alternate user/assistant/...")
    server.set(CHAT, wrong, as_reply())
    request = ask_about(3)
    with open_at(server) as engine:
        assert engine.answer(request).text == "A cat."
        engine.answer(request)
    split, *joined = chats(server)
    assert len(split["messages"]) == 8
    for body in joined:
        system, user = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert user["content"] == "Frame at 0:\nFrame at 1:\nFrame at 2:\nDescribe. "
        assert images_of(body) == [frame.jpeg for frame in request.frames]
    assert len(joined) == 2


def test_template_that_refuses_one_turn_too_is_asked_no_third_time(server: ScriptedServer) -> None:
    server.set(CHAT, as_wrong(500, "Conversation roles must alternate"))
    with open_at(server) as engine, pytest.raises(EngineFailed, match="must alternate"):
        engine.answer(QUESTION)
    assert len(chats(server)) == 2


def test_later_attempts_may_come_out_differently(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        for attempt in range(3):
            engine.answer(QUESTION.again(attempt, "Shorter."))
    options = [body["options"] for body in chats(server)]
    assert [(o["seed"], o["temperature"] > 0) for o in options] == [
        (0, False),
        (1, True),
        (2, True),
    ]


@pytest.mark.parametrize(
    ("size", "small"),
    [("494.03M", True), ("999K", True), ("1.0B", False), ("7.6B", False), ("?", False), (7, False)],
)
def test_model_of_few_parameters_is_known_to_be_small(
    server: ScriptedServer, size: object, small: bool
) -> None:
    server.set(SHOW, as_show("vision", details={"parameter_size": size}))
    with open_at(server) as engine:
        assert engine.capabilities.small == small


def test_schema_goes_as_the_format(server: ScriptedServer) -> None:
    schema = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
    with open_at(server) as engine:
        assert engine.capabilities.schemas
        engine.answer(replace(QUESTION, schema=schema))
        engine.answer(QUESTION)
    first, second = chats(server)
    assert first["format"] == schema and "format" not in second


def test_only_a_model_that_thinks_is_told_not_to(server: ScriptedServer) -> None:
    for capabilities, think in ((["vision", "thinking"], False), (["vision"], None)):
        server.set(SHOW, as_show(*capabilities))
        with open_at(server) as engine:
            engine.answer(QUESTION)
        assert chats(server)[-1].get("think") is think


# The context


def test_context_grows_in_steps_and_never_shrinks(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        for frames in (1, 6, 1, 2, 12, 3):
            engine.answer(ask_about(frames))
    asked = [body["options"]["num_ctx"] for body in chats(server)]
    assert asked == [4096, 8192, 8192, 8192, 16_384, 16_384]


def test_context_is_enough_for_all_that_is_asked(server: ScriptedServer) -> None:
    for frames in range(13):
        for side in (224, 512, 1280):
            with open_at(server) as engine:
                request = ask_about(frames, side=side, words="猫" * 100 * frames)
                engine.answer(request)
                need = frames * max(1024, engine.frame_tokens(side, side * 9 // 16))
                need += byte_bound(request.system + request.text) + request.max_tokens
                assert chats(server)[-1]["options"]["num_ctx"] >= need


def test_user_is_told_what_context_the_model_is_loaded_with(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "longtake")
    with open_at(server) as engine:
        for frames in (1, 1, 6):
            engine.answer(ask_about(frames))
    assert [record.message for record in caplog.records] == [
        "Ollama loads see:3b with a context of 4096 tokens",
        "Ollama loads see:3b with a context of 8192 tokens",
    ]


def test_memory_that_did_not_suffice_lets_the_context_shrink(server: ScriptedServer) -> None:
    wrong = as_wrong(500, "model requires more system memory (9.1 GiB) than is available (7 GiB)")
    server.set(CHAT, wrong, as_reply())
    with open_at(server) as engine:
        with pytest.raises(OutOfMemory):
            engine.answer(ask_about(6))
        engine.answer(ask_about(1))
    assert [body["options"]["num_ctx"] for body in chats(server)] == [8192, 4096]


@pytest.mark.parametrize("frames", [7, 12])
def test_frames_that_do_not_fit_are_refused_before_the_call(
    server: ScriptedServer, frames: int
) -> None:
    server.set(SHOW, as_show("vision", context=8192))
    with open_at(server) as engine:
        with pytest.raises(RequestTooLarge, match=rf"{frames} frames .* holds 8192") as caught:
            engine.answer(ask_about(frames))
        assert "--frames" in caught.value.hint and not caught.value.retry
        assert not chats(server)
        engine.answer(ask_about(6))
    assert chats(server)[-1]["options"]["num_ctx"] == 8192


def test_text_that_does_not_fit_is_refused_before_the_call(server: ScriptedServer) -> None:
    server.set(SHOW, as_show("vision", context=8192))
    with open_at(server) as engine, pytest.raises(RequestTooLarge, match="the text may take"):
        engine.answer(replace(QUESTION, parts=("word " * 2000,)))
    assert not chats(server)


def test_turns_of_the_modelfile_are_counted(server: ScriptedServer) -> None:
    turns = [{"role": "user", "content": "word " * 1000}, {"role": "assistant", "content": "Yes."}]
    for more, context in (({}, 4096), ({"messages": turns}, 8192), ({"messages": "?"}, 4096)):
        server.set(SHOW, as_show("vision", **more))
        with open_at(server) as engine:
            engine.answer(QUESTION)
        assert chats(server)[-1]["options"]["num_ctx"] == context


@pytest.mark.parametrize(("architecture", "image_tokens"), [("qwen25vl", 1092), ("gemma3", 256)])
@pytest.mark.parametrize("old", [True, False])
def test_no_frame_is_cut_off_by_an_ollama_of_whatever_age(
    server: ScriptedServer, old: bool, architecture: str, image_tokens: int
) -> None:
    ollama = CuttingOllama(image_tokens, old=old)
    server.set(SHOW, as_show("vision", architecture=architecture))
    server.set(CHAT, ollama)
    requests = [ask_about(frames, words="word " * 200) for frames in (1, 6, 12, 2, 30)]
    with open_at(server) as engine:
        for request in requests:
            engine.answer(request)
    assert ollama.seen == [[frame.jpeg for frame in request.frames] for request in requests]


def test_frames_are_cut_off_by_the_copy_of_ollama_where_no_context_is_asked_for() -> None:
    """What the one before would not show if its server let everything pass."""
    messages = [{"role": "user", "content": "", "images": ["QUJD"]} for _ in range(12)]
    body = as_json({"messages": messages, "options": {}}).body
    for old, seen in ((True, [4]), (False, [])):
        ollama = CuttingOllama(1024, old=old)
        ollama(Asked("POST", CHAT, {}, body), None)
        assert [len(images) for images in ollama.seen] == seen


def test_prompt_that_took_more_than_was_thought_is_too_large(server: ScriptedServer) -> None:
    for prompt, output, fits in ((3840, 256, True), (3841, 10, False), (4096, 1, False)):
        server.set(CHAT, as_reply(prompt=prompt, output=output))
        with open_at(server) as engine:
            if fits:
                assert engine.answer(ask_about(1)).input_tokens == prompt
            else:
                with pytest.raises(RequestTooLarge, match=rf"took {prompt} tokens .* of 4096"):
                    engine.answer(ask_about(1))


def test_few_tokens_prove_nothing_where_ollama_leaves_out_those_it_remembered(
    server: ScriptedServer,
) -> None:
    server.set(CHAT, as_reply(prompt=1))
    with open_at(server) as engine:
        assert engine.answer(ask_about(6)).input_tokens == 1


def test_threads_never_ask_for_less_context_than_they_need(server: ScriptedServer) -> None:
    ollama = CuttingOllama(1092, old=False)
    server.set(CHAT, ollama)
    requests = [ask_about(frames) for frames in (1, 9, 2, 7, 3, 6, 1, 12) * 3]
    with open_at(server) as engine, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(engine.answer, requests))
    for request, reply in zip(requests, replies, strict=True):
        assert f"I see {len(request.frames)} images" in reply.text


# What a frame takes


@pytest.mark.parametrize(
    ("architecture", "least", "most"),
    [
        ("qwen25vl", 1024, 1120),
        ("qwen3vl", 1024, 1120),
        ("qwen3vlmoe", 1024, 1120),
        ("qwen35", 768, 768),
        ("gemma3", 768, 768),
        ("mistral3", 768, 777),
    ],
)
def test_small_frame_takes_what_ollama_spends_on_it(
    server: ScriptedServer, architecture: str, least: int, most: int
) -> None:
    server.set(SHOW, as_show("vision", architecture=architecture))
    with open_at(server) as engine:
        assert least <= engine.frame_tokens(512, 288) <= most


def test_large_frame_takes_what_its_family_spends(server: ScriptedServer) -> None:
    for architecture, tokens in (("qwen25vl", 46 * 26), ("qwen3vl", 1120), ("gemma3", 768)):
        server.set(SHOW, as_show("vision", architecture=architecture))
        with open_at(server) as engine:
            assert engine.frame_tokens(1280, 720) == tokens


def test_llava_takes_the_same_for_every_frame(server: ScriptedServer) -> None:
    size = {"clip.vision.image_size": 336, "clip.vision.patch_size": 14}
    merger = {"clip.projector_type": "qwen2.5vl_merger"}
    tiles = {"clip.vision.mm_patch_merge_type": "spatial_unpad"}
    cases = ((size, 768), (size | tiles, 2880), (size | tiles | merger, 768), ({"x": "y"}, 768))
    for projector, tokens in cases:
        server.set(SHOW, as_show("vision", architecture="llama", projector_info=projector))
        with open_at(server) as engine:
            assert engine.frame_tokens(224, 126) == tokens


# Which model


def test_model_is_found_by_its_name_with_or_without_a_tag(server: ScriptedServer) -> None:
    server.set(TAGS, as_tags("see:latest", "see:7b", "hf.co/Some/Own-GGUF:Q4_K_M"))
    for model, found in (
        ("see", "see:latest"),
        ("see:latest", "see:latest"),
        ("SEE", "see:latest"),
        ("library/see", "see:latest"),
        ("registry.ollama.ai/library/see:7b", "see:7b"),
        ("see:7b", "see:7b"),
        ("hf.co/Some/Own-GGUF:Q4_K_M", "hf.co/Some/Own-GGUF:Q4_K_M"),
    ):
        with open_at(server, model) as engine:
            assert engine.name == f"ollama:{found}"
            assert engine.options == {"weights": f"digest of {found}"}
            engine.answer(QUESTION)
        assert chats(server)[-1]["model"] == found


def test_another_pull_of_a_model_has_another_key(server: ScriptedServer) -> None:
    options = []
    for digest in ("a", "b", "a"):
        server.set(TAGS, as_tags({"name": "see:3b", "digest": digest}))
        with open_at(server) as engine:
            options.append(engine.options)
    assert options[0] == options[2] != options[1]


def test_model_that_was_not_pulled_is_bad_usage_and_those_here_are_listed(
    server: ScriptedServer,
) -> None:
    server.set(TAGS, as_tags("see:3b", "text:1b"))
    with pytest.raises(UsageError, match="no model 'see'") as caught:
        open_at(server, "see")
    assert "`ollama pull see`" in caught.value.hint and "see:3b, text:1b" in caught.value.hint


def test_ollama_without_models_says_how_to_get_one(server: ScriptedServer) -> None:
    server.set(TAGS, as_json({"models": None}))
    for model in ("", "see"):
        with pytest.raises(UsageError) as caught:
            open_at(server, model)
        assert "ollama pull" in caught.value.hint and "none yet" in caught.value.hint


def test_first_model_that_sees_and_runs_here_is_taken_where_none_is_named(
    server: ScriptedServer,
) -> None:
    cloud = {"name": "see:cloud", "remote_host": "https://elsewhere.example:443"}
    server.set(TAGS, as_tags("text:1b", cloud, "see:3b", "see:7b"))
    server.set(SHOW, as_show("completion"), as_show("vision"))
    with open_at(server) as engine:
        assert engine.name == "ollama:see:3b" and "first model with vision" in engine.why
    shown = [asked.json["model"] for asked in server.asked if asked.path == SHOW]
    assert shown == ["text:1b", "see:3b"]


def test_model_that_runs_elsewhere_is_for_who_names_it_and_is_told_so(
    server: ScriptedServer,
) -> None:
    cloud = {"name": "see:cloud", "remote_host": "https://elsewhere.example:443"}
    server.set(TAGS, as_tags(cloud))
    with open_at(server, "see:cloud") as engine:
        assert "it runs at https://elsewhere.example:443" in engine.why
    with pytest.raises(UsageError, match="no model with vision"):
        open_at(server)


def test_no_model_that_sees_is_bad_usage_where_none_is_named(server: ScriptedServer) -> None:
    server.set(SHOW, as_show("completion"))
    with pytest.raises(UsageError, match="no model with vision") as caught:
        open_at(server)
    assert "ollama pull qwen2.5vl:3b" in caught.value.hint and "see:3b" in caught.value.hint


def test_model_without_vision_answers_text_and_refuses_frames(server: ScriptedServer) -> None:
    server.set(SHOW, as_show("completion"))
    with open_at(server, "see:3b") as engine:
        assert engine.capabilities.images == 0
        assert engine.answer(QUESTION).text == "A cat."
        with pytest.raises(RequestTooLarge, match="takes no images"):
            engine.answer(ask_about(1))
        with pytest.raises(UsageError, match="takes no images") as caught:
            engine.check_sight()
        assert "ollama pull" in caught.value.hint
    assert len(chats(server)) == 1


def test_older_ollama_that_lists_no_capabilities_is_known_by_the_models_parts(
    server: ScriptedServer,
) -> None:
    facts = {"general.architecture": "gemma3", "gemma3.context_length": 8192}
    for shown, images in (
        ({"model_info": facts}, 0),
        ({"model_info": facts, "projector_info": {"clip.vision.image_size": 336}}, None),
        ({"model_info": facts | {"gemma3.vision.block_count": 27}}, None),
    ):
        server.set(SHOW, as_json(shown))
        with open_at(server, "see:3b") as engine:
            assert engine.capabilities.images == images


def test_llama_vision_looks_at_one_image(server: ScriptedServer) -> None:
    server.set(SHOW, as_show("vision", architecture="mllama"))
    with open_at(server) as engine:
        assert engine.capabilities.images == 1
        engine.answer(ask_about(1))
        with pytest.raises(RequestTooLarge, match="at most 1 a request, not 2"):
            engine.answer(ask_about(2))


def test_context_is_the_models_or_less_where_the_user_says_so(server: ScriptedServer) -> None:
    for context, limit, found in ((8192, 0, 8192), (8192, 6000, 6000), (8192, 99_999, 8192)):
        server.set(SHOW, as_show("vision", context=context))
        with open_at(server, context_tokens=limit) as engine:
            assert engine.capabilities.context_tokens == found


def test_unknown_context_is_assumed_and_said(server: ScriptedServer) -> None:
    for shown in ({}, {"model_info": None}, {"model_info": {"general.architecture": 7}}):
        server.set(SHOW, as_json({"capabilities": ["vision"]} | shown))
        with open_at(server) as engine:
            assert engine.capabilities.context_tokens == 4096
            assert "4096 tokens are assumed" in engine.why


# What comes back


def test_reply_has_text_tokens_and_whether_it_is_whole(server: ScriptedServer) -> None:
    def take_a_moment(asked: Asked, connection: object) -> Answer:
        time.sleep(0.005)
        return as_reply(" A cat. \n", prompt=20, output=5)

    server.set(
        CHAT,
        take_a_moment,
        as_reply("A c", done_reason="length"),
        as_reply("A c", done=False, done_reason=None, prompt_eval_count=None, eval_count=None),
    )
    with open_at(server) as engine:
        whole, cut_short, given_up = (engine.answer(QUESTION) for _ in range(3))
    assert (whole.text, whole.input_tokens, whole.output_tokens) == ("A cat.", 20, 5)
    assert whole.complete and whole.seconds > 0
    assert not cut_short.complete and not given_up.complete
    assert (given_up.input_tokens, given_up.output_tokens) == (0, 0)


def test_thoughts_are_no_part_of_the_reply(server: ScriptedServer) -> None:
    apart = {"role": "assistant", "content": "A cat.", "thinking": "Is it a dog?"}
    server.set(
        CHAT,
        as_reply(message=apart),
        as_reply("<think>A dog?</think>\nA cat."),
        as_reply("A dog?</think>A cat."),
        as_reply("<think>A dog? No,", done_reason="length"),
        as_reply(message={"role": "assistant", "content": None}),
    )
    with open_at(server) as engine:
        assert [engine.answer(QUESTION).text for _ in range(5)] == ["A cat."] * 3 + ["", ""]


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (500, "model requires more system memory (5.0 GiB) than is available (3.1 GiB)", "memory"),
        (500, "llama runner process has terminated: cudaMalloc failed: out of memory", "memory"),
        (500, "llama runner process has terminated: signal: killed", "memory"),
        (500, "llama-server process has terminated: exit status 2", "memory"),
        (500, "llama runner process no longer running: 2", "memory"),
        (
            500,
            "llama runner process has terminated: error loading model: unknown model architecture",
            "refused",
        ),
        (500, "unable to load model: /models/blobs/sha256-1", "refused"),
        (500, "an error was encountered while running the model", "failed"),
        (400, '"see" does not support chat', "refused"),
        (404, "model 'see' not found", "refused"),
        (401, "unauthorized", "refused"),
        (429, "too many requests", "busy"),
        (503, "server busy, please try again.  maximum pending requests exceeded", "busy"),
        (400, "request (9 tokens) exceeds the available context size (4 tokens)", "large"),
        (500, "the input length exceeds the context length", "large"),
        (
            400,
            "the prompt is longer than the context length currently available to the model",
            "large",
        ),
        (504, "", "late"),
    ],
)
def test_error_is_of_the_kind_that_its_words_say(
    server: ScriptedServer, status: int, message: str, kind: str
) -> None:
    error = error_of(server, as_wrong(status, message))
    kinds: dict[str, type[EngineError]] = {
        "memory": OutOfMemory,
        "refused": EngineRefused,
        "failed": EngineFailed,
        "busy": EngineBusy,
        "large": RequestTooLarge,
        "late": EngineTimeout,
    }
    assert type(error) is kinds[kind]
    assert " ".join(message.split()) in error.message
    assert error.hint or kind == "late"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"no json"),
        Answer(200, b"[]"),
        as_json({}),
        as_json({"message": "text"}),
        as_json({"message": {}}),
        as_reply(content=7),  # type: ignore[arg-type]
        as_reply(prompt_eval_count="many"),
        as_json({"error": "an error was encountered while running the model"}),
        Answer(500, b""),
    ],
)
def test_answer_that_is_no_chat_is_a_failure(server: ScriptedServer, answer: Answer) -> None:
    assert type(error_of(server, answer)) is EngineFailed


@pytest.mark.parametrize("route", [drop, cut, babble])
def test_broken_connection_says_how_to_start_ollama(server: ScriptedServer, route: Route) -> None:
    error = error_of(server, route)
    assert type(error) is EngineUnreachable
    assert "`ollama serve`" in error.hint and "longtake doctor" in error.hint


def test_answer_that_takes_too_long_is_a_timeout(server: ScriptedServer) -> None:
    assert type(error_of(server, hang(3), timeout_seconds=0.3)) is EngineTimeout


def test_closed_engine_answers_nothing_and_ends_what_is_under_way(server: ScriptedServer) -> None:
    engine = open_at(server)
    server.set(CHAT, hang(3))
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(engine.answer, QUESTION)
        while not chats(server):
            time.sleep(0.01)
        engine.close()
        with pytest.raises(EngineRefused, match="was closed"):
            under_way.result(timeout=2)
    with pytest.raises(EngineRefused, match="is closed"):
        engine.answer(QUESTION)


# Where it is


def test_ollama_that_does_not_run_is_unreachable() -> None:
    with serve() as gone:
        pass
    for model in ("", "see"):
        with pytest.raises(EngineUnreachable, match="can't be reached") as caught:
            open_at(gone, model)
        assert "`ollama serve`" in caught.value.hint


def test_server_that_is_no_ollama_is_bad_usage(server: ScriptedServer) -> None:
    page = Answer(200, b"<!doctype html><html></html>")
    for answer in (as_error(404, "no such path"), as_wrong(405, "not allowed"), page):
        server.set(TAGS, answer)
        with pytest.raises(UsageError, match="not as Ollama") as caught:
            open_at(server)
        assert "--engine server" in caught.value.hint


def test_other_servers_address_and_key_are_not_for_ollama(server: ScriptedServer) -> None:
    with serve() as other, open_at(server, api_key=KEY, base_url=other.base_url) as engine:
        engine.answer(QUESTION)
    assert server.asked and not any("Authorization" in asked.headers for asked in server.asked)
    assert other.asked == []


def test_environment_says_where_ollama_is_and_the_settings_say_it_better(
    server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "none.toml"
    environment = {"OLLAMA_HOST": server.url.removeprefix("http://")}
    with open_ollama("see:3b", load_settings({}, environment, file)) as engine:
        assert server.url in engine.why
    with serve() as other:
        set_ollama(other)
        for url in (other.base_url, other.url, f"{other.base_url}/"):
            settings = load_settings({"ollama_url": url}, environment, file)
            with open_ollama("see:3b", settings) as engine:
                assert other.url in engine.why and "/v1" not in engine.why


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        (":8000", "http://127.0.0.1:8000"),
        ("box", "http://box:11434"),
        ("box:8000", "http://box:8000"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box:8443/ollama/", "https://box:8443/ollama"),
        ('"box:8000"', "http://box:8000"),
        ("::", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("[::]", "http://[::1]:11434"),
    ],
)
def test_host_of_the_environment_is_read_as_ollama_reads_it(host: str, address: str) -> None:
    assert read_host(host) == address


@pytest.mark.parametrize("host", ["box:port", "box:99999", "ftp://box", "a b", "me:pw@box", "[:::"])
def test_host_that_can_not_be_is_bad_usage(host: str) -> None:
    with pytest.raises(UsageError, match="OLLAMA_HOST") as caught:
        open_ollama("", Settings(ollama_url=host))
    assert "pw" not in caught.value.message


# A whole run


def test_run_with_ollama_shows_every_frame_and_a_second_one_asks_nothing(
    server: ScriptedServer, tmp_path: Path, store: Store
) -> None:
    ollama = CuttingOllama(1092, old=True)
    server.set(CHAT, ollama)
    video = make_video(tmp_path / "video.mp4", seconds=20)
    out = str(tmp_path / "out")
    settings = Settings(ollama_url=server.url, chunking="fixed", read_text="off", out=out)
    for counted in (1, 0):
        server.asked.clear()
        with open_ollama("", settings) as engine:
            last = run_to_end(run(video, settings, store, engine, engine))
        assert last.ledger.failed == 0
        described = [body for body in chats(server) if images_of(body)]
        assert bool(described) == bool(counted)
        for body in described:
            labels = [m for m in body["messages"] if m["content"].startswith("Frame at ")]
            assert len(labels) == len(images_of(body))
    assert sum(len(images) > 1 for images in ollama.seen) >= 4
    assert not [asked for asked in server.asked if asked.path not in (TAGS, SHOW)]


def test_other_servers_list_of_models_is_not_asked_for(server: ScriptedServer) -> None:
    server.set("/v1/models", as_models("tiny"))
    with open_at(server) as engine:
        engine.answer(QUESTION)
    assert {asked.path for asked in server.asked} == {TAGS, SHOW, CHAT}
