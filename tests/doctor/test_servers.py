"""Which servers answer nearby: found, told apart, bounded in time; no secret is sent or said."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from longtake.doctor.servers import (
    Served,
    Server,
    complete_address,
    find_servers,
    look_at,
    run_together,
)
from longtake.errors import UsageError
from longtake.settings import Settings
from tests.servers import (
    CHAT,
    MODELS,
    Answer,
    ScriptedServer,
    as_error,
    as_json,
    as_models,
    babble,
    drip,
    drop,
    hang,
    serve,
)

KEY = "sk-secret-secret"


def port_of(server: ScriptedServer) -> int:
    return urlsplit(server.url).port or 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def look(server: ScriptedServer) -> Server:
    (found,) = find_servers(Settings(), [port_of(server)], {})
    return found


@contextmanager
def listen_in_silence() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def test_a_port_that_nobody_listens_on_is_left_out() -> None:
    assert find_servers(Settings(), [free_port()], {}) == ()


def test_vllm_s_models_have_their_context() -> None:
    with serve() as server:
        entry = {"id": "Qwen/Qwen3-VL-4B", "owned_by": "vllm", "max_model_len": 32768}
        server.set(MODELS, as_models(entry))
        assert look(server) == Server(
            server.base_url, "vLLM", (Served("Qwen/Qwen3-VL-4B", 32768, None),)
        )
        assert not server.chats


def test_llama_cpp_says_whether_it_takes_images() -> None:
    with serve() as server:
        server.set(MODELS, as_models({"id": "m.gguf", "owned_by": "llamacpp"}))
        props = {"default_generation_settings": {"n_ctx": 4096}, "modalities": {"vision": True}}
        server.set("/props?model=m.gguf", as_json(props))
        assert look(server).models == (Served("m.gguf", 4096, True),)


def test_lm_studio_s_own_list_is_asked() -> None:
    with serve() as server:
        server.set(MODELS, as_models({"id": "see", "owned_by": "organization_owner"}))
        own = {"id": "see", "type": "vlm", "loaded_context_length": 8192}
        server.set("/api/v0/models", as_json({"data": [{"id": "other"}, own]}))
        assert look(server) == Server(server.base_url, "LM Studio", (Served("see", 8192, True),))


def test_ollama_is_asked_about_each_model() -> None:
    with serve() as server:
        server.set(
            MODELS,
            as_models(*({"id": name, "owned_by": "library"} for name in ("see:3b", "text:1b"))),
        )
        shown = {"capabilities": ["completion", "vision"], "model_info": {"a.context_length": 9}}
        server.set("/api/show", as_json(shown), as_json({"capabilities": ["completion"]}))
        found = look(server)
        assert found.kind == "Ollama"
        assert found.models == (Served("see:3b", 9, True), Served("text:1b", 0, False))
        assert server.asked[-2].json == {"model": "see:3b"}


def test_a_kind_that_will_not_say_more_is_listed_with_what_it_said() -> None:
    with serve() as server:
        server.set(MODELS, as_models({"id": "m", "owned_by": "llamacpp"}))
        assert look(server).models == (Served("m", 0, None),)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (as_error(401, "no key"), "refuses to list its models: the server answered 401: no key"),
        (as_error(500, "broken"), "the server answered 500: broken"),
        (Answer(200, b"<html>hello</html>"), "answered with something that is not JSON"),
        (as_json([1]), "answers, but with no list of models"),
        (as_json({"data": None}), "answers, but with no list of models"),
    ],
)
def test_a_server_of_no_use_says_why(answer: Answer, trouble: str) -> None:
    with serve() as server:
        server.set(MODELS, answer)
        assert look(server) == Server(server.base_url, "", (), trouble)


def test_a_list_without_an_envelope_is_read() -> None:
    with serve() as server:
        server.set(MODELS, as_json([{"id": "m", "context_length": 900}, "n"]))
        assert look(server).models == (Served("m", 900, None), Served("n", 0, None))


@pytest.mark.parametrize("answer", [babble, drop])
def test_a_port_that_speaks_no_http_is_noted(answer: object) -> None:
    with serve() as server:
        server.set(MODELS, answer)  # type: ignore[arg-type]
        found = look(server)
    assert found.models == ()
    assert found.trouble.startswith("can't be reached")


@pytest.mark.parametrize("slow", [hang(4), drip(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", 0.02, 4)])
def test_a_server_that_hangs_is_waited_for_a_moment_beside_the_others(slow: object) -> None:
    with serve() as server, serve() as quick:
        server.set(MODELS, slow)  # type: ignore[arg-type]
        started = time.monotonic()
        found = find_servers(Settings(), [port_of(server), port_of(quick)], {}, seconds=0.5)
        assert time.monotonic() - started < 3
    assert [one.trouble for one in found] == ["gave no reply in time", ""]


def test_a_port_that_never_says_a_word_is_waited_for_a_moment() -> None:
    with listen_in_silence() as port:
        started = time.monotonic()
        (found,) = find_servers(Settings(), [port], {}, seconds=0.4)
        assert time.monotonic() - started < 3
    assert found.trouble == "gave no reply in time"


def test_broken_entries_are_passed_over_and_names_are_made_safe() -> None:
    with serve() as server:
        server.set(MODELS, as_json({"data": [3, {"id": None}, {}, {"id": "a\x1b[31m\u202eb"}]}))
        assert [model.id for model in look(server).models] == ["a [31m b"]


def test_a_list_without_end_is_cut() -> None:
    with serve() as server:
        server.set(MODELS, as_models(*(f"m{number}" for number in range(500))))
        assert len(look(server).models) == 50


def test_a_named_address_is_reported_although_nobody_is_there() -> None:
    settings = Settings(base_url=f"http://127.0.0.1:{free_port()}/v1")
    (found,) = find_servers(settings, [], {})
    assert found.address == settings.base_url
    assert "can't be reached" in found.trouble


def test_an_address_that_is_also_a_usual_port_is_asked_once() -> None:
    with serve() as server:
        settings = Settings(base_url=f"http://localhost:{port_of(server)}/v1/")
        assert len(find_servers(settings, [port_of(server)], {})) == 1
        assert len(server.asked) == 1


def test_ollama_s_own_variable_names_an_address() -> None:
    with serve() as server:
        (found,) = find_servers(Settings(), [], {"OLLAMA_HOST": f"0.0.0.0:{port_of(server)}"})
        assert found.address == server.base_url
    assert find_servers(Settings(), [], {"OLLAMA_HOST": "a b@c"}) == ()


def test_a_key_goes_to_its_own_server_alone_and_is_never_shown() -> None:
    with serve() as ours, serve() as other:
        ours.set(MODELS, as_error(401, f"wrong key {KEY}"))
        settings = Settings(base_url=ours.base_url, api_key=KEY)
        found = find_servers(settings, [port_of(other)], {})
        assert KEY in ours.asked[0].headers["Authorization"]
        assert "Authorization" not in other.asked[0].headers
    assert KEY not in repr(found)


def test_each_of_several_addresses_is_looked_at_with_the_key() -> None:
    with serve() as one, serve() as two:
        settings = Settings(base_url=f"{one.base_url},{two.base_url}", api_key=KEY)
        found = find_servers(settings, [], {})
        assert [server.address for server in found] == [one.base_url, two.base_url]
        assert all(server.models for server in found)
        assert {asked.headers["Authorization"] for asked in one.asked + two.asked} == {
            f"Bearer {KEY}"
        }


@pytest.mark.parametrize("address", ["http://me:hunter22@127.0.0.1:9/v1", "http://h/v1?k=hunter22"])
def test_a_secret_in_an_address_is_not_shown(address: str) -> None:
    (found,) = find_servers(Settings(base_url=address), [], {})
    assert found.trouble
    assert "hunter22" not in repr(found)


def test_no_proxy_is_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with serve() as server:
        assert look(server).models


def test_tasks_that_are_late_are_left_behind() -> None:
    wait = threading.Event()
    found = run_together({"quick": lambda: True, "late": lambda: wait.wait(5)}, 0.2)
    wait.set()
    assert found == {"quick": True}


def test_a_task_s_error_is_the_caller_s() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_together({"one": fail}, 1)


def test_no_model_is_asked_anything() -> None:
    with serve() as server:
        look(server)
        assert [asked.path for asked in server.asked] == [MODELS]
        assert CHAT not in {asked.path for asked in server.asked}


@pytest.mark.parametrize("form", ["http://{}/v1", "{}", " {}/ ", "http://{}", "{}/v1/"])
def test_an_address_is_found_as_people_write_it(form: str) -> None:
    with serve() as server:
        found = look_at(form.format(server.url.removeprefix("http://")), KEY, 5.0)
        sent = {asked.headers.get("Authorization") for asked in server.asked}
    assert found.address == server.base_url and [m.id for m in found.models] == ["tiny"]
    assert sent == {f"Bearer {KEY}"}


def test_a_server_whose_list_is_not_under_v1_is_found_too() -> None:
    with serve() as server:
        server.set(MODELS, as_error(404, "no such path"))
        server.set("/models", as_models("tiny"))
        assert look_at(server.url, "", 5.0).address == server.url


def test_what_is_wrong_with_a_server_is_told_without_the_key() -> None:
    with serve() as server:
        server.set(MODELS, as_error(401, f"no such key: {KEY}"))
        found = look_at(server.base_url, KEY, 5.0)
    assert not found.models and "401" in found.trouble and KEY not in found.trouble
    assert "can't be reached" in look_at(f"127.0.0.1:{free_port()}", "", 5.0).trouble


@pytest.mark.parametrize(
    "text",
    ["", "ftp://127.0.0.1", "a b", "http://", f"http://me:{KEY}@127.0.0.1/v1", "x?key=1", "a:b"],
)
def test_what_is_no_address_is_told_as_such(text: str) -> None:
    with pytest.raises(UsageError, match="address") as caught:
        look_at(text, "", 1.0)
    assert KEY not in caught.value.message


def test_what_is_far_away_is_asked_over_tls() -> None:
    assert complete_address("api.models.example")[0] == "https://api.models.example/v1"
    assert complete_address("192.168.1.5:8000")[0] == "http://192.168.1.5:8000/v1"
    assert complete_address("[::1]:8000/v1") == ["http://[::1]:8000/v1"]
    assert complete_address("box:8000/v1") == ["http://box:8000/v1"]
