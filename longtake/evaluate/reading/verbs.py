"""What a verb with all that belongs to it tells."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from longtake.evaluate.reading.cast import NOBODY, Mention, NamedThing
from longtake.evaluate.reading.vocabulary import CAMERA_MOVES, Look

SYMMETRIC = frozenset(["touches", "swaps"])
MOVES = ("moves left", "moves right", "moves up", "moves down")
OF_NOBODY = CAMERA_MOVES | {"pans", "says"}
"""Verbs that need nobody named who does it."""
TURNING = frozenset(["turn", "becomes", "goes"])
"""Verbs after which a colour is what something turns into."""
GOING = frozenset(["comes", "goes"])
_WITH_TARGET = frozenset(["touches", "swaps", "carries", "covers", "reappears", "emerges", "hides"])
_TO_HIDE = frozenset("comes goes disappears leaves hides appears enters".split())
_COLOUR_NOUNS = frozenset("color colour hue shade colors colours".split())
_MEANINGS = {
    "disappears": ("leaves", "hides"),
    "appears": ("enters", "reappears"),
    "emerges": ("reappears", "enters"),
    "reappears": ("reappears", "enters"),
    "falls": ("moves down",),
    "rises": ("moves up",),
    "follows": ("enters",),
    "joined": ("enters",),
    "covers": ("hides",),
    "turn size": ("grows", "shrinks"),
}
"""What a verb may tell, the likeliest first; of others, their own name."""
_DIRECTIONS = {
    "left": MOVES[:1], "right": MOVES[1:2], "up": MOVES[2:3], "down": MOVES[3:],
    "sideways": MOVES[:2], "steep": MOVES[2:],
}  # fmt: skip
_SEEN_BY_CAMERA = {"moves left": ("pans left",), "moves right": ("pans right",)}


class ReadEvent(NamedTuple):
    """What a text says happened, or, where `denied`, that did not.

    `actions` are what its verb may mean, the likeliest first. `identity` is "same" where the text
    says that the actor is one that was there before, "another" where it says that it is not.
    """

    actor: Look
    other_colours: tuple[str, ...]
    """Colours that the actor has at other times, as the text tells it."""
    actions: tuple[str, ...]
    target: Look | str
    denied: bool
    identity: str
    order: tuple[int, int]
    """What comes first in time, as the text tells it: its sentence, then the clause in it."""
    piece: int = 0
    """Which of several texts it is from."""


@dataclass
class Verb:
    """A verb, and what has come with it so far."""

    name: str
    """Its entry in the table; of a user's own, the action after `=`."""
    subjects: list[Mention]
    words: tuple[str, ...] = ()
    denied: bool = False
    passive: bool = False
    rank: int = 0
    targets: list[Mention] = field(default_factory=list)
    paths: list[tuple[str, int]] = field(default_factory=list)
    """Where it goes, each with the part of the clause in which it stands."""
    part: int = 0
    colour: str = ""
    """What something turns into."""
    source: bool = False
    """Whether a colour was told from which it turns."""
    size: str = ""
    again: bool = False
    quoted: str = ""

    @property
    def takes_target(self) -> bool:
        """Whether who is named after it is its target."""
        if self.name in _WITH_TARGET or self.name.startswith("="):
            return True
        return any(path in ("behind", "unbehind") for path, _ in self.paths)

    @property
    def awaits_target(self) -> bool:
        """Whether that has not come yet."""
        return self.takes_target and not self.targets


def list_events(verb: Verb, subjects: Sequence[Mention]) -> Iterator[ReadEvent]:
    """All that a verb with these subjects tells; a colour that changes is kept in them."""
    if verb.name == "carries" and verb.paths and not (verb.targets or verb.passive):
        verb.name = "goes"  # "pulls into view"
    for actions in _list_meanings(verb):
        for subject, target in _pair_up(verb, actions, list(subjects)):
            event = _make_event(verb, actions, subject, target)
            if _counts(event):
                yield event
    if verb.colour and not verb.denied:
        for thing in (thing for each in subjects for thing in each.things):
            if thing.colour and thing.colour != verb.colour:
                thing.earlier = (*thing.earlier, thing.colour)
            thing.colour = verb.colour


