"""From frames and text to words. One file an engine; a name is `engine` or `engine:model`."""

import importlib

from longtake.engines.base import Capabilities, Engine, Reply, Request
from longtake.errors import UsageError
from longtake.models import Asset
from longtake.settings import Settings

ENGINES = {
    "sketch": "built in: says what small detectors see; no language model, no download",
    "server": "any OpenAI-compatible chat server: --base-url, and server:MODEL",
    "gguf": "a text model by llama.cpp in this process; gguf:NAME or gguf:FILE.gguf",
    "fake": "placeholders for tests and trials; looks at nothing",
}
"""Each engine's name and what it is; `longtake.engines.<name>` holds its `open_<name>`."""

DEFAULT_DESCRIBER = "sketch"

__all__ = [
    "DEFAULT_DESCRIBER",
    "ENGINES",
    "Capabilities",
    "Engine",
    "Reply",
    "Request",
    "find_asset",
    "open_engine",
]


def find_asset(name: str) -> Asset | None:
    """The weights of the table of models that an engine of that name needs, if it needs any."""
    kind, _, model = name.partition(":")
    if kind != "gguf":
        return None
    from longtake.engines.gguf import find_weights

    weights = find_weights(model)
    return weights if isinstance(weights, Asset) else None


def open_engine(name: str, settings: Settings) -> Engine:
    """The engine of that name, ready to answer; UsageError lists the known ones."""
    kind, _, model = (DEFAULT_DESCRIBER if name == "auto" else name).partition(":")
    if kind not in ENGINES:
        raise UsageError(
            f"there is no engine {kind!r}", f"Known: {', '.join(ENGINES)}. See `longtake engines`."
        )
    module = importlib.import_module(f"longtake.engines.{kind}")
    opened: Engine = getattr(module, f"open_{kind}")(model, settings)
    if name == "auto":
        opened.why = f"no --engine is set, so this is {opened.why}"
        if settings.base_url:
            opened.why += f"; {settings.base_url} is only used with --engine server"
    return opened
