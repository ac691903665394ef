"""The phrases that set one topic apart from the others, for its title. Knows no vectors."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from longtake.digest.word_weights import list_stop_words, stem_word
from longtake.text.words import list_words

MOST_WORDS = 3
TITLE_PHRASES = 2
LONGER = 0.5
"""A phrase of one word more is worth so much more, for the same number of times."""
_BREAK = re.compile(r"[^\w\s'’-]+|\s[-–—]\s|[\u3040-\u309f]+")
"""A phrase does not go over a comma or the like, nor over hiragana, which is mostly grammar."""
MOST_UNSPACED = 8
"""Letters of a script without spaces that may be one term."""


def find_phrases(topics: Sequence[Sequence[str]], language: str) -> list[list[str]]:
    """For each topic's sentences the phrases that stand there and rarely elsewhere, best first."""
    counts: list[Found] = []
    for sentences in topics:
        found: Found = defaultdict(Counter)
        for part in (part for sentence in sentences for part in _BREAK.split(sentence)):
            for stems, written in _list_phrases(part, language):
                found[stems][written] += 1
        counts.append(found)
    spread = Counter(stem for found in counts for stem in found)
    return [_rank(found, spread, len(topics)) for found in counts]


Found = dict[tuple[str, ...], Counter[str]]
"""How often each phrase was written in which way, by its stems."""


def _list_phrases(part: str, language: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Runs of words without stop words, each with the stems of its words."""
    stops = list_stop_words(language)
    words = part.split()
    bare = [_strip(word) for word in words]
    stems = [stem_word(word, language) for word in bare]
    content = [bool(b) and b not in stops and len(b) > 1 and not b.isdigit() for b in bare]
    for start in range(len(words)):
        for end in range(start + 1, min(start + MOST_WORDS, len(words)) + 1):
            if not all(content[start:end]):
                break
            yield tuple(stems[start:end]), " ".join(words[start:end]).strip("'’-")


def _strip(word: str) -> str:
    """The word as it is counted; nothing, where it is several or none."""
    found = list_words(word)
    if len(found) == 1:
        return found[0]
    unspaced = len(found) > 1 and not word.isascii() and all(len(pair) == 2 for pair in found)
    return word if unspaced and len(word) <= MOST_UNSPACED else ""


def _rank(found: Found, spread: Counter[tuple[str, ...]], topics: int) -> list[str]:
    """Written as most often there; none of whose words stand in a better one."""

    def weigh(stems: tuple[str, ...]) -> float:
        rare = math.log(1 + topics / spread[stems])
        count = found[stems].total()
        return math.log(1 + count) * rare * (1 + LONGER * (len(stems) - 1) * (count > 1))

    chosen: list[tuple[str, ...]] = []
    for stems in sorted(found, key=weigh, reverse=True):
        if not any(set(stems) & set(other) for other in chosen):
            chosen.append(stems)
        if len(chosen) == TITLE_PHRASES:
            break
    return [found[stems].most_common(1)[0][0] for stems in chosen]
