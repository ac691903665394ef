"""The words of a text in one form for all of theirs: what it claims, whatever its grammar.

Stems are English.
"""

import re
from functools import cache, lru_cache

import snowballstemmer

from longtake.text.clauses import QUOTED, QUOTES
from longtake.text.numbers import ONES

TOKEN = re.compile(rf"{QUOTED}|[^\W_]+(?:['’.,][^\W_]+)*|[^\w\s]|_")

_SAME = {
    "people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child",
    "buses": "bus", "knives": "knife", "mice": "mouse", "sat": "sit", "ran": "run",
    "went": "go", "goes": "go", "came": "come", "took": "take", "held": "hold", "rode": "ride",
    "drove": "drive", "threw": "throw", "fell": "fall", "spoke": "speak", "wore": "wear",
    "stood": "stand",
} | ONES  # fmt: skip
"""Irregular forms that a stemmer does not know."""

GLUE = frozenset(
    # Words that claim nothing: they hold a sentence together, or speak of the video as such.
    """
    a an the of this that these those there here which who and or but nor so as than too also only
    just both either then later finally first next last
    is are was were be been being has have had do does did
    video clip scene shot footage show shows showing shown see seen appear appears
    """.split()
)


@lru_cache(maxsize=32768)
def list_claims(text: str) -> tuple[str, ...]:
    """What a text claims, in order: stems of words, digits, quotations whole."""
    return tuple(claim for token in TOKEN.findall(text) if (claim := _read_claim(token)))


def _read_claim(token: str) -> str:
    if token[0] in QUOTES:
        return f'"{" ".join(token[1:-1].casefold().split())}"'
    plain = token.casefold()
    return stem_word(token) if plain[0].isalnum() and plain not in GLUE else ""


@cache
def stem_word(word: str) -> str:
    """One form for all forms of a word; a number word is its digits."""
    plain = re.sub(r"['’]s$", "", word.casefold())
    return str(_stemmer().stemWord(_SAME.get(plain, plain)))


@cache
def _stemmer() -> "snowballstemmer.english_stemmer.EnglishStemmer":
    return snowballstemmer.stemmer("english")
