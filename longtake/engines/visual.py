"""How many tokens a model spends on one frame: the published arithmetic of the model families.

From the model cards and processors of the named families, as separate images.
"""

import re
from math import ceil

_FAMILIES = (
    (r"qwen-?3(\.5)?-?vl|qwen-?3\.5", 32),
    (r"qwen-?2(\.5)?-?vl", 28),
    (r"smolvlm2?-?(256|500)m", -64),
    (r"smolvlm", -81),
    (r"gemma-?3", -256),
    (r"internvl", -256),
)
"""A name, and the side of a patch in pixels that makes one token; or, negative, tokens a frame."""
SMALLEST_PATCH = 14
"""No family spends more than a token on a patch of this side."""


def frame_tokens(model: str, width: int, height: int) -> int:
    """Tokens for a frame of that size in pixels: never too low, exact for known families."""
    for name, patch in _FAMILIES:
        if re.search(name, model, re.IGNORECASE):
            return -patch if patch < 0 else ceil(width / patch) * ceil(height / patch)
    return ceil(width / SMALLEST_PATCH) * ceil(height / SMALLEST_PATCH)
