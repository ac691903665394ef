"""Which model serves, and what Ollama says that it takes."""

import pytest

from longtake.errors import (
    RequestTooLarge,
    UsageError,
)
from tests.engines.ollama.opened import QUESTION, ask_about, open_at
from tests.ollamas import (
    SHOW,
    TAGS,
    as_show,
    as_tags,
    chats,
)
from tests.servers import (
    ScriptedServer,
    as_json,
)


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
