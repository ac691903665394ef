"""Texts to unit vectors: by ONNX in this process, by a server, and never twice for one text."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from longtake.embed import bring_embedder, choose_embedder, embed_kept, open_embedder
from longtake.embed.base import Embedder, as_unit
from longtake.errors import EngineError, EngineFailed, ModelError, UsageError
from longtake.models.table import MINILM
from longtake.settings import Settings
from longtake.store import Store
from tests.servers import (
    EMBEDDINGS,
    Answer,
    Asked,
    Route,
    ScriptedServer,
    as_json,
    embed_words,
    hang,
    serve,
)
from tests.weights import put_here

VOCABULARY = "[UNK] query : bridge arch soup pot onion".split()
SIZE = 8
TABLE = np.random.default_rng(7).normal(size=(len(VOCABULARY), SIZE)).astype(np.float32)


def make_model(folder: Path, *, rows: int = len(VOCABULARY), pooled: bool = False) -> Path:
    """A folder with a model that looks each word up; `pooled`: and has a vector of all at once."""
    folder.mkdir()
    words = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    names = ["input_ids"] if pooled else ["input_ids", "attention_mask", "token_type_ids"]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "k"]) for n in names]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, None)]
    if pooled:
        nodes.append(
            helper.make_node(
                "ReduceMax", ["last_hidden_state"], ["sentence_embedding"], axes=[1], keepdims=0
            )
        )
        outputs.append(helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, None))
    graph = helper.make_graph(
        nodes, "tiny", inputs, outputs, [numpy_helper.from_array(TABLE[:rows], "table")]
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, folder / "model.onnx")
    return folder


def open_tiny(folder: Path) -> Embedder:
    embedder = open_embedder(str(folder), Settings())
    assert embedder
    return embedder


def mean_of(*words: str) -> np.ndarray:
    """The unit vector of the mean of these words' rows."""
    return as_unit(TABLE[[VOCABULARY.index(word) for word in words]].mean(axis=0)[None])[0]


# By ONNX in this process


def test_text_is_the_mean_of_its_words_at_length_one(tmp_path: Path) -> None:
    with open_tiny(make_model(tmp_path / "tiny")) as tiny:
        found = tiny.embed(["bridge arch", "soup"])
    assert found.dtype == np.float32
    assert np.allclose(found, [mean_of("bridge", "arch"), mean_of("soup")], atol=1e-5)
    assert np.allclose(np.linalg.norm(found, axis=1), 1)


def test_batches_of_any_lengths_keep_the_order(tmp_path: Path) -> None:
    words = ["bridge", "arch", "soup", "pot", "onion"]
    texts = [" ".join(words[k % 5 :] + words * (k * 7 % 4)) for k in range(40)]
    with open_tiny(make_model(tmp_path / "tiny")) as tiny:
        found = tiny.embed(texts)
        assert tiny.embed([]).shape[0] == 0
    assert np.allclose(found, [mean_of(*text.split()) for text in texts], atol=1e-5)


def test_long_text_is_told_by_its_beginning(tmp_path: Path) -> None:
    with open_tiny(make_model(tmp_path / "tiny")) as tiny:
        (found,) = tiny.embed(["bridge " * 256 + "soup " * 5000])
    assert np.allclose(found, mean_of("bridge"), atol=1e-5)


@pytest.mark.parametrize("text", ["", " ", "\ud800", "a\0b", "猫 🐈‍⬛"])
def test_any_text_has_a_vector(tmp_path: Path, text: str) -> None:
    with open_tiny(make_model(tmp_path / "tiny")) as tiny:
        assert np.isfinite(tiny.embed([text, "bridge"])).all()


def test_prefix_of_its_family_stands_before_each_text(tmp_path: Path) -> None:
    with open_tiny(make_model(tmp_path / "tiny-e5")) as tiny:
        (found,) = tiny.embed(["bridge"])
    assert np.allclose(found, mean_of("query", ":", "bridge"), atol=1e-5)
    assert tiny.options["prefix"] == "query: "
    assert open_tiny(make_model(tmp_path / "tiny")).options["prefix"] == ""


def test_model_that_pools_itself_is_believed(tmp_path: Path) -> None:
    with open_tiny(make_model(tmp_path / "tiny", pooled=True)) as tiny:
        (found,) = tiny.embed(["bridge arch"])
    rows = TABLE[[VOCABULARY.index("bridge"), VOCABULARY.index("arch")]]
    assert np.allclose(found, as_unit(rows.max(axis=0)[None])[0], atol=1e-5)


