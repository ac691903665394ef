"""Holds a sentence against the texts that it rests on, by their words; knows no model.

A sentence holds where each of its clauses keeps the words of one clause of a source in their order,
from its beginning on: it may leave words out, join and inflect, but not add, swap, deny, or give
one's deeds to another. This is stricter than truth (a fair paraphrase fails) because small models
put right words together into false sentences. `weigh` tells what speaks against a sentence that
does not hold: only what can be looked up does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import snowballstemmer

from longtake.claims import (
    COLOURS,
    PEOPLE,
    PRONOUNS,
    Named,
    is_english,
    list_marks,
    list_names,
    list_numbers,
    list_quotations,
    list_things,
    mask_quotes,
    opening_name,
    plain_words,
    tells_of_people,
)
from longtake.clauses import (
    CLAUSE_END,
    ELLIPSIS,
    QUOTED,
    QUOTES,
    TEXT,
    VOICE,
    say_text,
    say_voice,
    split_text,
    unquote,
)
from longtake.records import Support

_TOKEN = re.compile(rf"{QUOTED}|[^\W_]+(?:['’.,][^\W_]+)*|,")
_BREAK = re.compile(r"[,;:.!?](?=\s|$)|\b(?:and|but|then|later|finally)\b", re.IGNORECASE)
_Claims = frozenset[str]
_Place = tuple[int, int]
_THEN = r"(?:then|later|afterwards|finally|next)"
_ORDERS = [
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), turned)
    for pattern, turned in (
        (rf"(.+?)(?:[,;.]\s*|\s+)(?:and\s+|but\s+)?{_THEN}\b,?\s+(.+)", False),
        (r"(.+?)\s+before\s+(.+)", False),
        (r"before\s+(.+?),\s+(.+)", True),
        (r"(.+?)\s+after\s+(.+)", True),
        (r"after\s+(.+?),\s+(.+)", False),
    )
]
"""Two events in one sentence, and whether the one that is told first comes second."""
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

_NEGATORS = frozenset(
    "no not never nobody nothing none neither nor without cannot hardly almost nearly".split()
)
MOST_AS_WORD = 20
"""Numbers up to this one may stand as a word in a language that is not read."""
MOST_SHOWN = 4
"""Words that a reason names, at most."""

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


def weigh(sentence: str, sources: Sequence[str]) -> tuple[Support, str]:
    """What the words alone tell of a sentence that rests on these texts, given in time order.

    Supported where it only leaves words of theirs out; unsupported where something that can be
    looked up is in none of them, with what that is; unchecked where words can't settle it.
    """
    texts = [*sources, *_join_quotes(sources)]
    english = _are_english(sentence, sources)
    if repeats(sentence, texts) or (english and find_support(sentence, texts) is not None):
        return "supported", ""
    reasons = list(_list_reasons(sentence, texts, english=english))
    return ("unsupported", "; ".join(reasons)) if reasons else ("unchecked", "")


def _are_english(sentence: str, sources: Sequence[str]) -> bool:
    """Both; a short sentence is, where half of its words or more are the sources' own."""
    if not is_english(" ".join(sources)):
        return False
    words = [_stem(word) for word in plain_words(mask_quotes(sentence)).split()]
    known = {word.claim for source in sources for word in _read(source)} | GLUE
    return is_english(sentence) or 2 * sum(word in known for word in words) >= len(words)


def repeats(sentence: str, sources: Sequence[str]) -> bool:
    """Whether each clause is one of the sources', word for word; an ellipsis stands for its end.

    What a voice says may also be what it says in several of them, one after the other.
    """
    whole = {_bare(clause) for source in sources for clause in split_text(source, CLAUSE_END)}
    clauses = split_text(sentence, CLAUSE_END)
    said = plain_words(" ".join(_list_quoted(sources, VOICE)))
    return bool(clauses) and all(
        _bare(clause) in whole
        or (ELLIPSIS in clause[-2:] and _begins_one(clause, whole))
        or _is_said(unquote(_upper_start(clause), VOICE), said)
        for clause in clauses
    )


