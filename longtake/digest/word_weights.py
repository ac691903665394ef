"""The words of texts in many languages: which language, which are stop words, what each weighs.

Knows no sentence and no topic.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
import snowballstemmer
import stop_words

from longtake.text.words import UNSPACED, list_words

VECTOR_SIZE = 512
SAMPLE, SAMPLE_LETTERS = 400, 1000
"""Texts by which the language is told, and so much of each."""
LEAST_LETTERS = 12


@lru_cache(maxsize=8)
def list_stop_words(language: str) -> frozenset[str]:
    """The stop words of a language; none where it is not known."""
    try:
        return frozenset(stop_words.get_stop_words(language.partition("-")[0]))
    except stop_words.StopWordError:
        return frozenset()


def guess_language(texts: Sequence[str]) -> str:
    """The ISO 639 code of the language of most of them; empty where it can't be told.

    A language without known stop words counts as none: of short texts it is mostly a wrong guess.
    """
    import py3langid

    step = max(1, len(texts) // SAMPLE)
    text = " ".join(text[:SAMPLE_LETTERS] for text in texts[::step])
    if sum(letter.isalpha() for letter in text) < LEAST_LETTERS:
        return ""
    code, _ = py3langid.classify(text)
    return str(code) if code in stop_words.LANGUAGE_MAPPING else ""


def measure(text: str) -> int:
    """Its length in letters; one of a script without spaces says about as much as three."""
    return len(text) + 2 * sum(map(len, UNSPACED.findall(text)))


@lru_cache(maxsize=8)
def _stemmer(language: str) -> "snowballstemmer.stemmer | None":
    name = _SNOWBALL.get(language.partition("-")[0])
    return snowballstemmer.stemmer(name) if name else None


_SNOWBALL = {
    code: name
    for code, name in (*stop_words.LANGUAGE_MAPPING.items(), ("nb", "norwegian"))
    if name in snowballstemmer.algorithms()
}


@lru_cache(maxsize=1 << 16)
def stem_word(word: str, language: str) -> str:
    """The word without its ending, in a language whose endings are known."""
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


def weigh_words(texts: Sequence[str], language: str) -> np.ndarray:
    """Unit vectors of the texts, float32 (texts, VECTOR_SIZE): their stems by TF-IDF.

    For languages that no embedder at hand knows. A stem has its place by its hash, so that memory
    does not grow with the words.
    """
    stops = list_stop_words(language)
    words = [list_words(text) for text in texts]
    content = [[word for word in some if word not in stops] or some for some in words]
    stems = [[stem_word(word, language) for word in some] for some in content]
    known = Counter(stem for some in stems for stem in set(some))
    vectors = np.zeros((len(texts), VECTOR_SIZE), np.float32)
    for row, some in enumerate(stems):
        for stem, count in Counter(some).items():
            place = crc32(stem.encode("utf-8", "replace"))
            weight = (1 + math.log(count)) * math.log(1 + len(texts) / known[stem])
            vectors[row, place % VECTOR_SIZE] += weight if place & (1 << 31) else -weight
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
