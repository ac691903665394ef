"""Text that comes from videos, models and servers, made safe to show: one line, nothing hidden."""

import re
import unicodedata
from collections.abc import Sequence

JOINERS = "\u200c\u200d"
"""Invisible, but parts of words in some scripts, and of emoji."""


def hide_secrets(address: str) -> str:
    """An address on one line, without a name or a key that may stand in it."""
    return re.sub(r"[^/@\s]*@", "…@", one_line(address)).partition("?")[0]


CONTROL_WORD = re.compile(
    r"\[(/?(?:[A-Z][A-Z0-9_]*[A-Z_][A-Z_]|(?i:inst|sys|[gs]mask|tool\w*|(?:control_|unused)\d+)))\]"
)
"""How models of some families write their control tokens: [INST], [/TOOL_RESULTS], [IMG_BREAK]."""


def defuse(text: str) -> str:
    """The text as data for a prompt: it can close no tag, and open no turn of a chat."""
    return CONTROL_WORD.sub(r"(\1)", text).replace("<", "‹").replace(">", "›")


def break_markers(text: str, markers: Sequence[str]) -> str:
    """The text with none of a model's own special tokens in it: each loses its first letter."""
    while found := [marker for marker in markers if marker in text]:
        for marker in found:
            text = text.replace(marker, marker[1:])
    return text


def whole_letters(text: str) -> str:
    """The text with a mark in place of halves of characters, which no file or server takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def restore(text: str) -> str:
    """A reply with the brackets as they were before."""
    return text.replace("‹", "<").replace("›", ">")


def one_line(text: str) -> str:
    """The text on one line, without control characters, direction marks and broken characters.

    They could move a terminal's cursor, reverse what a reader sees, or break a file.
    """
    if not text.isprintable():
        # A look at each kind of letter, not at each letter: texts of megabytes come here.
        text = text.translate({ord(letter): " " for letter in set(text) if _is_hidden(letter)})
    return " ".join(text.split())


def join_numbers(numbers: Sequence[int]) -> str:
    """`1–3, 7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)


def _is_hidden(letter: str) -> bool:
    """Control (Cc), format (Cf: direction marks, tags) and lone surrogate (Cs) characters."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter not in JOINERS
