"""The words to look for in a text: the world's, and what a truth names beside it.

A film of a user's own has actors of any name ("the old cat") and verbs with other forms of theirs
in `say`. Its words go before those of the world.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import ACTIONS, COLOURS
from longtake.text.stems import stem_word

WORDING = tomllib.loads(Path(__file__).with_name("wording.toml").read_text(encoding="utf-8"))
CAMERA_MOVES = frozenset(["zooms in", "zooms out", "pans left", "pans right"])
NO_LOOKS = frozenset(
    "a an the this that his her its their my our second third other another".split()
)
"""Words of a name that say nothing about how somebody looks."""
_WORD = re.compile(r"[^\W_]+|'s\b|\n|[.,;:!?&]")
_HEAD_ENDS = re.compile(r" (?:in|with|of|on|at|from|who|that|near|by|wearing) ")
_FORMS, _WHOLE = WORDING["forms"], frozenset(WORDING["whole"]["words"])
_DROPPED, _KEPT = frozenset(WORDING["dropped"]), frozenset(WORDING["kept"])


class Look(NamedTuple):
    """How somebody looks: colour (or other first words of a name) and kind; empty: not told."""

    colour: str
    kind: str


@dataclass(frozen=True)
class Vocabulary:
    """Words beyond the world's."""

    kinds: tuple[str, ...] = ()
    """Last words of names, by their stems."""
    colours: tuple[str, ...] = ()
    """First words of names, by theirs."""
    actions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Verbs, and the forms of each."""


def make_vocabulary(truth: Iterable[TrueEvent]) -> Vocabulary:
    """The words that a truth names and the world doesn't have."""
    looks: set[Look] = set()
    actions: dict[str, tuple[str, ...]] = {}
    known = {*ACTIONS, *WORDING["verbs"], *CAMERA_MOVES}
    for event in truth:
        looks |= {read_look(name) for name in (event.actor, event.called) if name}
        if event.target and event.action not in ("turns", "shows", "says"):
            looks.add(read_look(event.target))
        forms = [] if event.action in known else [event.action]
        forms += [form.strip() for form in event.say.split("|") if form.strip()]
        actions[event.action] = (*actions.get(event.action, ()), *forms)
    kinds = {look.kind for look in looks} - {"", *WORDING["kinds"]}
    colours = {word for look in looks for word in look.colour.split()} - {*COLOURS}
    return Vocabulary(
        tuple(sorted(kinds)),
        tuple(sorted(colours)),
        tuple(sorted((action, forms) for action, forms in actions.items() if forms)),
    )


@cache
def read_look(name: str) -> Look:
    """A name of a truth, such as "red circle" or "the old cat": its last word is the kind."""
    words = [word for word in split_words(_HEAD_ENDS.split(f"{name} ")[0]) if word not in NO_LOOKS]
    if not words:
        return Look("", name.casefold().strip())
    if len(words) == 1 and words[0] in COLOURS:
        return Look(words[0], "")
    *first, last = words
    colour = " ".join(word if word in COLOURS else stem(word) for word in first)
    return Look(colour, last if last in WORDING["kinds"] else stem(last))


def split_words(text: str) -> list[str]:
    """Words in lower case, and marks between them; without times, numbers of lists and hyphens."""
    plain = text.casefold().replace("’", "'").replace("n't", " not")
    plain = re.sub(r"\b\d+:\d\d(?:[.:]\d+)?|(?m:^\s*(?:\d+[.)]|[-*•]))", " ", plain)
    plain = re.sub(r"\b(re|off)-(?=\w)", r"\1", plain)
    plain = re.sub(r"\.(?=\w)", " ", plain)
    return _WORD.findall(plain)


@cache
def stem(word: str) -> str:
    """One form for all forms of a word."""
    known = _FORMS.get(word, word)
    return known if known in _WHOLE else stem_word(known)


@lru_cache(maxsize=8192)
def normalize(word: str) -> str:
    """The word's stem; empty for what changes nothing about what is told."""
    if word in _DROPPED:
        return ""
    if word.endswith("ly") and word not in _KEPT:
        return ""
    return stem(_FORMS.get(word, word)) if word[0].isalpha() else word


def stem_pattern(pattern: str) -> str:
    """A pattern of plain words, as one of stems."""
    for name, part in WORDING["parts"].items():
        pattern = pattern.replace(f"<{name}>", part)
    stems = re.sub(r"(?<!\\)[a-z]+", lambda found: stem(found[0]), pattern)
    return re.sub(r"\((?!\?)", "(?:", stems)
