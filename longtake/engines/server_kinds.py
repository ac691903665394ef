"""Kinds of OpenAI-compatible servers, what they list, and where they say what a model takes.

Asks nobody; `server.py` does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
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

_NO_CHAT_TYPES = frozenset(
    "embedding embeddings text-embedding feature-extraction sentence-similarity rerank reranker"
    " moderation audio speech tts stt transcribe transcription text-to-speech text-to-image image"
    " video automatic-speech-recognition".split()
)
_NO_CHAT_NAMES = re.compile(
    r"embed|rerank|whisper|\btts\b|text-to-speech|transcribe|moderation|dall-e|stable-diffusion"
    r"|colbert|minilm|mpnet|\b(bge|e5|gte)-",
    re.IGNORECASE,
)
"""Names that such models have, for lists that say no more than names."""


def list_entries(answer: object) -> list[dict[str, Any]]:
    """The entries of a list of models that have an id, whatever form the list has."""
    listed = answer.get("data") if isinstance(answer, dict) else answer
    found = listed if isinstance(listed, list) else []
    entries = [{"id": entry} if isinstance(entry, str) else entry for entry in found]
    return [e for e in entries if isinstance(e, dict) and isinstance(e.get("id"), str)]


def is_pattern(facts: Mapping[str, Any]) -> bool:
    """Whether the entry stands for all models of such a name (`openai/*`), as proxies list them."""
    return "*" in facts["id"]


def chats(facts: Mapping[str, Any]) -> bool:
    """Whether the entry is of a model that answers questions, as far as it can be told."""
    made = _dig(facts, "architecture.output_modalities")  # OpenRouter
    if isinstance(made, list) and made:
        return "text" in made
    if isinstance(said := _dig(facts, "capabilities.completion_chat"), bool):  # Mistral
        return said
    kind = str(facts.get("type") or facts.get("task") or "").casefold()  # Together, and others
    if kind in ("", "model"):
        return not _NO_CHAT_NAMES.search(facts["id"])
    return kind not in _NO_CHAT_TYPES


def find_listed(entries: Sequence[dict[str, Any]], model: str) -> dict[str, Any] | None:
    """The entry of that model, or one that stands for it; the first that chats, where unnamed."""
    if not model:
        return next((e for e in entries if chats(e) and not is_pattern(e)), None)
    exact = (entry for entry in entries if entry["id"] == model)
    loose = (entry | {"id": model} for entry in entries if _stands_for(entry["id"], model))
    return next(exact, None) or next(loose, None)


def _stands_for(listed: str, model: str) -> bool:
    """Stars alone mean something in such a name."""
    return "*" in listed and fnmatchcase(model, re.sub(r"[\[?]", r"[\g<0>]", listed))


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