def _is_said(quotation: str, said: str) -> bool:
    """Whether the words of the quotation stand together in what is said."""
    words = plain_words(quotation.removesuffix(ELLIPSIS))
    return bool(words.strip()) and words in said


def _upper_start(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _list_quoted(sources: Sequence[str], start: str) -> list[str]:
    """What clauses with that start quote, in order."""
    clauses = [clause for source in sources for clause in split_text(source, CLAUSE_END)]
    return [quoted for clause in clauses if (quoted := unquote(clause, start))]


def _bare(clause: str) -> str:
    return " ".join(clause.casefold().split()).rstrip(" .,")


def _begins_one(clause: str, whole: set[str]) -> bool:
    start = _bare(clause).rstrip(QUOTES).removesuffix(ELLIPSIS).rstrip()
    return bool(plain_words(start).strip()) and any(one.startswith(start) for one in whole)


def _join_quotes(sources: Sequence[str]) -> list[str]:
    """What voices say in all the sources as one clause, and what is written there as another."""
    said, read = _list_quoted(sources, VOICE), _list_quoted(sources, TEXT)
    lines = dict.fromkeys(line for text in read for line in text.split(" / "))
    joined = [say_voice(" ".join(said))] if len(said) > 1 else []
    return joined + ([say_text(" / ".join(lines))] if len(read) > 1 else [])


def _list_reasons(sentence: str, sources: Sequence[str], *, english: bool) -> Iterator[str]:
    """What speaks against the sentence, each in words for a reader."""
    lacking = [*_lack_quotations(sentence, sources), *_lack_marks(sentence, sources)]
    lacking += _lack_numbers(sentence, sources, english=english)
    if english:
        lacking += [*_lack_names(sentence, sources), *_lack_things(sentence, sources)]
    if lacking:
        yield f"its descriptions lack {_enumerate(list(dict.fromkeys(lacking)))}"
    if english:
        yield from _list_contradictions(sentence, sources)


def _enumerate(things: Sequence[str]) -> str:
    """`"7", "Ann" and "dog"`: the first few."""
    shown = [f'"{thing}"' for thing in things[:MOST_SHOWN]]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def _lack_quotations(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    known = [plain_words(source) for source in sources]
    for quotation in list_quotations(sentence):
        words = plain_words(quotation)
        if quotation.endswith(ELLIPSIS):
            words = words.rstrip()
        if words.strip() and not any(words in source for source in known):
            yield quotation


def _lack_marks(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    known = {mark for source in sources for mark in list_marks(source)}
    return (mark for mark in list_marks(sentence) if mark not in known)


def _lack_numbers(sentence: str, sources: Sequence[str], *, english: bool) -> Iterator[str]:
    """Numbers of no source; of other languages, only those that are hardly written as words."""
    known = {number for s in sources for number in list_numbers(s, claimed=False)}
    told = {thing.count: thing for thing in list_things(sentence)} if english else {}
    readable = is_english(" ".join(sources))
    digits = list_numbers(re.sub(r"[^\W\d_]+", " ", sentence)) if readable else []
    for number in list_numbers(mask_quotes(sentence)):
        hard = english or number in digits or len(number) > 2 or int(number) > MOST_AS_WORD
        if number in known or not hard:
            continue
        count = _count_things(told[number], sources) if number in told else 0
        if not count or number != str(count):
            yield number


def _count_things(thing: Named, sources: Sequence[str]) -> int:
    """How many things of these kinds the sources tell of, each word once."""
    named = {t.word: t for s in sources for t in list_things(s) if t.kinds & thing.kinds}
    counts = [t.count or "1" for word, t in named.items() if word not in PRONOUNS | {thing.word}]
    return sum(int(count) for count in counts if count.isdigit())


def _lack_names(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    known = " ".join(plain_words(source) for source in sources)
    for name in list_names(sentence):
        parts = [r"\s+".join(plain_words(part).split()) for part in name.split()]
        if not re.search(r"\b" + r"\s+(?:\w+\s+){0,2}".join(parts) + r"\b", known):
            yield name
    name, after = opening_name(sentence)
    if name and f" {name.casefold()} " not in known and _stands_in_place(name, after, sources):
        yield name


def _stands_in_place(name: str, after: str, sources: Sequence[str]) -> bool:
    """Whether a clause of a source begins with another name and goes on with the same word."""
    clauses = [clause for source in sources for clause in split_text(source, CLAUSE_END)]
    others = [opening_name(clause) for clause in clauses]
    return any(other and next_ and _stem(next_) == _stem(after) for other, next_ in others)


def _lack_things(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    things = [thing for thing in list_things(sentence) if thing.claimed]
    if not things:
        return
    known = frozenset(kind for s in sources for t in list_things(s) for kind in t.kinds)
    if any(thing.kinds & PEOPLE for thing in things) and any(map(tells_of_people, sources)):
        known |= frozenset() if known & PEOPLE else PEOPLE
    words = {word.claim for source in sources for word in _read(source)}
    for thing in things:
        same = thing.word in PRONOUNS or {_stem(part) for part in thing.word.split()} <= words
        if not same and not thing.kinds & known:
            yield thing.word


def _list_contradictions(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    """What the sources say in another way: how many, whether at all, in which order."""
    yield from _miscount(sentence, sources)
    yield from _deny_otherwise(sentence, sources)
    if _is_reversed(sentence, sources):
        yield "its descriptions tell this in the other order"


def _miscount(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    """A number of things, where the sources give only other numbers of them."""
    counted = [t for t in list_things(sentence) if t.count and t.word not in COLOURS]
    if not counted:
        return
    told = [t for source in sources for t in list_things(source) if t.count]
    known = {n for s in sources for n in list_numbers(s, claimed=False)}
    for thing in counted:
        if thing.count not in known:
            continue
        counts = list(dict.fromkeys(t.count for t in told if t.word == thing.word and t.count))
        if counts and thing.count not in counts:
            yield f'its descriptions tell of {_enumerate(counts)} "{thing.word}"'


def _deny_otherwise(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    """What is denied only here, or only there, among the same words."""
    pairs = [_deny(clause) for source in sources for clause in split_text(source, CLAUSE_END)]
    for clause in split_text(sentence, _BREAK):
        said, denied = _deny(clause)
        same = [pair for pair in pairs if said | denied and said | denied <= pair[0] | pair[1]]
        if same and not any(said <= there and denied <= not_there for there, not_there in same):
            words = sorted(denied) or sorted(said & same[0][1])
            yield f"its descriptions say otherwise of {_enumerate(words)}"


def _deny(clause: str) -> tuple[_Claims, _Claims]:
    """What a clause claims, and what it claims not to be: the claim after each denial."""
    said: set[str] = set()
    denied: set[str] = set()
    negative = False
    for word in _read(clause):
        if word.text in _NEGATORS or word.text.endswith(("n't", "n’t")):
            negative = True
        elif word.claim:
            (denied if negative else said).add(word.claim)
            negative = False
    return frozenset(said), frozenset(denied)


def _is_reversed(sentence: str, sources: Sequence[str]) -> bool:
    """Whether the first of two events is told of only after the second."""
    ordered = list(_order(sentence))
    if not ordered:
        return False
    clauses = [clause for source in sources for clause in split_text(source, CLAUSE_END)]
    told = [[frozenset(list_claims(p)) for p in split_text(c, _BREAK)] for c in clauses]
    for first, second in ordered:
        earlier, later = _find_event(first, second, told), _find_event(second, first, told)
        if earlier and later and min(start for start, _ in earlier) > max(end for _, end in later):
            return True
    return False


def _order(sentence: str) -> Iterator[tuple[_Claims, _Claims]]:
    """Two events that are told to come one after the other, as what they claim."""
    masked = sentence.strip().rstrip(".!?")
    for pattern, turned in _ORDERS:
        if found := pattern.fullmatch(masked):
            sides = [frozenset(list_claims(side)) for side in found.groups()]
            yield (sides[1], sides[0]) if turned else (sides[0], sides[1])


def _find_event(
    mine: _Claims, other: _Claims, told: Sequence[Sequence[_Claims]]
) -> list[tuple[_Place, _Place]]:
    """Where clauses that hold it all tell what it alone claims: from which piece to which."""
    own = mine - other
    found: list[tuple[_Place, _Place]] = []
    for number, pieces in enumerate(told):
        if own and mine <= {claim for piece in pieces for claim in piece}:
            holding = [k for k, piece in enumerate(pieces) if own <= piece]
            first, last = (holding[0], holding[-1]) if holding else (0, len(pieces) - 1)
            found.append(((number, first), (number, last)))
    return found


def list_claims(text: str) -> list[str]:
    """What a text claims, in order: stems of words, digits, quotations."""
    return [word.claim for word in _read(text) if word.claim]


@dataclass(frozen=True)
class _Word:
    """A word, comma or quotation as it stands, and what it claims: a stem, or nothing."""

    text: str
    claim: str


@lru_cache(maxsize=32768)
def _read(text: str) -> tuple[_Word, ...]:
    """The words of a text; a quotation is one."""
    words = []
    for token in _TOKEN.findall(text):
        if token[0] in QUOTES:
            words.append(_Word(token, f'"{" ".join(token[1:-1].casefold().split())}"'))
        else:
            plain = token.casefold()
            words.append(_Word(plain, "" if plain in GLUE or plain == "," else _stem(token)))
    return tuple(words)


def _matches(word: _Word, other: _Word) -> bool:
    """The same claim; of a quotation, whole lines that stand together in the other one."""
    if not word.claim.startswith('"') or not other.claim.startswith('"'):
        return word.claim == other.claim
    lines, others = (
        [line.strip(" .,;") for line in claim[1:-1].split(" / ")]
        for claim in (word.claim, other.claim)
    )
    return any(_same_lines(lines, others[k : k + len(lines)]) for k in range(len(others)))


def _same_lines(lines: Sequence[str], others: Sequence[str]) -> bool:
    """The same; where an ellipsis stands at the end, what is before it begins the last line."""
    if len(lines) != len(others) or not lines[-1].endswith(ELLIPSIS):
        return list(lines) == list(others)
    start = lines[-1].removesuffix(ELLIPSIS).rstrip()
    return bool(start) and lines[:-1] == others[:-1] and others[-1].startswith(start)


def _holds(clause: str, source: str, *, goes_on: bool) -> bool:
    """Whether the clause is what is left of the source when words are taken away.

    It begins where a part of the source does, unless it goes on with a clause of the same source.
    """
    words, others = _read(clause), _read(source)
    plain = {word.claim for word in words if word.claim and word.claim[0] != '"'}
    if not plain <= {word.claim for word in others}:
        return False
    if _turns(clause) != _turns(source) or not _bindings(clause) <= _bindings(source):
        return False
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
    words = {word.text for word in _read(text)}
    denied = any(word.endswith(("n't", "n’t")) for word in words)
    return words & _TURNS | ({"not"} if denied else set())


@cache
def _stem(word: str) -> str:
    """One form for all forms of a word; a number word is its digits."""
    plain = re.sub(r"['’]s$", "", word.casefold())
    return str(_stemmer().stemWord(_SAME.get(plain, plain)))


@cache
def _stemmer() -> "snowballstemmer.english_stemmer.EnglishStemmer":
    return snowballstemmer.stemmer("english")
