"""Holds a sentence against the texts that it rests on, by their words; knows no model.

A sentence holds where each of its clauses keeps the words of one source sentence in their order: it
may leave words out, join and inflect, but not add, swap or deny. This is stricter than truth (a
fair paraphrase fails) because small models put right words together into false sentences.
"""

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import snowballstemmer

from longtake.clauses import CLAUSE_END, QUOTED, QUOTES, split_text

VERSION = 1
"""Part of the key of each answer that was checked: raised whenever the rules change."""

_TOKEN = re.compile(rf"{QUOTED}|[^\W_]+(?:['’.,][^\W_]+)*")
_BREAK = re.compile(
    r"[,;:.!?](?=\s|$)|\b(?:and|but|or|then|while|when|before|after|later|finally)\b", re.IGNORECASE
)
_DENIAL = frozenset("no not never nobody nothing none neither nor without cannot".split())
_BE = frozenset("is are was were be been being".split())

NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_SAME = {"people": "person", "persons": "person", "men": "man", "women": "woman"} | NUMBERS

GLUE = frozenset(
    # Words that claim nothing: they hold a sentence together, or speak of the video as such.
    """
    a an the of this that these those there here which who and or but nor so as than too also only
    just both either then later finally first next last while when before after
    is are was were be been being has have had do does did
    video clip scene shot footage show shows showing shown see seen appear appears
    """.split()
)


def find_missing(sentence: str, sources: Sequence[str]) -> list[str]:
    """Words, numbers and quotations of the sentence that no source holds, each once, in order.

    Compared by stem (English, after Porter 2), numbers as digits, quotations to the letter.
    """
    known = [item for source in sources for item in _items(source)]
    missing = [item for item in _items(sentence) if not any(_matches(item, k) for k in known)]
    return list(dict.fromkeys(missing))


def find_support(sentence: str, sources: Sequence[str]) -> list[int] | None:
    """Places of the sources that the sentence's clauses rest on; None where a clause rests on none.

    Of several sources that would do for a clause, the first counts.
    """
    whole = [
        (place, clause)
        for place, source in enumerate(sources)
        for clause in split_text(source, CLAUSE_END)
    ]
    support: set[int] = set()
    for clause in split_text(sentence, _BREAK):
        if not _items(clause):
            continue
        found = next((place for place, source in whole if _holds(clause, source)), None)
        if found is None:
            return None
        support.add(found)
    return sorted(support) or None


def _holds(clause: str, source: str) -> bool:
    """Whether the clause is what is left of the source when words are taken away, and no denial."""
    rest = iter(_items(source))
    if not all(any(_matches(item, other) for other in rest) for item in _items(clause)):
        return False
    if _denies(clause) != _denies(source):
        return False
    return _bindings(clause) <= _bindings(source)


def _bindings(text: str) -> set[str]:
    """What "to be" binds: `is a`, `is kicked`; a small model makes these up freely."""
    words = [word.casefold() for word in _TOKEN.findall(text)]
    return {
        "a" if after in ("a", "an", "the") else after
        for before, after in pairwise(words)
        if before in _BE and (after in ("a", "an", "the") or after.endswith("ed"))
    }


def _denies(text: str) -> bool:
    words = {word.casefold() for word in _TOKEN.findall(text)}
    return bool(words & _DENIAL) or any(re.search(r"n['’]t$", word) for word in words)


def _items(text: str) -> list[str]:
    """What a text claims, in order: stems of its words, and quotations in quotation marks."""
    items = []
    for token in _TOKEN.findall(text):
        if token[0] in QUOTES:
            items.append(f'"{" ".join(token[1:-1].casefold().split())}"')
        elif token.casefold() not in GLUE:
            items.append(_stem(token))
    return items


def _matches(item: str, known: str) -> bool:
    """Equal; or both quoted, or the known one alone, and the known one holds the other's words."""
    if known[0] != '"':
        return item == known
    if item[0] == '"':
        return item[1:-1].strip(" .,;") in known
    return item in _quoted_stems(known)


@cache
def _quoted_stems(quotation: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _TOKEN.findall(quotation[1:-1]))


@cache
def _stem(word: str) -> str:
    """One form for all forms of a word; a number word is its digits."""
    plain = re.sub(r"['’]s$", "", word.casefold())
    return str(_stemmer().stemWord(_SAME.get(plain, plain)))


@cache
def _stemmer() -> "snowballstemmer.english_stemmer.EnglishStemmer":
    return snowballstemmer.stemmer("english")