@pytest.mark.parametrize("lacks", ["model.onnx", "tokenizer.json"])
def test_folder_without_its_files_is_told_with_what_to_do(tmp_path: Path, lacks: str) -> None:
    folder = make_model(tmp_path / "tiny")
    (folder / lacks).unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json or none of") as caught:
        open_tiny(folder)
    assert "--embedder" in caught.value.hint


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"no model at all"])
def test_broken_file_is_an_error_of_the_model(tmp_path: Path, broken: str, content: bytes) -> None:
    folder = make_model(tmp_path / "tiny")
    (folder / broken).write_bytes(content)
    with pytest.raises(ModelError, match="can't be opened") as caught:
        open_tiny(folder)
    assert caught.value.hint


def test_tokenizer_of_another_model_is_an_error_of_the_model(tmp_path: Path) -> None:
    with open_tiny(make_model(tmp_path / "tiny", rows=3)) as tiny, pytest.raises(ModelError):
        tiny.embed(["bridge"])


def test_name_of_no_folder_is_looked_for_on_the_hub() -> None:
    with pytest.raises(ModelError, match="nobody/nothing could not be fetched") as caught:
        open_embedder("nobody/nothing", Settings())
    assert "--embedder auto" in caught.value.hint


# Nothing is embedded twice


class Counting(Embedder):
    """Knows letters, remembers what it was asked, and fails from the nth time on."""

    def __init__(self, name: str = "counting", fails: int = 99, **options: object) -> None:
        super().__init__(name, options)
        self.asked: list[list[str]] = []
        self._fails = fails

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        if len(self.asked) >= self._fails:
            raise EngineFailed("boom")
        return as_unit(np.array([[len(text), text.count("a") + 1] for text in texts], np.float32))


def test_only_what_the_store_lacks_is_asked_for_and_once(store: Store) -> None:
    first, again = Counting(), Counting()
    embed_kept(first, store, ["a", "bb", "a"])
    assert first.asked == [["a", "bb"]]
    texts = ["cca", "bb", "a", "cca"]
    found = embed_kept(again, store, texts)
    assert again.asked == [["cca"]]
    assert np.array_equal(found, Counting().embed(texts))
    assert embed_kept(again, store, []).shape[0] == 0


def test_vectors_of_another_embedder_are_not_taken(store: Store) -> None:
    embed_kept(Counting(), store, ["a"])
    for other in (Counting("other"), Counting(prefix="query: ")):
        embed_kept(other, store, ["a"])
        assert other.asked == [["a"]]


def test_run_that_breaks_off_keeps_what_was_made(store: Store) -> None:
    texts = [f"text number {n}" for n in range(1200)]
    with pytest.raises(EngineFailed):
        embed_kept(Counting(fails=3), store, texts)
    again = Counting()
    found = embed_kept(again, store, texts)
    assert sum(map(len, again.asked)) == 1200 - 512
    assert np.array_equal(found, Counting().embed(texts))


# By a server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as running:
        running.set(EMBEDDINGS, embed_words)
        yield running


def ask_server(server: ScriptedServer, *texts: str, **settings: object) -> np.ndarray:
    chosen = {"base_url": server.base_url, "api_key": "secret"} | settings
    embedder = open_embedder("server:tiny", Settings(**chosen))  # type: ignore[arg-type]
    assert embedder
    with embedder:
        return embedder.embed(texts)


def test_server_s_vectors_stand_in_the_order_of_the_texts(server: ScriptedServer) -> None:
    texts = ["x" * (1 + k % 9) for k in range(150)]
    found = ask_server(server, *texts)
    assert np.allclose(found, as_unit(np.array([[len(text), 1.0] for text in texts])))
    bodies = [asked.json for asked in server.asked]
    assert {body["model"] for body in bodies} == {"tiny"}
    assert [text for body in bodies for text in body["input"]] == texts
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer secret"}


def test_ollama_is_asked_at_its_address_and_without_another_server_s_key(
    server: ScriptedServer,
) -> None:
    settings = Settings(ollama_url=server.url, api_key="secret", base_url="http://127.0.0.1:1/v1")
    embedder = open_embedder("ollama:tiny", settings)
    assert embedder
    with embedder:
        assert embedder.embed(["a"]).shape == (1, 2)
    assert "Authorization" not in server.asked[0].headers


