"""What a text quotes, and the marks in it by which people and things are known again."""

import re

from longtake.text.clauses import QUOTED

_SINGLE_QUOTED = r"(?<!\w)['‘][^'‘’]+['’](?!\w)"
_QUOTATION = re.compile(rf"{QUOTED}|{_SINGLE_QUOTED}")
MARKED = re.compile(r"\[([PTL]\d{1,4})\]")
"""A mark as descriptions have it: by it somebody is known again."""
_MARK = re.compile(rf"{MARKED.pattern}|\b([PTL]\d{{1,4}})\b")


def mask_quotes(text: str) -> str:
    """The text with a lone mark in place of each quotation."""
    return _QUOTATION.sub(' " ', text)


def list_quotations(text: str) -> list[str]:
    """What stands between quotation marks, single ones too, without them."""
    return [found[0][1:-1] for found in _QUOTATION.finditer(text)]


def plain_words(text: str) -> str:
    """The words alone, between spaces."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(words)} "


def list_marks(text: str) -> list[str]:
    """Marks such as P1, by which people, things and places are known again."""
    return [found[1] or found[2] for found in _MARK.finditer(mask_quotes(text))]


def drop_marks(text: str) -> str:
    """The text without such marks."""
    return " ".join(_MARK.sub(" ", text).split())


def unmark(text: str) -> str:
    """The text without marks in brackets, for a title."""
    return re.sub(rf" ?{MARKED.pattern}", "", text)
