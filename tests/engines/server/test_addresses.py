"""Where requests go, through which proxy, and that no key is shown."""

import re

import pytest

from longtake.engines.server import open_server
from longtake.errors import (
    EngineError,
    UsageError,
)
from longtake.settings import Settings
from tests.engines.server.opened import KEY, QUESTION, open_at, refuse_fields, refuse_images
from tests.servers import (
    CHAT,
    MODELS,
    ScriptedServer,
    as_error,
    as_models,
    serve,
)


def test_key_is_sent_as_a_bearer_and_only_where_there_is_one(server: ScriptedServer) -> None:
    with open_at(server) as engine:
        engine.answer(QUESTION)
    with open_at(server, api_key=KEY) as engine:
        engine.answer(QUESTION)
    sent = [asked.headers.get("Authorization") for asked in server.asked]
    assert sent == [None, None, f"Bearer {KEY}", f"Bearer {KEY}"]


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_slash_at_the_end_of_the_address_does_not_matter(
    server: ScriptedServer, slashes: str
) -> None:
    with open_server("", Settings(base_url=server.base_url + slashes)) as engine:
        engine.answer(QUESTION)
    assert [asked.path for asked in server.asked] == [MODELS, CHAT]


def test_key_is_shown_nowhere(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    with open_at(server, api_key=KEY) as engine:
        shown = [repr(engine), str(engine), repr(engine.options), engine.name, engine.why]
        for status in (400, 401, 500):
            server.set(CHAT, as_error(status, f"Incorrect API key provided: {KEY}. Bearer {KEY}!"))
            with pytest.raises(EngineError) as caught:
                engine.answer(QUESTION)
            shown += [str(caught.value), repr(caught.value), caught.value.hint]
            assert "Incorrect API key provided: …." in caught.value.message
        server.set(CHAT, refuse_images(400, f"{KEY} may show me no images"))
        with caplog.at_level("DEBUG", "longtake"), pytest.raises(UsageError) as refused:
            engine.check_sight()
        server.set(CHAT, refuse_fields(("seed", as_error(400, f"no seed for {KEY}"))))
        with caplog.at_level("DEBUG", "longtake"):
            engine.answer(QUESTION)
    server.set(MODELS, as_models(f"a {KEY} b"))
    with pytest.raises(UsageError) as unknown:
        open_at(server, "other", api_key=KEY)
    shown += [refused.value.message, refused.value.hint, unknown.value.hint, *caplog.messages]
    assert "seed" in caplog.text and not any(KEY in text for text in shown)


@pytest.mark.parametrize("key", ["schlüssel-lang", "two\nlines", "nul\x00", "“quoted”"])
def test_key_that_can_not_be_sent_is_bad_usage_and_not_shown(
    server: ScriptedServer, key: str
) -> None:
    with pytest.raises(UsageError, match="API key") as caught:
        open_at(server, api_key=key)
    assert key not in caught.value.message + caught.value.hint and server.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8000/v1",
        "localhost:8000",
        "http:///v1",
        "http://",
        "ftp://127.0.0.1/v1",
        "http://127.0.0.1:port/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1:0/v1",
        "http://[::1/v1",
        "http://two words/v1",
        "http://two..dots/v1",
        "http://" + "long" * 20 + "/v1",
        "http://127.0.0.1:8000/v1?key=1",
        "http://127.0.0.1:8000/v1#part",
        "http://127.0.0.1:8000/v\x001",
        "file:///etc/hostname",
        "nonsense",
    ],
)
def test_what_is_no_address_is_bad_usage(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_server("m", Settings(base_url=address))
    assert "address" in caught.value.message


def test_address_that_holds_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        open_server("m", Settings(base_url=f"http://user:{KEY}@127.0.0.1:1/v1"))
    assert KEY not in caught.value.message + caught.value.hint
    assert "OPENAI_API_KEY" in caught.value.hint


def test_no_address_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="needs an address") as caught:
        open_server("m", Settings())
    assert "--base-url" in caught.value.hint and "OPENAI_BASE_URL" in caught.value.hint


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"])
def test_requests_to_this_machine_pass_by_the_proxy(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serve() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        with open_at(server) as engine:
            assert engine.answer(QUESTION).text == "A cat."
        assert proxy.asked == []


def test_requests_to_other_machines_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.set("http://models.example/v1/models", as_models({"id": "far", "max_model_len": 99}))
        with open_server("", Settings(base_url="http://models.example/v1")) as engine:
            assert engine.model == "far"
        assert [asked.path for asked in proxy.asked] == ["http://models.example/v1/models"]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "127.0.0.1:x"])
def test_proxy_that_can_not_be_used_is_bad_usage(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UsageError, match="proxy"):
        open_server("", Settings(base_url="http://models.example/v1"))


@pytest.mark.parametrize(
    "address", ["http://me:PASSWORD@", "http://h/v1?api-key=SECRET", "me:PW@h"]
)
def test_address_that_can_not_be_is_shown_without_its_secrets(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_server("", Settings(base_url=address))
    assert not re.search("PASSWORD|SECRET|PW", caught.value.message + caught.value.hint)
