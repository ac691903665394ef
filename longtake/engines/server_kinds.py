"""Kinds of OpenAI-compatible servers, and where each says what its model takes: plain data.

Asks nobody; `server.py` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """What sets one kind of server apart; `own` is the path of what it says of itself."""

    title: str
    own: str = ""
    schemas: bool = True
    template_options: bool = False
    """Whether it hands `chat_template_kwargs` to the model's template."""
    keep_alive: bool = True
    """Whether it can have more connections open than it has threads: else some wait 5 s."""


_OPENAI = Kind("OpenAI")
_KINDS = {
    "vllm": Kind("vLLM", template_options=True),
    "sglang": Kind("SGLang", "/get_model_info", template_options=True),
    "llamacpp": Kind("llama.cpp", "/props?model={model}", template_options=True, keep_alive=False),
    "organization_owner": Kind("LM Studio", "/api/v0/models"),
    "library": Kind("Ollama"),
    "openai": _OPENAI,
    "openai-internal": _OPENAI,
    "system": _OPENAI,
}
"""By what their lists of models say in `owned_by`."""
_UNKNOWN = Kind("", schemas=False)

_CONTEXT_PLACES = (
    "default_generation_settings.n_ctx",  # llama.cpp, of one slot
    "meta.n_ctx",  # llama.cpp
    "max_model_len",  # vLLM, SGLang
    "loaded_context_length",  # LM Studio
    "context_length",  # OpenRouter
)


def find_kind(entries: Sequence[Mapping[str, Any]]) -> Kind:
    """The kind of the first entry of a list of models that says one."""
    owners = (str(entry.get("owned_by")) for entry in entries)
    return next((_KINDS[owner] for owner in owners if owner in _KINDS), _UNKNOWN)


def _dig(facts: object, place: str) -> Any:
    """The value at a place such as `meta.n_ctx`; None where there is none."""
    for name in place.split("."):
        facts = facts.get(name) if isinstance(facts, Mapping) else None
    return facts


def find_context_tokens(facts: Mapping[str, Any]) -> int:
    """How much one request may hold, as the server says it; 0 where it doesn't."""
    found = (_dig(facts, place) for place in _CONTEXT_PLACES)
    return next((value for value in found if isinstance(value, int) and value > 0), 0)


def find_slots(facts: Mapping[str, Any]) -> int:
    """How many requests llama.cpp answers side by side; 0: it is not said."""
    said = facts.get("total_slots")
    return said if isinstance(said, int) and said > 0 else 0


def takes_images(facts: Mapping[str, Any]) -> bool | None:
    """Whether the server says that the model takes images; None: it says nothing."""
    kinds = _dig(facts, "architecture.input_modalities")  # llama.cpp, OpenRouter
    if isinstance(kinds, list) and kinds:
        return "image" in kinds
    for place in ("modalities.vision", "has_image_understanding"):  # llama.cpp, SGLang
        if isinstance(said := _dig(facts, place), bool):
            return said
    return {"vlm": True, "llm": False}.get(str(facts.get("type")))  # LM Studio


def takes_schemas(facts: Mapping[str, Any]) -> bool:
    """Whether OpenRouter says so of the model."""
    said = facts.get("supported_parameters")
    return isinstance(said, list) and "structured_outputs" in said
