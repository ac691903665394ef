"""Holds a sentence against the texts that it rests on, by their words; knows no model.

A sentence holds where each of its clauses is one of theirs, in their order, word for word from its
first word on; its end may be missing where a plain phrase begins and nothing in it turns its sense.
This is stricter than truth (a fair paraphrase fails) because right words are easily put together
into a false sentence. `weigh` also tells what speaks against a sentence that does not hold.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from longtake.records import Support
from longtake.text.claims import (
    COLOURS,
    DETERMINERS,
    FAMILIES,
    NEGATORS,
    ONES,
    PEOPLE,
    PRONOUNS,
    Named,
    is_english,
    is_foreign,
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
from longtake.text.clauses import (
    CLAUSE_END,
    ELLIPSIS,
    QUOTES,
    TEXT,
    VOICE,
    pair_quotes,
    say_text,
    say_voice,
    split_text,
    unquote,
)
from longtake.text.stems import TOKEN, StemmedWord, list_claims, read_words, stem

_BREAK = re.compile(r"[,;:.!?](?=\s|$)|\b(?:and|but|then|later|finally)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;!](?=\s|$)|(?<=\?)(?=\s|$)")
"""Ends a clause, and leaves it a question mark."""
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
_LATER = frozenset("then later afterwards finally".split())
_JOINTS = _LATER | frozenset(". ; ! ? , and but".split())
"""What may stand between two clauses."""
_STOPS = frozenset(".?")
_PAUSES = tuple(".,;:!?…")
_ENDS = frozenset("and then but".split())
_PLACES = frozenset(
    "in on at along across near beside behind above below under inside outside between".split()
)
"""Before one of these, where an article follows, and before one of `_ENDS` a clause may be cut."""
_GOES_ON = frozenset(
    "he she it they him his her hers its them their this that these those both another".split()
)
"""A clause that begins so speaks of what stands right before it."""
_BE = frozenset("is are was were be been being 's become becomes became gets feels".split())
_TURNS = NEGATORS | frozenset(
    """
    ? or if unless until whether perhaps maybe possibly probably apparently supposedly seemingly
    may might can could should must shall will would only barely scarcely rarely seldom unlike
    except instead rather before after while when where who whom whose which that because
    all every everyone everybody everything any anyone anybody anything each most least best worst
    as like according says say said saying tells told claims thinks thought thinking believes
    dreams dream imagines imagine hopes fears wants needs wishes plans tries fails refuses denies
    avoids forbids prevents pretends mimes threatens considers seems looks leaves leave left leaving
    lets keeps keep quits lacks hundred thousand million billion dozen half toy fake film movie
    play game story novel book photo photograph picture painting drawing poster statue
    mirror screen tv television fiction simulation allegedly reportedly rumour rumoured
    """.split()
)
"""Words that turn the sense of a clause: one with any of them holds only as a whole."""

MOST_AS_WORD = 20
"""Numbers up to this one may stand as a word in a language that is not read."""
MOST_SHOWN = 4
"""Words that a reason names, at most."""


def holds(sentence: str, sources: Sequence[str]) -> bool:
    """Whether the sources, which come in time order, tell the sentence clause by clause."""
    told, words = _Told(sources), _words(sentence)
    reached: list[set[_State]] = [{_State()}, *(set() for _ in words)]
    for place, states in enumerate(reached[:-1]):
        if words[place] in _JOINTS:
            later = words[place] in _LATER
            reached[place + 1] |= {replace(s, later=s.later or later) for s in states}
        for end, state in told.go_on(words, place, states):
            reached[end].add(state)
    return any(state.source >= 0 for state in reached[-1])


def weigh(sentence: str, sources: Sequence[str]) -> tuple[Support, str]:
    """What the words alone tell of a sentence that rests on these texts, given in time order.

    Supported where it only repeats them; unsupported where something that can be looked up is in
    none of them, with what that is; unchecked where words can't settle it.
    """
    if holds(sentence, sources):
        return "supported", ""
    texts = [*sources, *_join_quotes(sources)]
    english = is_english(" ".join(sources)) and not is_foreign(sentence)
    reasons = list(_list_reasons(sentence, texts, english=english))
    return ("unsupported", "; ".join(reasons)) if reasons else ("unchecked", "")


@dataclass(frozen=True)
class _State:
    """How far a sentence has come: the source and the clause that it told last."""

    source: int = -1
    clause: int = -1
    later: bool = False
    """Whether it goes on with `then`."""


class _Told:
    """The clauses of texts, one after the other, and what is said and written in them."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.clauses = [
            (source, words)
            for source, text in enumerate(sources)
            for clause in split_text(text, _CLAUSE)
            if (words := _words(clause))
        ]
        self.english = is_english(" ".join(sources))
        self.said = [" ".join(_list_quoted([text], VOICE)) for text in sources]
        self.read = [" / ".join(_list_quoted([text], TEXT)) for text in sources]

    def go_on(
        self, words: Sequence[str], place: int, states: set[_State]
    ) -> Iterator[tuple[int, _State]]:
        """Where the sentence is after one more clause that begins at that place."""
        if not states or (place and words[place - 1] not in _JOINTS):
            return
        for number, (source, clause) in enumerate(self.clauses):
            before = [s for s in states if s.clause < number and _may_follow(s, source)]
            if clause[0] in _GOES_ON:
                before = [s for s in before if s.source < 0 or self._is_next(s, number)]
            if before:
                for end in _match(words, place, clause, cut=self.english):
                    yield end, _State(source, number)
        yield from self._quote(words, place, states)

    def _is_next(self, state: _State, number: int) -> bool:
        return state.clause == number - 1 and state.source == self.clauses[number][0]

    def _quote(
        self, words: Sequence[str], place: int, states: set[_State]
    ) -> Iterator[tuple[int, _State]]:
        """A quotation of what is said or written in several sources; it leaves the order as is."""
        for start, find, texts in ((VOICE, _find_said, self.said), (TEXT, _find_read, self.read)):
            end = place + len(_words(start)) + 1
            if list(words[place : end - 1]) == _words(start) and words[end - 1 : end]:
                for source in find(words[end - 1], texts):
                    for before in (s for s in states if _may_follow(s, source)):
                        yield end, _State(source, before.clause)


