"""Holds a sentence against the texts that it rests on, by their words; knows no model.

A sentence holds where each of its clauses keeps the words of one source sentence in their order: it
may leave words out, join and inflect, but not add, swap or deny. This is stricter than truth (a
fair paraphrase fails) because small models put right words together into false sentences.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import snowballstemmer

from longtake.clauses import CLAUSE_END, QUOTED, QUOTES, split_text

VERSION = 1
"""Part of the key of each answer that was checked: raised whenever the rules change."""

_TOKEN = re.compile(rf"{QUOTED}|[^\W_]+(?:['’.,][^\W_]+)*|,")
_BREAK = re.compile(
    r"[,;:.!?](?=\s|$)|\b(?:and|but|or|then|while|when|before|after|later|finally)\b", re.IGNORECASE
)
_DENIAL = frozenset("no not never nobody nothing none neither nor without cannot".split())
_BE = frozenset("is are was were be been being".split())

_PREPOSITIONS = frozenset(
    "about above across after along around at before behind below beside between by down for from"
    " in inside into near next of off on onto out outside over past through to towards toward under"
    " up who which that whose where with without".split()
)
_DETERMINERS = frozenset("a an the this that these those his her its their some another".split())

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
    known = [word for source in sources for word in _read(source, open_quotations=True)]
    missing = [
        word.claim
        for word in _read(sentence)
        if word.claim and not any(_matches(word, other) for other in known)
    ]
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
        if not any(word.claim for word in _read(clause)):
            continue
        found = next((place for place, source in whole if _holds(clause, source)), None)
        if found is None:
            return None
        support.add(found)
    return sorted(support) or None


def list_claims(text: str) -> list[str]:
    """What a text claims, in order: stems of words, digits, quotations."""
    return [word.claim for word in _read(text) if word.claim]


@dataclass(frozen=True)
class _Word:
    """A word, comma or quotation as it stands, and what it claims: a stem, or nothing."""

    text: str
    claim: str


def _read(text: str, *, open_quotations: bool = False) -> list[_Word]:
    """The words of a text; a quotation is one, on request with its own words behind it."""
    words = []
    for token in _TOKEN.findall(text):
        if token[0] in QUOTES:
            words.append(_Word(token, f'"{" ".join(token[1:-1].casefold().split())}"'))
            if open_quotations:
                words += [_Word("quoted", word.claim) for word in _read(token[1:-1])]
        else:
            plain = token.casefold()
            words.append(_Word(plain, "" if plain in GLUE or plain == "," else _stem(token)))
    return words


def _matches(word: _Word, other: _Word) -> bool:
    """The same claim; or a quotation that is part of the other one."""
    if word.claim[0] == '"' == other.claim[:1]:
        return word.claim[1:-1].strip(" .,;") in other.claim
    return word.claim == other.claim


def _holds(clause: str, source: str) -> bool:
    """Whether the clause is what is left of the source when words are taken away, and no denial."""
    if _denies(clause) != _denies(source) or not _bindings(clause) <= _bindings(source):
        return False
    words, others = _read(clause), _read(source, open_quotations=True)
    claims = [place for place, word in enumerate(words) if word.claim]

    @cache
    def follow(number: int, after: int) -> bool:
        """Whether the claims from `number` on stand in the source behind place `after`."""
        if number == len(claims):
            return True
        place = claims[number]
        beside = number > 0 and claims[number - 1] == place - 1
        return any(
            _matches(words[place], others[k])
            and not (beside and _parts(others[after + 1 : k]))
            and follow(number + 1, k)
            for k in range(after + 1, len(others))
        )

    return follow(0, -1)


def _parts(between: Sequence[_Word]) -> bool:
    """Whether two words with these between them belong to different things.

    `two (small brown) dogs` and `a man (in a red coat) walks` may be drawn together; `red (coat
    walks a) dog` and `four (cars, a bicycle and a) person` may not.
    """
    if not between or between[0].text in _PREPOSITIONS:
        return False
    return any(not w.claim or w.text in _PREPOSITIONS | _DETERMINERS for w in between)


def _bindings(text: str) -> set[str]:
    """What "to be" binds: `is a`, `is kicked`; a small model makes these up freely."""
    words = [word.text for word in _read(text)]
    return {
        "a" if after in _DETERMINERS else after
        for before, after in pairwise(words)
        if before in _BE and (after in _DETERMINERS or after.endswith("ed"))
    }


def _denies(text: str) -> bool:
    words = {word.text for word in _read(text)}
    return bool(words & _DENIAL) or any(re.search(r"n['’]t$", word) for word in words)


@cache
def _stem(word: str) -> str:
    """One form for all forms of a word; a number word is its digits."""
    plain = re.sub(r"['’]s$", "", word.casefold())
    return str(_stemmer().stemWord(_SAME.get(plain, plain)))


@cache
def _stemmer() -> "snowballstemmer.english_stemmer.EnglishStemmer":
    return snowballstemmer.stemmer("english")
