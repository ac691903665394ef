"""What memory a text model takes beside its weights: plain arithmetic, nothing is asked."""

from dataclasses import dataclass

LLAMA_WORK_BYTES = 512 << 20
"""For what llama.cpp computes in, besides weights and cache."""


@dataclass(frozen=True)
class Shape:
    """The sizes that decide a text model's cache, as config.json and GGUF headers have them."""

    layers: int
    kv_heads: int
    head_size: int
    context_tokens: int
    """What it was trained for."""


def cache_bytes(shape: Shape, tokens: int, value_bytes: float = 2) -> int:
    """Memory for the keys and values of so many tokens; two bytes each in half precision."""
    return round(2 * shape.layers * shape.kv_heads * shape.head_size * value_bytes * tokens)
