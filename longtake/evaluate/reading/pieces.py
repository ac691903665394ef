"""A text as a row of what means something in it, by the tables of `wording.toml`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from longtake.evaluate.reading.vocabulary import (
    WORDING,
    Vocabulary,
    normalize,
    split_words,
    stem_pattern,
)
from longtake.text.entity_marks import list_quotations, mask_quotes

QUOTATION = "qq"
"""Stands for a quotation in patterns."""
_MARKS = {".": ".", ";": ".", "!": ".", "?": ".", "\n": ".", ":": ","}
_CAPITALS = re.compile(
    r"\b((?i:read|show|display|say|sign|word|text|label)(?i:s|ing|ed)?:?)"
    r" ([A-Z][A-Z0-9%]+(?: [A-Z0-9%]+)*)(?!\w)"
)
"""Something written that stands without quotation marks."""


class Lexeme(NamedTuple):
    """A word or several: the table that has them, the entry there, and the words as they stand."""

    tag: str
    value: str
    words: tuple[str, ...]


class _Tables(NamedTuple):
    pattern: re.Pattern[str]
    names: Mapping[str, tuple[str, str]]
    """Of each group of the pattern, the table and the entry in it."""
    words: frozenset[str]
    """All that stand in the tables."""


def list_pieces(text: str, vocabulary: Vocabulary) -> tuple[list[Lexeme], list[str]]:
    """All that means something in a text, in order, and the texts that it quotes."""
    text = _CAPITALS.sub(r'\1 "\2"', text)
    quotations = list_quotations(text)
    words = [
        (found, word)
        for word in split_words(_mask(text, quotations))
        if (found := _MARKS.get(word) or normalize(word))
    ]
    return list(_find_pieces(words, _compile(vocabulary))), quotations


def _mask(text: str, quotations: Sequence[str]) -> str:
    """A mark for each quotation; one that ends a sentence ends it outside, too."""
    first, *rest = mask_quotes(text).split('"')
    parts = [first]
    for quotation, part in zip(quotations, rest, strict=False):
        ends = quotation.rstrip()[-1:] in (".", "!", "?") and not part.strip()[:1].islower()
        parts += [f" {QUOTATION} . " if ends else f" {QUOTATION} ", part]
    return "".join(parts)


def _find_pieces(words: Sequence[tuple[str, str]], tables: _Tables) -> Iterator[Lexeme]:
    line = " ".join(found for found, _ in words)
    place = start = 0
    while place < len(words):
        known = words[place][0]
        found = tables.pattern.match(line, start) if known in tables.words else None
        count = found[0].count(" ") + 1 if found else 1
        tag, value = tables.names[found.lastgroup or ""] if found else ("word", known)
        here = words[place : place + count]
        yield Lexeme(tag, value, tuple(word for _, word in here))
        start += sum(len(stem) for stem, _ in here) + count
        place += count


@lru_cache(maxsize=64)
def _compile(vocabulary: Vocabulary) -> _Tables:
    """One pattern of all tables; of two that fit, the earlier one counts."""
    colours = dict(WORDING["colours"])
    colours |= {colour: [colour] for colour in colours.pop("other")}
    tables: list[tuple[str, Mapping[str, str]]] = [
        ("verb", {f"={action}": _join_forms(forms) for action, forms in vocabulary.actions}),
        ("kind", {kind: re.escape(kind) for kind in vocabulary.kinds}),
        ("colour", {colour: re.escape(colour) for colour in vocabulary.colours}),
        ("stop", {".": r"\."}),
        ("comma", {",": ","}),
        ("quotation", {QUOTATION: QUOTATION}),
        ("colour", _join(colours)),
        *((tag, _join(WORDING[name])) for tag, name in _SECTIONS.items()),
    ]
    entries = [(tag, *entry) for tag, table in tables for entry in table.items()]
    whole = "|".join(f"(?P<g{k}>{pattern})" for k, (_, _, pattern) in enumerate(entries))
    return _Tables(
        re.compile(rf"(?<!\S)(?:{whole})(?!\S)"),
        {
            f"g{k}": (tag, "" if (tag, name) == ("kind", "any") else name)
            for k, (tag, name, _) in enumerate(entries)
        },
        frozenset(re.findall(r"'?[^\W\d_]+|[,.&]|\d+", whole)),
    )


_SECTIONS = {
    "skip": "skipped",
    "kind": "kinds",
    "verb": "verbs",
    "path": "paths",
    "size": "sizes",
    "grammar": "grammar",
}
"""What each section of the file is called as a tag, in the order in which they count."""


def _join(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: stem_pattern("|".join(patterns)) for name, patterns in table.items()}


def _join_forms(forms: Sequence[str]) -> str:
    """Verbs of a user's own, taken word for word, the longest first."""
    lines = {" ".join(filter(None, map(normalize, split_words(form)))) for form in forms}
    return "|".join(map(re.escape, sorted(lines - {""}, key=len, reverse=True))) or "(?!)"
