"""How much context is asked for, so that no frame is cut off; and what a frame takes.

What is shown of frames that are cut off is shown on a copy of Ollama's own rules (`ollamas.py`).
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from longtake.errors import (
    OutOfMemory,
    RequestTooLarge,
)
from longtake.inference.engine import byte_bound
from tests.engines.ollama.opened import QUESTION, ask_about, open_at
from tests.ollamas import (
    CHAT,
    SHOW,
    CuttingOllama,
    as_reply,
    as_show,
    as_wrong,
    chats,
)
from tests.servers import (
    Asked,
    ScriptedServer,
    as_json,
)


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
