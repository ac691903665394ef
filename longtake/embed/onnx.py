"""Sentence embeddings by ONNX Runtime in this process: all-MiniLM-L6-v2, or a folder or a model of
the hub with a tokenizer.json and an ONNX file.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from longtake.embed.base import Embedder, as_unit
from longtake.errors import ModelError
from longtake.files import hash_file
from longtake.machine import count_cores
from longtake.models.fetch import fetch_embedding_files, fetch_model
from longtake.models.onnx import open_network
from longtake.models.table import MINILM
from longtake.text.untrusted import one_line, whole_letters

MOST_TOKENS = 256
"""What all-MiniLM-L6-v2 was trained for; a longer text is truncated."""
BATCH = 16
ONNX_FILES = ("model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx")
PREFIXES = {"e5": "query: ", "embeddinggemma": "task: clustering | query: "}
"""The prefix that a family's model card asks for, where texts are compared with one another."""


class OnnxEmbedder(Embedder):
    """A model in ONNX form; where it has no pooling of its own, token vectors are averaged."""

    def __init__(
        self, name: str, weights: Path, tokenizer: Path, facts: dict[str, object], why: str
    ) -> None:
        from tokenizers import Tokenizer

        family = Path(name).name.casefold()
        prefix = next((said for kind, said in PREFIXES.items() if kind in family), "")
        super().__init__(name, {**facts, "prefix": prefix}, why)
        self._prefix = prefix
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
            self._tokenizer.enable_truncation(MOST_TOKENS)
            self._tokenizer.no_padding()
            self._session = open_network(str(weights), count_cores())
        except Exception as error:  # both libraries raise plain Exception, too
            raise ModelError(
                f"the embedder {name} can't be opened: {one_line(str(error))[:300]}",
                "Fetch it again, or name another with --embedder.",
            ) from error
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._outputs = [value.name for value in self._session.get_outputs()]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """As promised; texts of about one length go in one batch, so that little is padded."""
        whole = [whole_letters(self._prefix + text) for text in texts]
        encoded = [e.ids for e in self._tokenizer.encode_batch(whole)]
        order = sorted(range(len(texts)), key=lambda place: len(encoded[place]))
        parts = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
        found = [self._run([encoded[place] for place in part]) for part in parts]
        vectors = np.concatenate(found) if found else np.zeros((0, 1), np.float32)
        return vectors[np.argsort(order)] if order else vectors

    def _run(self, encoded: Sequence[Sequence[int]]) -> np.ndarray:
        ids = np.zeros((len(encoded), max(1, *map(len, encoded))), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        try:
            found = self._session.run(None, {k: v for k, v in feeds.items() if k in self._inputs})
        except Exception as error:  # onnxruntime raises plain Exception, too
            raise ModelError(
                f"the embedder {self.name} can't be run: {one_line(str(error))[:300]}",
                "Name another with --embedder, or leave it out.",
            ) from error
        if "sentence_embedding" in self._outputs:
            return as_unit(found[self._outputs.index("sentence_embedding")])
        if found[0].ndim == 2:
            return as_unit(found[0])
        weights = mask[..., None].astype(np.float32)
        return as_unit((found[0] * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9))


def open_minilm(why: str) -> OnnxEmbedder:
    """all-MiniLM-L6-v2, fetched where it is not here."""
    files = _find_files(MINILM.name, fetch_model(MINILM))
    weights = next(asset for asset in MINILM.files if asset.file.endswith(".onnx"))
    return OnnxEmbedder(MINILM.name, *files, {"weights": weights.sha256}, why)


def open_onnx(name: str, why: str) -> OnnxEmbedder:
    """The model of a folder, or of a repository of the Hugging Face hub."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = fetch_embedding_files(name, ONNX_FILES)
    files = _find_files(name, folder)
    return OnnxEmbedder(name, *files, {file.name: hash_file(file) for file in files}, why)


def _find_files(name: str, folder: Path) -> tuple[Path, Path]:
    """The weights and the tokenizer; ModelError where the folder lacks one of them."""
    weights = next((folder / file for file in ONNX_FILES if (folder / file).is_file()), None)
    tokenizer = folder / "tokenizer.json"
    if not weights or not tokenizer.is_file():
        raise ModelError(
            f"the embedder {name} has no tokenizer.json or none of {', '.join(ONNX_FILES)}",
            "Name another with --embedder, or leave it out.",
        )
    return weights, tokenizer
