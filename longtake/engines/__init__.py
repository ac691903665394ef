"""From frames and text to words. One file an engine; a name is `engine` or `engine:model`."""

import importlib

from longtake.errors import UsageError
from longtake.inference.engine import SMALL_PARAMETERS, Engine
from longtake.machine import find_gpus, read_memory
from longtake.models.memory_need import LLAMA_WORK_BYTES, cache_bytes
from longtake.models.table import MODELS, QWEN3, VLMS, Model, find_vlms_here, is_model_here
from longtake.settings import Settings

AUTO = "auto"
DIGEST = "digest"
"""In place of a reconciler's name: no model writes the summary."""
ENGINES = {
    "sketch": "built in: measures the picture and tags objects; no language model, no download",
    "server": "any OpenAI-compatible chat server: --base-url, and server:MODEL",
    "gguf": "a model by llama.cpp in this process: gguf:NAME, gguf:FILE.gguf, with images too",
    "transformers": "a model in Hugging Face's form by PyTorch in this process: transformers:MODEL",
    "ollama": "a model that Ollama has pulled, by its own API: ollama:MODEL",
    "fake": "placeholders for tests and trials; looks at nothing",
}
"""Each engine's name and what it is; `longtake.engines.<name>` holds its `open_<name>`."""

WORDLESS = frozenset({"sketch"})
"""Engines that answer no question about text alone, whatever their model."""
LOADED = frozenset({"gguf", "transformers"})
"""Engines whose model is loaded by who asks it."""
DEFAULT_DESCRIBER = "sketch"
CHUNK_TOKENS = 4096
"""Hold the frames of a chunk, a question and its answer, whatever the model."""


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
    free = read_memory().free if free_bytes is None else free_bytes
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


def choose_reconciler(describer: Engine | None, free_bytes: int | None = None) -> tuple[str, str]:
    """What `auto` stands for as a reconciler, and why: the describer's own name where it serves.

    The describer, where it reads text and its model suffices; else the largest text model of the
    table that is here and fits the memory; else DIGEST. None: there is no describer.
    """
    if describer and describer.capabilities.text:
        if not describer.capabilities.small:
            return describer.name, "the describer's model reads text and is large enough"
        if describer.name.startswith(("server:", "ollama:")):
            return describer.name, "it is the model that the server has"
    free = read_memory().free if free_bytes is None else free_bytes
    able = [m for m in MODELS.values() if m.parameters >= SMALL_PARAMETERS and is_model_here(m)]
    for model in sorted(able, key=lambda model: model.parameters, reverse=True):
        if not free or needed_bytes(model) <= free:
            return f"gguf:{model.name}", "it is the largest text model that is here"
    size = f"{QWEN3.bytes / 1e9:.1f} GB"
    return DIGEST, (
        "no language model of a billion parameters or more is here that fits the memory;"
        f" `longtake models pull {QWEN3.name}` ({size}) brings one"
    )


def suggest_vlm(free_bytes: int | None = None, cards: bool | None = None) -> Model:
    """The vision-language model to fetch that suits the machine and that anyone may use.

    The best that the memory would hold where there is a graphics card, else the smallest: on a
    processor the others take longer than the video by ten times or more. `cards` says whether there
    is one; None: looked up.
    """
    free = read_memory().free if free_bytes is None else free_bytes
    found = bool(find_gpus()[0]) if cards is None else cards
    open_ones = [model for model in VLMS if model.licence == "Apache-2.0"]
    fitting = [model for model in open_ones if not free or needed_bytes(model) <= free]
    return fitting[0] if found and fitting else open_ones[-1]


def needed_bytes(model: Model) -> int:
    """Memory for a model by llama.cpp, with a context that holds a chunk."""
    return model.bytes + LLAMA_WORK_BYTES + cache_bytes(model.shape, CHUNK_TOKENS)


def open_engine(name: str, settings: Settings) -> Engine:
    """The engine of that name, ready to answer; UsageError lists the known ones."""
    auto = name == AUTO
    chosen, reason = choose_engine() if auto else (name, "")
    kind, _, model = chosen.partition(":")
    if kind not in ENGINES:
        is_model = f"It is a model: name it gguf:{kind}. " if kind in MODELS else ""
        raise UsageError(
            f"there is no engine {kind!r}",
            f"{is_model}Known: {', '.join((AUTO, *ENGINES))}. See `longtake engines`.",
        )
    module = importlib.import_module(f"longtake.engines.{kind}")
    opened: Engine = getattr(module, f"open_{kind}")(model, settings)
    if auto:
        opened.why += f"; chosen because {reason}"
        if settings.base_url:
            opened.why += f"; {settings.base_url} is only used with --engine server"
    return opened
