"""Holds a sentence against the texts that it rests on, by their words; knows no model.

A sentence holds where each of its clauses is one of theirs, in their order, word for word; its end
may be missing where an ellipsis says so. This is stricter than truth (a fair paraphrase fails):
it is easy to put right words together into a false sentence. The rest is left to a judge.
`weigh` also tells which quotation, mark or number of a sentence stands nowhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from longtake.records import Support
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
from longtake.text.entity_marks import list_marks, list_quotations, mask_quotes, plain_words
from longtake.text.numbers import ONES, list_numbers
from longtake.text.stems import TOKEN

_CLAUSE = re.compile(r"[.;!](?=\s|$)|(?<=\?)(?=\s|$)|[。；！।]|(?<=[？؟])")
"""Ends a clause, and leaves it a question mark."""
_LATER = frozenset("then later afterwards finally".split())
_JOINTS = _LATER | frozenset(". ; ! ? , 。 ； ！ ？ ， । ؟ and but".split())
"""What may stand between two clauses."""
_STOPS = frozenset(".?。？।؟")
_PAUSES = tuple(".,;:!?…")
_GOES_ON = frozenset(
    "he she it they him his her hers its them their this that these those both another".split()
)
"""A clause that begins so speaks of what stands right before it."""
MOST_AS_WORD = 20
"""Numbers up to this one may stand as a word in a language that is not read."""
MOST_COUNTED = 4
"""A number word up to this one may count what a description names one by one."""
MOST_SHOWN = 4
"""Words that a reason names, at most."""

_ENGLISH = frozenset(
    "the and with then his their they from into there while where behind along through who reads"
    " says stands walks shows woman people two three four five seven eight nine"
    " eleven twelve twenty thirty forty fifty hundred thousand".split()
)
_OTHERS = frozenset(
    "der die das den dem ein eine und ist mit auf im de du la le les un une et est avec que el los"
    " las una con y il di che het een en van met og ett och com na um se".split()
)


def holds(sentence: str, sources: Sequence[str]) -> bool:
    """Whether the sources, which come in time order, tell the sentence clause by clause."""
    told, words = _Sources(sources), _words(sentence)
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
    english = _is_english(" ".join(sources))
    missing = dict.fromkeys(
        [
            *_lack_quotations(sentence, texts),
            *_lack_marks(sentence, texts),
            *_lack_numbers(sentence, texts, english=english),
        ]
    )
    if not missing:
        return "unchecked", ""
    return "unsupported", f"its descriptions lack {_enumerate(list(missing))}"


@dataclass(frozen=True)
class _State:
    """How far a sentence has come: the source and the clause that it told last."""

    source: int = -1
    clause: int = -1
    later: bool = False
    """Whether it goes on with `then`."""


class _Sources:
    """The clauses of texts, one after the other, and what is said and written in them."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.clauses = [
            (source, words)
            for source, text in enumerate(sources)
            for clause in split_text(text, _CLAUSE)
            if (words := _words(clause))
        ]
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
                for end in _match(words, place, clause):
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


def _match(words: Sequence[str], place: int, clause: Sequence[str]) -> Iterator[int]:
    """Where in the sentence the clause that stands there ends, whole or cut by an ellipsis."""
    length = max(
        1, max((k for k, word in enumerate(clause, start=1) if word not in _STOPS), default=0)
    )
    pairs = zip(words[place:], clause[:length], strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    end = place + length
    if same == length and (end == len(words) or words[end] in _JOINTS):
        yield end
    if same < length and place + same < len(words):
        after = words[place + same]
        if (after == ELLIPSIS and same) or _begins_quote(after, clause[same]):
            yield place + same + 1


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
        others = list(known)
        if any(_same_lines(lines, others[k : k + len(lines)]) for k in range(len(others))):
            yield number


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


def _enumerate(things: Sequence[str]) -> str:
    """`"7", "12" and "P2"`: the first few."""
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
    """Numbers of no source, but for those that may count what it names, or hide behind a word."""
    known = {number for source in sources for number in list_numbers(source, claimed=False)}
    digits = list_numbers(re.sub(r"[^\W\d_]+", " ", sentence))
    for number in list_numbers(mask_quotes(sentence)):
        large = len(number) > 2 or int(number) > (MOST_COUNTED if english else MOST_AS_WORD)
        if number not in known and (large or (english and number in digits)):
            yield number


def _same_lines(lines: Sequence[str], others: Sequence[str]) -> bool:
    """The same; where an ellipsis stands at the end, what is before it begins the last line."""
    if len(lines) != len(others) or not lines[-1].endswith(ELLIPSIS):
        return list(lines) == list(others)
    start = lines[-1].removesuffix(ELLIPSIS).rstrip()
    return bool(start) and lines[:-1] == others[:-1] and others[-1].startswith(start)


def _is_english(text: str) -> bool:
    """Whether words of English, and none that tell of another language, stand in it."""
    words = set(plain_words(mask_quotes(text)).split())
    return len(words & (_ENGLISH | {"a"})) > len(words & _OTHERS)
