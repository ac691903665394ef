"""Who can describe the pictures, as the page offers it, and what each of them can't be asked."""

from collections.abc import Iterator

import pytest

from longtake.doctor.servers import Served, Server
from longtake.engines import ENGINES, WORDLESS, open_engine
from longtake.errors import LongtakeError, UsageError
from longtake.runs.servers import Connected, list_connected
from longtake.settings import Settings
from longtake.web.describers import (
    ask_server,
    connect_model,
    list_barred,
    list_describers,
    list_seeing,
    say_risk,
)
from tests.ollamas import as_show, as_tags, set_ollama
from tests.servers import CHAT, MODELS, ScriptedServer, as_chat, as_error, as_models, serve

KEY = "sk-0123456789"
VLLM = "http://127.0.0.1:8000/v1"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as served:
        yield served


def test_the_server_and_the_engine_that_the_settings_name_can_be_chosen() -> None:
    named = Settings(engine="ollama:other", base_url="http://127.0.0.1:1/v1")
    found = [describer.value for describer in list_describers(named)]
    assert found[:2] == ["auto", "ollama:other"] and found[-2:] == ["sketch", "server"]


def test_models_of_servers_can_be_chosen_each_once() -> None:
    ollama = Server(
        "http://127.0.0.1:11434/v1", "Ollama",
        (Served("see:3b", 0, True), Served("read:1b", 0, False), Served("old", 0, None)),
    )  # fmt: skip
    vllm = Server(VLLM, "vLLM", (Served("qwen", 0, None), Served("text", 0, False)))
    known = Connected(VLLM, "vLLM", ("qwen", "other"), KEY)
    offered = list_describers(Settings(), (ollama, vllm), (known,))
    found = {describer.label: describer.settings for describer in offered[1:-1]}
    assert len(offered) == len({d.value for d in offered}) == 5
    assert found == {
        "qwen (vLLM)": {"engine": "server:qwen", "base_url": VLLM},
        "other (vLLM)": {"engine": "server:other", "base_url": VLLM},
        "see:3b (Ollama)": {"engine": "ollama:see:3b", "ollama_url": "http://127.0.0.1:11434"},
    }


def test_a_model_is_remembered_once_it_has_taken_a_picture(server: ScriptedServer) -> None:
    found = ask_server(server.url.removeprefix("http://"), f" {KEY} ")
    choice = connect_model(found, "tiny", f" {KEY} ", Settings())
    assert choice.settings == {"engine": "server:tiny", "base_url": server.base_url}
    assert list_connected() == [Connected(server.base_url, "", ("tiny",), KEY)]
    (sent,) = [asked for asked in server.asked if asked.path == CHAT]
    assert b"image_url" in sent.body and sent.headers["Authorization"] == f"Bearer {KEY}"


def test_a_model_without_eyes_is_not_remembered(server: ScriptedServer) -> None:
    server.set(CHAT, as_error(400, "this model takes no image input"), as_chat("Yes."))
    found = ask_server(server.base_url, "")
    with pytest.raises(UsageError, match="takes no images"):
        connect_model(found, "tiny", "", Settings())
    assert list_connected() == []


def test_a_server_that_wants_another_key_is_told_without_the_key(server: ScriptedServer) -> None:
    server.set(MODELS, as_error(401, f"wrong key {KEY}"))
    with pytest.raises(LongtakeError, match="401") as caught:
        ask_server(server.base_url, KEY)
    assert KEY not in str(caught.value) + caught.value.hint


def test_ollama_is_reached_through_its_own_door(server: ScriptedServer) -> None:
    set_ollama(server)
    server.set("/api/tags", as_tags("see:3b", "read:1b"))
    entries = [{"id": name, "owned_by": "library"} for name in ("see:3b", "read:1b")]
    server.set(MODELS, as_models(*entries))
    server.set("/api/show", as_show("vision"), as_show("completion"), as_show("vision"))
    found = ask_server(server.url, "")
    assert found.kind == "Ollama" and list_seeing(found) == ["see:3b"]
    choice = connect_model(found, "see:3b", "", Settings())
    assert choice.settings == {"engine": "ollama:see:3b", "ollama_url": server.url}


def test_only_an_unencrypted_way_to_a_far_server_is_a_risk() -> None:
    def risk(address: str, key: str = "") -> str:
        return say_risk(Server(address, "", ()), key)

    assert not risk("https://models.example/v1", KEY) and not risk(VLLM, KEY)
    assert not risk("http://192.168.1.5:8000/v1", KEY)
    assert risk("http://models.example/v1").startswith("The frames")
    assert risk("http://8.8.8.8/v1", KEY).startswith("The key and the frames")


def test_engines_that_answer_no_text_are_those_that_say_so() -> None:
    assert set(ENGINES) >= WORDLESS
    for name in ("sketch", "fake"):
        with open_engine(name, Settings()) as engine:
            assert engine.capabilities.text == (name not in WORDLESS)


def test_what_cannot_work_is_barred_with_the_reason_and_nothing_else() -> None:
    sketch = list_barred("sketch", Settings())
    assert "can't be told of earlier chunks" in sketch["flow"] and "quotes" in sketch["language"]
    assert list_barred("auto", Settings()) == sketch  # no model is here
    assert list_barred("sketch", Settings(reconciler="fake")).keys() == {"flow"}
    assert list_barred("server:qwen", Settings()) == {}
    assert list_barred("gguf:smolvlm2-500m-video", Settings()).keys() == {"language"}
    assert list_barred("server:qwen", Settings(reconciler="digest")).keys() == {"language"}
    assert list_barred("gguf:nowhere.gguf", Settings()) == {}
