"""Holds a sentence against the texts that it rests on, by their words; knows no model.

A sentence holds where each of its clauses keeps the words of one clause of a source in their order,
from its beginning on: it may leave words out, join and inflect, but not add, swap, deny, or give
one's deeds to another. This is stricter than truth (a fair paraphrase fails) because small models
put right words together into false sentences.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import snowballstemmer

from longtake.clauses import CLAUSE_END, QUOTED, QUOTES, split_text

_TOKEN = re.compile(rf"{QUOTED}|[^\W_]+(?:['’.,][^\W_]+)*|,")
_BREAK = re.compile(r"[,;:.!?](?=\s|$)|\b(?:and|but|then|later|finally)\b", re.IGNORECASE)
_BE = frozenset("is are was were be been being".split())
_PREPOSITIONS = frozenset(
    "about above across after along around at before behind below beside between by down for from"
    " in inside into near next of off on onto out outside over past through to towards toward under"
    " up when where which while who whose that with without".split()
)
_DETERMINERS = frozenset("a an the this that these those his her its their some another".split())
_TURNS = frozenset(
    "no not never nobody nothing none neither nor without cannot or almost nearly toy fake photo"
    " picture painting poster statue screen stops stopped".split()
)
"""Words that turn what they stand with into something else: none may be dropped or added."""

NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_SAME = {
    "people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child",
    "buses": "bus", "knives": "knife", "mice": "mouse", "sat": "sit", "ran": "run",
    "went": "go", "goes": "go", "came": "come", "took": "take", "held": "hold", "rode": "ride",
    "drove": "drive", "threw": "throw", "fell": "fall", "spoke": "speak", "wore": "wear",
    "stood": "stand",
} | NUMBERS  # fmt: skip
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


def find_missing(sentence: str, sources: Sequence[str]) -> list[str]:
    """Words, numbers and quotations of the sentence that no source holds, each once, in order.

    Compared by stem (English, after Porter 2), numbers as digits, quotations line by line.
    """
    known = [word for source in sources for word in _read(source)]
    missing = [
        word.claim
        for word in _read(sentence)
        if word.claim and not any(_matches(word, other) for other in known)
    ]
    return list(dict.fromkeys(missing))


def find_support(sentence: str, sources: Sequence[str]) -> list[int] | None:
    """Places of all sources that hold one of its clauses; None where the sentence does not hold.

    Its clauses must come in the order of the sources' own; one without a subject must go on with
    the clause before it.
    """
    whole = [
        (place, clause)
        for place, source in enumerate(sources)
        for clause in split_text(source, CLAUSE_END)
    ]
    support: set[int] = set()
    last = -1
    for clause in split_text(sentence, _BREAK):
        if not any(word.claim for word in _read(clause)):
            continue
        holding = [
            number
            for number, (_, source) in enumerate(whole)
            if number >= last and _holds(clause, source, goes_on=number == last)
        ]
        if not holding:
            return None
        last = holding[0]
        support |= {whole[number][0] for number in holding}
    return sorted(support) or None


def list_claims(text: str) -> list[str]:
    """What a text claims, in order: stems of words, digits, quotations."""
    return [word.claim for word in _read(text) if word.claim]


@dataclass(frozen=True)
class _Word:
    """A word, comma or quotation as it stands, and what it claims: a stem, or nothing."""

    text: str
    claim: str


def _read(text: str) -> list[_Word]:
    """The words of a text; a quotation is one."""
    words = []
    for token in _TOKEN.findall(text):
        if token[0] in QUOTES:
            words.append(_Word(token, f'"{" ".join(token[1:-1].casefold().split())}"'))
        else:
            plain = token.casefold()
            words.append(_Word(plain, "" if plain in GLUE or plain == "," else _stem(token)))
    return words


def _matches(word: _Word, other: _Word) -> bool:
    """The same claim; of a quotation, whole lines that stand together in the other one."""
    if not word.claim.startswith('"') or not other.claim.startswith('"'):
        return word.claim == other.claim
    lines, others = (
        [line.strip(" .,;") for line in claim[1:-1].split(" / ")]
        for claim in (word.claim, other.claim)
    )
    return any(others[k : k + len(lines)] == lines for k in range(len(others)))


def _holds(clause: str, source: str, *, goes_on: bool) -> bool:
    """Whether the clause is what is left of the source when words are taken away.

    It begins where a part of the source does, unless it goes on with a clause of the same source.
    """
    if _turns(clause) != _turns(source) or not _bindings(clause) <= _bindings(source):
        return False
    words, others = _read(clause), _read(source)
    claims = [place for place, word in enumerate(words) if word.claim]

    reached = {-1}  # where in the source the last claim may stand
    for number, place in enumerate(claims):
        beside = number > 0 and claims[number - 1] == place - 1
        reached = {
            k
            for after in reached
            for k in range(after + 1, len(others))
            if _matches(words[place], others[k])
            and not (beside and _parts(others[after + 1 : k]))
            and (number > 0 or goes_on or _begins(words[: place + 1], others, k))
        }
    return bool(reached)


def _begins(start: Sequence[_Word], others: Sequence[_Word], place: int) -> bool:
    """Whether a part of the source begins with the word at `place`, as the clause does.

    A part begins the source, or stands in a list with an article or number of its own. Only what
    follows an article in the clause may have lost words before it: `a (small brown) dog`.
    """
    first = place
    modifiers = len(start) > 1 and start[-2].text in _DETERMINERS
    while first > 0 and others[first - 1].text not in (",", "and", "but", "then"):
        first -= 1
    before = others[first:place]
    heads = [word for word in before if word.claim]
    if any(word.text in _PREPOSITIONS for word in before) or (heads and not modifiers):
        return False
    opens = before[0].text if before else others[place].text
    return first == 0 or opens in _DETERMINERS | NUMBERS.keys() or opens.isdigit()


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


def _turns(text: str) -> set[str]:
    """What the text holds of words that may not be dropped; every "n't" is a "not"."""
    words = (re.sub(r".*n['’]t$", "not", word.text) for word in _read(text))
    return {word for word in words if word in _TURNS}


@cache
def _stem(word: str) -> str:
    """One form for all forms of a word; a number word is its digits."""
    plain = re.sub(r"['’]s$", "", word.casefold())
    return str(_stemmer().stemWord(_SAME.get(plain, plain)))


@cache
def _stemmer() -> "snowballstemmer.english_stemmer.EnglishStemmer":
    return snowballstemmer.stemmer("english")
