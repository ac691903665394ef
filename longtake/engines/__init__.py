"""From frames and text to words. One file an engine; a name is `engine` or `engine:model`."""

import importlib

from longtake.engines.base import Capabilities, Engine, Reply, Request
from longtake.errors import UsageError
from longtake.fit import LLAMA_WORK_BYTES, cache_bytes
from longtake.machine import free_memory
from longtake.models import Model, find_vlms_here
from longtake.settings import Settings

AUTO = "auto"
ENGINES = {
    "sketch": "built in: says what small detectors see; no language model, no download",
    "server": "any OpenAI-compatible chat server: --base-url, and server:MODEL",
    "gguf": "a model by llama.cpp in this process: gguf:NAME, gguf:FILE.gguf, with images too",
    "transformers": "a model in Hugging Face's form by PyTorch in this process: transformers:MODEL",
    "ollama": "a model that Ollama has pulled, by its own API: ollama:MODEL",
    "fake": "placeholders for tests and trials; looks at nothing",
}
"""Each engine's name and what it is; `longtake.engines.<name>` holds its `open_<name>`."""

DEFAULT_DESCRIBER = "sketch"
CHUNK_TOKENS = 4096
"""Hold the frames of a chunk, a question and its answer, whatever the model."""

__all__ = [
    "DEFAULT_DESCRIBER",
    "ENGINES",
    "Capabilities",
    "Engine",
    "Reply",
    "Request",
    "find_needed_model",
    "open_engine",
]


def find_needed_model(name: str) -> Model | None:
    """The model of the table that an engine of that name needs, if it needs one."""
    kind, _, model = name.partition(":")
    if kind != "gguf":
        return None
    from longtake.engines.gguf import find_weights

    found = find_weights(model)
    return found if isinstance(found, Model) else None


def choose_engine(free_bytes: int | None = None) -> tuple[str, str]:
    """What `auto` stands for on this machine now, and why; nothing is fetched or loaded.

    The best model of the table whose weights are all here and fit the memory, else `sketch`.
    `free_bytes` stands for the memory that is free; 0: not known.
    """
    here = find_vlms_here()
    free = free_memory() if free_bytes is None else free_bytes
    for model in here:
        if not free or needed_bytes(model) <= free:
            return f"gguf:{model.name}", "it is the best whose weights are here and fit the memory"
    if here:
        small = here[-1]
        said = f"{small.name} is here, but needs {needed_bytes(small) / 2**30:.1f} GiB of memory"
        return DEFAULT_DESCRIBER, f"{said}, and {free / 2**30:.1f} GiB are free"
    return DEFAULT_DESCRIBER, (
        "no vision-language model is here; `longtake doctor` says which would run well"
    )


def needed_bytes(model: Model) -> int:
    """Memory for a model by llama.cpp, with a context that holds a chunk."""
    return model.bytes + LLAMA_WORK_BYTES + cache_bytes(model.shape, CHUNK_TOKENS)


def open_engine(name: str, settings: Settings) -> Engine:
    """The engine of that name, ready to answer; UsageError lists the known ones."""
    auto = name == AUTO
    chosen, reason = choose_engine() if auto else (name, "")
    kind, _, model = chosen.partition(":")
    if kind not in ENGINES:
        raise UsageError(
            f"there is no engine {kind!r}",
            f"Known: {', '.join((AUTO, *ENGINES))}. See `longtake engines`.",
        )
    module = importlib.import_module(f"longtake.engines.{kind}")
    opened: Engine = getattr(module, f"open_{kind}")(model, settings)
    if auto:
        opened.why += f"; chosen because {reason}"
        if settings.base_url:
            opened.why += f"; {settings.base_url} is only used with --engine server"
    return opened