def test_vectors_of_one_server_are_not_those_of_another(server: ScriptedServer) -> None:
    with serve() as other:
        opened = [
            open_embedder("server:tiny", Settings(base_url=s.base_url)) for s in (server, other)
        ]
    assert opened[0] and opened[1] and opened[0].options != opened[1].options


def test_first_of_several_servers_makes_the_vectors(server: ScriptedServer) -> None:
    with serve() as other:
        other.set(EMBEDDINGS, embed_words)
        addresses = f"{server.base_url},{other.base_url}"
        alone, both = (
            open_embedder("server:tiny", Settings(base_url=url))
            for url in (server.base_url, addresses)
        )
        assert alone and both and alone.options == both.options
        assert ask_server(server, "a", base_url=addresses).shape == (1, 2)
        assert other.asked == []


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"index": 0, "embedding": [1.0, 2.0]}],
        [{"index": k, "embedding": [1.0, float("nan")]} for k in range(2)],
        [{"index": k, "embedding": [1.0, float("inf")]} for k in range(2)],
        [{"index": k, "embedding": [1.0] * (k + 1)} for k in range(2)],
        [{"index": k, "embedding": []} for k in range(2)],
        [{"index": k, "embedding": "AACAPw=="} for k in range(2)],
        [{"index": k, "embedding": None} for k in range(2)],
        [{"embedding": [1.0, 2.0]}] * 2,
        [1, 2],
        "no list",
        None,
    ],
    ids=lambda rows: json.dumps(rows)[:60],
)
def test_answer_that_is_no_list_of_vectors_is_a_failure(
    server: ScriptedServer, rows: object
) -> None:
    server.set(EMBEDDINGS, as_json({"data": rows}))
    with pytest.raises(EngineFailed):
        ask_server(server, "one", "two")


def test_vectors_of_two_sizes_are_a_failure(server: ScriptedServer) -> None:
    def grow(asked: Asked, connection: object) -> Answer:
        rows = [
            {"index": k, "embedding": [1.0] * len(server.asked)}
            for k in range(len(asked.json["input"]))
        ]
        return as_json({"data": rows})

    server.set(EMBEDDINGS, grow)
    with pytest.raises(EngineFailed):
        ask_server(server, *["text"] * 65)


def test_server_without_embeddings_is_told_with_its_address(server: ScriptedServer) -> None:
    server.set(EMBEDDINGS)
    with pytest.raises(EngineError, match=f"{server.base_url}/embeddings .*'tiny'") as caught:
        ask_server(server, "one")
    assert "--embedder" in caught.value.hint


@pytest.mark.parametrize("route", [Answer(500), Answer(200, b"<html>"), hang(5)])
def test_server_that_fails_is_an_error_of_ours(server: ScriptedServer, route: Route) -> None:
    server.set(EMBEDDINGS, route)
    with pytest.raises(EngineError):
        ask_server(server, "one", timeout_seconds=0.3)


# Which one serves


@pytest.mark.parametrize("language", ["", "en", "en-GB"])
def test_minilm_serves_english_where_it_is_here(language: str) -> None:
    name, why = choose_embedder(Settings(), language)
    assert name == "words" and f"longtake models pull {MINILM.name}" in why
    put_here(MINILM)
    assert choose_embedder(Settings(), language)[0] == "minilm"
    name, why = choose_embedder(Settings(), "ja")
    assert name == "words" and "'ja'" in why
    assert choose_embedder(Settings(embedder="server:x"), "ja")[0] == "server:x"


def test_only_the_model_of_the_table_is_fetched_and_auto_goes_on_without_it() -> None:
    fetched: list[object] = []

    def fail(model: object) -> None:
        raise ModelError("no network")

    for name in ("words", "server:x", "auto", "minilm", MINILM.name):
        bring_embedder(Settings(embedder=name), fetched.append)
    assert fetched == [MINILM] * 3
    bring_embedder(Settings(), fail)
    with pytest.raises(ModelError, match="no network"):
        bring_embedder(Settings(embedder="minilm"), fail)
    assert open_embedder("words", Settings()) is None


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("", {}),
        ("server", {"base_url": "http://127.0.0.1:1/v1"}),
        ("server:", {"base_url": "http://127.0.0.1:1/v1"}),
        ("server:x", {}),
        ("server:x", {"base_url": "no address"}),
        ("ollama:", {}),
        ("ollama:x", {"ollama_url": "http://a b"}),
    ],
)
def test_embedder_that_can_t_be_named_so_is_bad_usage(name: str, settings: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        open_embedder(name, Settings(**settings))  # type: ignore[arg-type]
    assert caught.value.hint
