"""The words of a text in any script; where words stand without blanks, so many letters are one.

Knows no language: where one word ends and the next begins in Chinese or Thai, it can't say.
"""

import re
import unicodedata

_MARKS = "".join(
    letter for letter in map(chr, range(0x300, 0xFE30)) if unicodedata.category(letter)[0] == "M"
)
"""Vowel signs and accents: parts of words, which `\\w` does not take for letters."""
_LETTER = rf"(?:[^\W_]|[{_MARKS}\u200c\u200d])"
WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*")
"""A word alone, without what stands around it."""

_HAN = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese letters and kana."""
_SOUTHEAST = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer letters."""
_LETTERS_A_WORD = {_HAN: 2, _SOUTHEAST: 4}
"""Scripts without blanks between words, and how many letters say about as much as a word."""
HAN = re.compile(f"[{_HAN}]")
SOUTHEAST = re.compile(f"[{_SOUTHEAST}]")
UNSPACED = re.compile(f"[{_HAN}{_SOUTHEAST}]+")

_OTHER = rf"[^\w\s{_HAN}{_SOUTHEAST}]*"
_PIECE = "|".join(f"[{letters}]{{1,{count}}}" for letters, count in _LETTERS_A_WORD.items())
_WRITTEN = re.compile(rf"{_OTHER}(?:{_PIECE})[{_MARKS}]*{_OTHER}|[^\s{_HAN}{_SOUTHEAST}]+")
"""A word with the punctuation beside it, as `str.split` gives it where there are blanks."""


def list_words(text: str) -> list[str]:
    """Its words in lower case; of scripts without blanks, each pair of neighbouring letters."""
    parts = []
    for word in WORD.findall(text.casefold()):
        pairs = [word[k : k + 2] for k in range(max(1, len(word) - 1))]
        parts += pairs if UNSPACED.search(word) else [word]
    return parts


def count_words(text: str) -> int:
    """Between blanks as `str.split` counts them; in scripts without blanks by letters."""
    return sum(1 for _ in _WRITTEN.finditer(text))


def take_words(text: str, most: int) -> str:
    """The text's first words on one line; a text that has no more comes back whole."""
    line = " ".join(text.split())
    ends = [found.end() for found in _WRITTEN.finditer(line)]
    return line if len(ends) <= most else line[: ends[most - 1]] if most > 0 else ""
