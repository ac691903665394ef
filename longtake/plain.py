"""Text that comes from videos, models and servers, made safe to show: one line, nothing hidden."""

import re

_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def one_line(text: str) -> str:
    """The text on one line, without control characters, direction marks and broken characters.

    They could move a terminal's cursor, reverse what a reader sees, or break a file.
    """
    return " ".join(_HIDDEN.sub(" ", text).split())