def _may_follow(state: _State, source: int) -> bool:
    return source > max(state.source, 0) if state.later else source >= state.source


def _match(words: Sequence[str], place: int, clause: Sequence[str], *, cut: bool) -> Iterator[int]:
    """Places in the sentence where the clause that stands there ends, whole or cut."""
    length = max(
        1, max((k for k, word in enumerate(clause, start=1) if word not in _STOPS), default=0)
    )
    pairs = zip(words[place:], clause[:length], strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    for count in range(1, same + 1):
        ends = place + count == len(words) or words[place + count] in _JOINTS
        if ends and (count == length or (cut and _may_cut(clause, count))):
            yield place + count
    if same < length and place + same < len(words):
        after = words[place + same]
        if (after == ELLIPSIS and same) or _begins_quote(after, clause[same]):
            yield place + same + 1


def _may_cut(clause: Sequence[str], place: int) -> bool:
    """Whether what stands before that place is true without the rest."""
    after, last = clause[place], clause[place - 1]
    if not _TURNS.isdisjoint(clause) or any(word.endswith(("n't", "n’t")) for word in clause):
        return False
    if "," in clause[place:] or last in COLOURS or not last[0].isalpha():
        return False
    plain = after in _PLACES and place + 1 < len(clause) and clause[place + 1] in DETERMINERS
    return after in _ENDS or (plain and _BE.isdisjoint(clause[max(0, place - 3) : place]))


def _begins_quote(quoted: str, whole: str) -> bool:
    start = quoted[1:-1].rstrip()
    if quoted[0] not in QUOTES or whole[0] not in QUOTES or not start.endswith(ELLIPSIS):
        return False
    start = start.removesuffix(ELLIPSIS).rstrip()
    return bool(start) and whole[1:].startswith(start)


def _words(text: str) -> list[str]:
    """Its words, marks and quotations as they are compared: articles and numbers in one form."""
    return [_plain(token) for token in TOKEN.findall(pair_quotes(text))]


def _plain(token: str) -> str:
    if token[0] in QUOTES and len(token) > 1:
        return f'"{_fold(token[1:-1])}"'
    plain = token.casefold()
    return "a" if plain in ("an", "the") else ONES.get(plain, plain)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _find_said(quoted: str, texts: Sequence[str]) -> Iterator[int]:
    """Sources from which on a quotation stands in what is said, from sentence to sentence.

    Only where it pauses may a source follow in which nothing is said.
    """
    start = _fold(quoted[1:-1])
    wanted = start.removesuffix(ELLIPSIS).strip()
    for number in (k for k, text in enumerate(texts) if text and wanted):
        said, ends = "", set[int]()
        for piece in map(_fold, texts[number:]):
            over = len(said) > len(texts[number]) + len(wanted)
            if over or not (piece or said.endswith(_PAUSES)):
                break
            said = f"{said} {piece}".strip()
            ends.add(len(said))
        ends |= {k for stop in re.finditer(r"[.!?…](?=\s|$)", said) for k in stop.span()}
        places = (found.span() for found in re.finditer(re.escape(wanted), said))
        if any((not a or a - 1 in ends) and (wanted != start or b in ends) for a, b in places):
            yield number


def _find_read(quoted: str, texts: Sequence[str]) -> Iterator[int]:
    """Sources from which on lines stand together on screen, each told once."""
    lines = _lines(quoted)
    lines = lines[:-1] if lines[-1] == ELLIPSIS else lines
    for number in (k for k, text in enumerate(texts) if text and lines):
        known: dict[str, None] = {}
        most = len(_lines(f'"{texts[number]}"')) + len(lines)
        for text in filter(None, texts[number:]):
            known |= dict.fromkeys(_lines(f'"{text}"'))
            if len(known) > most:
                break
        if _stand_together(lines, list(known)):
            yield number


def _stand_together(lines: Sequence[str], others: Sequence[str]) -> bool:
    return any(_same_lines(lines, others[k : k + len(lines)]) for k in range(len(others)))


def _lines(quoted: str) -> list[str]:
    return [line.strip(" .,;") for line in _fold(quoted[1:-1]).split(" / ")]


def _list_quoted(sources: Sequence[str], start: str) -> list[str]:
    """What clauses with that start quote, in order."""
    clauses = [clause for source in sources for clause in split_text(source, CLAUSE_END)]
    return [quoted for clause in clauses if (quoted := unquote(clause, start))]


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
    return any(other and next_ and stem(next_) == stem(after) for other, next_ in others)


def _lack_things(sentence: str, sources: Sequence[str]) -> Iterator[str]:
    """Known things of no source; where they have many names, one of their family must be told."""
    things = list_things(sentence)
    told = [thing for source in sources for thing in list_things(source)]
    known = frozenset(kind for thing in told for kind in thing.kinds)
    if any(map(tells_of_people, sources)):
        known |= frozenset() if known & PEOPLE else PEOPLE
    claimed = frozenset(kind for thing in things for kind in thing.kinds)
    others = [thing.kinds for thing in told if thing.claimed and not thing.kinds & claimed]
    words = {word.claim for source in sources for word in read_words(source)}
    for thing in (thing for thing in things if thing.claimed):
        same = thing.word in PRONOUNS or {stem(part) for part in thing.word.split()} <= words
        family = next((family for family in FAMILIES if family & thing.kinds), None)
        swapped = family is None or any(kinds & family for kinds in others)
        if not same and not thing.kinds & known and swapped:
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
    for word in read_words(clause):
        if word.text in NEGATORS or word.text.endswith(("n't", "n’t")):
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


def _matches(word: StemmedWord, other: StemmedWord) -> bool:
    """The same claim; of a quotation, whole lines that stand together in the other one."""
    if not word.claim.startswith('"') or not other.claim.startswith('"'):
        return word.claim == other.claim
    lines, others = _lines(word.claim), _lines(other.claim)
    return _stand_together(lines, others)


def _same_lines(lines: Sequence[str], others: Sequence[str]) -> bool:
    """The same; where an ellipsis stands at the end, what is before it begins the last line."""
    if len(lines) != len(others) or not lines[-1].endswith(ELLIPSIS):
        return list(lines) == list(others)
    start = lines[-1].removesuffix(ELLIPSIS).rstrip()
    return bool(start) and lines[:-1] == others[:-1] and others[-1].startswith(start)
