"""What the `ollama` engine asks, and a whole run with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from longtake.engines.ollama import CONTEXT_STEP, open_ollama
from longtake.errors import (
    EngineFailed,
)
from longtake.inference.engine import Request
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.settings import Settings
from longtake.store import Store
from tests.engines.ollama.opened import QUESTION, ask_about, open_at
from tests.frames import make_frame
from tests.ollamas import (
    CHAT,
    SHOW,
    TAGS,
    CuttingOllama,
    as_reply,
    as_show,
    as_wrong,
    chats,
    images_of,
)
from tests.servers import (
    ScriptedServer,
    as_models,
)
from tests.videos import make_video


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
