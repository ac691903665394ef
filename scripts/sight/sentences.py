"""The closed sentences in which the small model says what happens, and how they are read back."""

import re
from collections.abc import Iterable, Iterator

from longtake.evaluate.levels import LEVELS
from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import COLOURS, KINDS

LEVEL = 1
"""Of the films that it learns from."""
ACTIONS = LEVELS[LEVEL].actions
NOTHING = "Nothing happens here."
"""Longtake takes no text of fewer than three words for a description."""
MIRRORED = {"left": "right", "right": "left"}
Event = tuple[str, str, str]
"""Who, by its looks, does what, and to or into what."""

_LOOK = f"(?:{'|'.join(COLOURS)}) (?:{'|'.join(KINDS)})"
_SENTENCE = re.compile(
    rf"The (?P<actor>{_LOOK}) (?P<action>{'|'.join(ACTIONS)})"
    rf"(?: (?:the )?(?P<target>{_LOOK}|{'|'.join(COLOURS)}))?\."
)


def say_event(event: TrueEvent) -> str:
    """`The red circle turns blue.`"""
    target = f" the {event.target}" if " " in event.target else f" {event.target}"
    return f"The {event.called or event.actor} {event.action}{target.rstrip()}."


def say_events(sentences: Iterable[str]) -> str:
    """A whole answer."""
    return " ".join(sentences) or NOTHING


def read_events(text: str) -> list[Event]:
    """The events of an answer, in its order."""
    found = _SENTENCE.finditer(text)
    return [(match["actor"], match["action"], match["target"] or "") for match in found]


def mirror(sentence: str) -> str:
    """What the sentence is of the film seen in a mirror."""
    return re.sub(r"left|right", lambda match: MIRRORED[match[0]], sentence)


def list_sentences() -> Iterator[str]:
    """One of each kind with each name: all words that are said, but one that is spelt."""
    for colour in COLOURS:
        for kind in KINDS:
            for action in ACTIONS:
                target = {"touches": f"{colour} {kind}", "turns": colour}.get(action, "")
                yield say_event(TrueEvent(0, 0, f"{colour} {kind}", action, target))
    yield "Nothing happens."