def _list_meanings(verb: Verb) -> list[tuple[str, ...]]:
    """What a verb with all that follows it may mean."""
    paths = {path for path, _ in verb.paths}
    if verb.name.startswith("="):
        return [(verb.name[1:],)]
    if "unbehind" in paths:
        return [("reappears",)]
    if "behind" in paths and verb.name in _TO_HIDE:
        return [("hides",)]
    if verb.size:
        return [(verb.size,)]
    if verb.name in TURNING and verb.colour:
        return [("turns",)]
    if verb.name in ("turn", "becomes"):
        return [("turns",)] if _COLOUR_NOUNS & set(verb.words) else []
    if verb.name in (*GOING, "pans"):
        return _follow_paths(verb)
    return [_MEANINGS.get(verb.name, (verb.name,))]


def _follow_paths(verb: Verb) -> list[tuple[str, ...]]:
    """Where a movement goes: in or out, else in which directions."""
    found: list[tuple[str, ...]] = []
    for part in range(verb.part + 1):
        paths = [path for path, number in verb.paths if number == part]
        if "in" in paths or ("from" in paths and verb.name == "comes"):
            found.append(("enters",))
        elif "out" in paths:
            found.append(("leaves",))
        else:
            found += [_DIRECTIONS[path] for path in paths if path in _DIRECTIONS]
    if verb.name == "pans":
        return [_SEEN_BY_CAMERA[one[0]] for one in found if one[0] in _SEEN_BY_CAMERA]
    if found or verb.name == "comes" or verb.targets:
        told = [one for one in found if len(one) == 1]
        return list(dict.fromkeys(told or found))
    return [MOVES]


def _pair_up(
    verb: Verb, actions: tuple[str, ...], subjects: list[Mention]
) -> Iterable[tuple[Mention, Mention | str]]:
    """Who does it to whom: of two that meet, one is the other's target."""
    if verb.quoted or verb.colour:
        return [(subject, verb.quoted or verb.colour) for subject in subjects]
    if not verb.takes_target:
        return [(subject, "") for subject in subjects]
    if not verb.targets and actions[0] in SYMMETRIC and len(subjects) > 1:
        return pairwise(subjects)
    pairs = [(subject, target) for subject in subjects for target in verb.targets or [NOBODY]]
    if verb.name == "covers":
        crossed = bool(verb.targets) and not verb.passive
    else:
        crossed = verb.passive and verb.name not in ("hides", "swaps")
    return [(target, subject) if crossed else (subject, target) for subject, target in pairs]


def _make_event(
    verb: Verb, actions: tuple[str, ...], subject: Mention, target: Mention | str
) -> ReadEvent:
    actor = subject.things[0] if subject.things else NamedThing("", "")
    denied = verb.denied or subject.denied
    what: Look | str = target if isinstance(target, str) else Look("", "")
    if isinstance(target, Mention):
        denied = denied or target.denied
        what = target.look
    if actions == ("leaves",) and actor.hidden and verb.name in GOING:
        actions = ("reappears",)  # "steps out again"
    actor.hidden = actions[0] == "hides" and not denied
    look = subject.look
    if actions[0] in CAMERA_MOVES or look.kind == "camera":
        look, actions = Look("", "camera"), _SEEN_BY_CAMERA.get(actions[0], actions)
    if actions == ("says",):
        look = Look("", "voice")
    identity = subject.identity or ("same" if verb.again or verb.name == "reappears" else "")
    return ReadEvent(look, subject.other_colours, actions, what, denied, identity, (0, verb.rank))


def _counts(event: ReadEvent) -> bool:
    """Whether it can be an event of a film at all: a cloud that drifts is none."""
    kind, action = event.actor.kind, event.actions[0]
    if kind == "camera":
        return action in CAMERA_MOVES
    if action in ("shows", "says"):
        return bool(event.target)
    if kind == "house" and event.actions == MOVES:
        return False
    return kind not in ("sign", "voice", "scenery")
