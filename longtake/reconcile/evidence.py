"""Which notes stand behind a sentence that is made of them: it cites no more than it tells.

All that a question told of is in the tree's nodes; knows no prompt and no answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from longtake.check import list_claims
from longtake.claims import plain_words
from longtake.clauses import (
    CLAUSE_END,
    ELLIPSIS,
    QUOTED,
    QUOTES,
    TEXT,
    VOICE,
    split_text,
    unquote,
)
from longtake.reconcile.notes import Note, list_evidence

_JOINT = re.compile(
    rf"{QUOTED}|(,(?=\s)|\b(?:and|but|then|later|finally|afterwards)\b)", re.IGNORECASE
)
"""Where a clause may be put together from several; not within quotation marks."""


def cite_told(sentence: Note, notes: Sequence[Note]) -> Note:
    """The sentence with the evidence of those notes alone that it tells something of.

    It keeps its place and the stretch that it was made for.
    """
    known = set(sentence.evidence)
    near = [note for note in notes if known.issuperset(note.evidence)]
    if len(near) < 2:
        return sentence
    texts = [note.text for note in near]
    places = _list_told(sentence.text, texts) or [_most_alike(sentence.text, texts)]
    evidence = list_evidence(near[place] for place in places)
    return replace(sentence, evidence=evidence, place=sentence.at)


def _list_told(sentence: str, texts: Sequence[str]) -> list[int]:
    """Places of the texts that a clause of the sentence is from: as it stands, or in its parts."""
    told: set[int] = set()
    for clause in split_text(sentence, CLAUSE_END):
        told |= set(_find_same(clause, texts)) or _find_parts(clause, texts)
    return sorted(told)


def _find_parts(clause: str, texts: Sequence[str]) -> set[int]:
    """Places of the texts that have the clause's parts, each as long as one of them has it."""
    joints = [found for found in _JOINT.finditer(clause) if found[1]]
    ends = [*((joint.start(), joint.end()) for joint in joints), (len(clause), len(clause))]
    told: set[int] = set()
    start = 0
    while ends:
        longest = next(
            (
                k
                for k in range(len(ends) - 1, 0, -1)
                if _find_words(clause[start : ends[k][0]], texts)
            ),
            0,
        )
        told |= set(_find_words(clause[start : ends[longest][0]], texts))
        start = ends[longest][1]
        ends = ends[longest + 1 :]
    return told


def _find_same(clause: str, texts: Sequence[str]) -> Iterator[int]:
    """Places of the texts that have this clause, whole or cut, or a part of what it quotes."""
    whole = _bare(clause)
    start = whole.rstrip(QUOTES).removesuffix(ELLIPSIS).rstrip() if ELLIPSIS in clause[-2:] else ""
    for place, text in enumerate(texts):
        clauses = _split(text)
        if whole in clauses or (start and any(one.startswith(start) for one in clauses)):
            yield place
    for kind in (VOICE, TEXT):
        if quotation := unquote(clause[:1].upper() + clause[1:], kind):
            yield from _find_quoted(quotation, kind, texts)


def _find_quoted(quotation: str, kind: str, texts: Sequence[str]) -> Iterator[int]:
    """Places of the texts that quote a part of it; where it is cut, also of the one cut into."""
    cut = quotation.endswith(ELLIPSIS)
    whole = plain_words(quotation)
    rest = whole
    for place, text in enumerate(texts):
        for words in _list_quoted(text, kind):
            if words in whole:
                rest = rest.removeprefix(words.rstrip())
                yield place
            elif cut and rest.strip() and words.startswith(rest):
                rest = " "
                yield place


def _find_words(clause: str, texts: Sequence[str]) -> list[int]:
    """Places of the texts in which the clause's words stand together, whatever their articles."""
    words = _read_words(clause)
    return [k for k, text in enumerate(texts) if words.strip() and words in _read_words(text)]


@lru_cache(maxsize=32768)
def _read_words(text: str) -> str:
    return re.sub(r" (?:an|the)(?= )", " a", plain_words(text))


def _most_alike(sentence: str, texts: Sequence[str]) -> int:
    """The place of the text that shares most with the sentence."""
    claims = set(list_claims(sentence))
    return max(range(len(texts)), key=lambda k: len(claims & set(list_claims(texts[k]))))


def _bare(clause: str) -> str:
    return " ".join(clause.casefold().split()).rstrip(" .,")


@lru_cache(maxsize=32768)
def _split(text: str) -> frozenset[str]:
    return frozenset(map(_bare, split_text(text, CLAUSE_END)))


@lru_cache(maxsize=32768)
def _list_quoted(text: str, kind: str) -> tuple[str, ...]:
    """The words of what its clauses of that kind quote; of lines on screen, each alone."""
    quoted = [found for clause in split_text(text, CLAUSE_END) if (found := unquote(clause, kind))]
    parts = [line for found in quoted for line in (found.split(" / ") if kind == TEXT else [found])]
    return tuple(words for part in parts if (words := plain_words(part)).strip())
