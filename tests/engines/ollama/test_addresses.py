"""Where Ollama is."""

from pathlib import Path

import pytest

from longtake.engines.ollama import open_ollama, read_host
from longtake.errors import (
    EngineUnreachable,
    UsageError,
)
from longtake.settings import Settings, load_settings
from tests.engines.ollama.opened import KEY, QUESTION, open_at
from tests.ollamas import (
    TAGS,
    as_wrong,
    set_ollama,
)
from tests.servers import (
    Answer,
    ScriptedServer,
    as_error,
    serve,
)


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
