"""How many tokens a model spends on one frame: the published arithmetic of the model families.

From the model cards and processors of the named families, as separate images. Some engines ask
their model itself; this is for the others.
"""

import re
from math import ceil

_PATCHES = (
    (r"qwen-?3(\.5)?-?vl|qwen-?3\.5", 32, 64),
    (r"qwen-?2(\.5)?-?vl", 28, 4),
)
"""A name, the side of a patch in pixels that makes one token, and the fewest: small ones grow."""
_FIXED = (
    (r"smolvlm2?-?(256|500)m", 64),
    (r"smolvlm", 81),
    (r"gemma-?3", 256),
    (r"internvl", 256),
)
"""A name, and its tokens for a frame of any size, in one tile."""
_TILED = re.compile("smolvlm|internvl", re.IGNORECASE)
"""These may cut an image into tiles, each with the tokens of one: it depends on the server."""
SMALLEST_PATCH = 14
"""No family spends more than a token on a patch of this side."""
MOST_FIXED = 576
"""LLaVA's for an image of any size: what an unknown family may spend on a small one."""

FRAME_WORD_TOKENS = 16
"""For the words around a frame: its time, its markers, line breaks."""


def frame_tokens(model: str, width: int, height: int) -> int:
    """Tokens for a frame of that size in pixels: never too low, exact for known families."""
    for name, patch, fewest in _PATCHES:
        if re.search(name, model, re.IGNORECASE):
            return max(fewest, ceil(width / patch) * ceil(height / patch))
    for name, tokens in _FIXED:
        if re.search(name, model, re.IGNORECASE):
            return tokens
    return max(MOST_FIXED, ceil(width / SMALLEST_PATCH) * ceil(height / SMALLEST_PATCH))


def is_sure(model: str) -> bool:
    """Whether a model of that name spends as many wherever it runs."""
    families = (*(name for name, *_ in _PATCHES), *(name for name, _ in _FIXED))
    known = any(re.search(name, model, re.IGNORECASE) for name in families)
    return known and not _TILED.search(model)
