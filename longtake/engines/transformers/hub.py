"""Folders of models in Hugging Face's form: local ones, and those of the hub's cache.

Knows files and the hub; not what is in the weights. The hub is asked only for a model that the
user named and that is not in its cache; its own client knows mirrors, proxies and tokens.
"""

import hashlib
import importlib
import json
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from longtake.errors import LongtakeError, ModelError, UsageError
from longtake.files import read_samples
from longtake.text.untrusted import one_line

LOG = logging.getLogger("longtake")

EXAMPLES = (
    "Name a model of the hub, such as HuggingFaceTB/SmolVLM2-500M-Video-Instruct or"
    " Qwen/Qwen2.5-VL-3B-Instruct, or a folder that holds one."
)
PATTERNS: dict[str, Any] = {
    "allow_patterns": ["*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.safetensors"],
    "ignore_patterns": ["*/*", "consolidated*.safetensors"],
}
"""What is fetched: no other forms of the same weights, and no code, which is never run."""
SAMPLE_BYTES = 1 << 16
NON_COMMERCIAL = re.compile(r"\bnc\b|non-?commercial|research-?only", re.IGNORECASE)
"""In names of licences, such as cc-by-nc-4.0."""


@dataclass(frozen=True)
class Folder:
    """A model's files on this machine."""

    name: str
    """As the user knows it: the hub's name, or the folder's."""
    path: Path
    fingerprint: str
    """The hub's commit, else a hash of samples of the files."""
    parameters: int


def check_name(model: str) -> None:
    """UsageError for what is neither a folder nor a name of the hub; asks nobody."""
    if not model:
        raise UsageError("the engine 'transformers' needs a model", EXAMPLES)
    if not _as_folder(model) and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", model):
        raise UsageError(f"there is no folder {model!r}, and it is no name of the hub", EXAMPLES)


def find_folder(model: str) -> Folder:
    """The model's folder with all its files, fetched from the hub where it is not here."""
    if path := _as_folder(model):
        return Folder(path.name, path, _hash_folder(path), _count_parameters(path))
    path = _find_cached(model) or _fetch(model)
    return Folder(model, path, path.name, _count_parameters(path))


def _as_folder(model: str) -> Path | None:
    with suppress(OSError, RuntimeError, ValueError):  # such as ~nobody, or a NUL
        path = Path(model).expanduser().resolve()
        return path if path.is_dir() else None
    return None


def _find_cached(model: str) -> Path | None:
    """The snapshot of the hub's cache; None where it is not there, or only in part."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(model, local_files_only=True, **PATTERNS)
        _list_weights(Path(found))
    except Exception:  # whatever is wrong with the cache, fetching tells
        return None
    return Path(found)


def _fetch(model: str) -> Path:
    """Download the model; the log says what, for it can be gigabytes."""
    from huggingface_hub import snapshot_download

    importlib.import_module("huggingface_hub.utils").disable_progress_bars()
    try:
        plan: list[Any] = snapshot_download(model, dry_run=True, **PATTERNS)
        missing = [file.file_size for file in plan if file.will_download]
        size = f"{len(missing)} files, {sum(missing) // 10**6} MB"
        LOG.info("fetching %s from the Hugging Face hub: %s", model, size)
        _tell_licence(model)
        return Path(snapshot_download(model, **PATTERNS))
    except Exception as error:  # the client has errors of some dozen kinds
        raise _hub_error(model, error) from None


def _tell_licence(model: str) -> None:
    """The log says under which licence the weights are, before they come."""
    from huggingface_hub import model_info

    card: dict[str, Any] = {}
    with suppress(Exception):  # a card that can't be had keeps nobody from the model
        found: Any = model_info(model, revision="main").card_data
        card = found.to_dict() if found else {}
    licence, free = say_licence(card)
    if free:
        LOG.info("the licence of %s: %s", model, licence)
    else:
        LOG.warning("the licence of %s: %s", model, licence)


def say_licence(card: Mapping[str, Any]) -> tuple[str, bool]:
    """A model card's licence in plain words, and whether it is said and leaves all uses free."""
    names = card.get("license"), card.get("license_name")
    licence = one_line(", ".join(str(name) for name in names if name and name != "other"))[:100]
    if link := one_line(str(card.get("license_link") or ""))[:200]:
        licence = f"{licence} ({link})".strip()
    if not licence:
        return "its model card names none: look it up before you use it", False
    if NON_COMMERCIAL.search(licence):
        return f"{licence}: for non-commercial use only", False
    return licence, True


def _hub_error(model: str, error: Exception) -> LongtakeError:
    """Our error for one of the hub's client, whose cause may say more."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    causes = (error, error.__cause__)
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        return ModelError(
            f"{model} is only given to those who accepted its terms",
            f"Accept them at https://huggingface.co/{model}, then set HF_TOKEN or `hf auth login`.",
        )
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        return UsageError(f"the hub has no model {model!r}, or it is private", EXAMPLES)
    if isinstance(error, HFValidationError):
        return UsageError(f"{model!r} is no name of the hub", EXAMPLES)
    said = one_line(str(error.__cause__ or error))[:200] or type(error).__name__
    return ModelError(
        f"{model} is not in the hub's cache here, and it could not be fetched: {said}",
        "Check the network, HF_HUB_OFFLINE and HF_ENDPOINT; or name a folder that holds it.",
    )


def _list_weights(folder: Path) -> list[Path]:
    """The files of weights; ModelError where the folder is no model, or lacks one of them."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder.name} holds no model: it has no config.json", EXAMPLES)
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if "model.safetensors" in names:
        names = ["model.safetensors"]
    elif index.is_file():
        try:
            names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise _broken(index, str(error)) from None
    if not names:
        raise ModelError(
            f"{folder.name} holds no weights: it has no .safetensors files",
            "Weights in other forms, such as pickled ones, are not read.",
        )
    for name in names:
        if not (folder / name).is_file():
            raise _broken(folder / name, "it is missing")
    return [folder / name for name in names]


def _count_parameters(folder: Path) -> int:
    """The parameters in all files, by their headers; a truncated file is a ModelError."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for path in _list_weights(folder):
        try:
            with safe_open(path, "numpy") as file:
                names = file.keys()
                total += sum(prod(file.get_slice(name).get_shape()) for name in names)
        except (OSError, SafetensorError) as error:
            raise _broken(path, f"it is cut short or no model: {error}") from None
    return total


def _hash_folder(folder: Path) -> str:
    """A fingerprint of the files: of their names, sizes, and samples from all over each."""
    digest = hashlib.sha256()
    small = sorted(p for kind in ("json", "jinja", "model") for p in folder.glob(f"*.{kind}"))
    for path in (*small, *_list_weights(folder)):
        try:
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            for part in read_samples(path, SAMPLE_BYTES):
                digest.update(part)
        except OSError as error:
            raise _broken(path, str(error)) from None
    return digest.hexdigest()[:40]


def _broken(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path.parent.name}/{path.name} can't be read: {one_line(why)[:200]}",
        "Fetch the model again.",
    )
