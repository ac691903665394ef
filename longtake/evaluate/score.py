"""Holds what a text tells against a film's truth, by code.

A telling is of a true event where the action is one that its words may mean, and actor and target
look as told: by their first look, or by the one that they have by then. What a text leaves out (the
kind of "a shape", a target) is no mistake, but the more is left out, the weaker it fits; and where
such a telling fits what several actors did, it is *vague*: neither right nor wrong. Of two that
meet or swap either may be named first.

Tellings and events are paired best first: those that leave out least, then in the order of the
truth and of the text, so that of two entrances the first one told is the first. A true event is
matched once; what is told of it again is a *repeat*: right, and a *duplicate*, unless chunks that
share the event tell it, each once.

That somebody moves is *aside*, it counts for nothing, where the truth has no such movement but that
this one enters, leaves or carries something there: it is how those are seen. So is a movement while
the camera moves, and one of which no direction is told. "There" is the span that a text is about;
where none is known, what it tells right before and after.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from typing import NamedTuple

from longtake.evaluate.likeness import list_looks, returned, weigh, weigh_actor, weigh_look
from longtake.evaluate.reading.reader import read_texts
from longtake.evaluate.reading.verbs import MOVES, SYMMETRIC, ReadEvent
from longtake.evaluate.reading.vocabulary import CAMERA_MOVES, make_vocabulary, read_look
from longtake.evaluate.truth import TrueEvent

TOLERANCE = 1.0
"""Seconds by which a chunk may miss an event that it tells."""
_MOVING = frozenset(
    "enters leaves touches hides reappears carries swaps jumps".split()
)  # a movement belongs to them
Span = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """Counts of a film, or with `+` of several; the rates are of those sums."""

    true: int = 0
    """Events of the film."""
    matched: int = 0
    """Of these, those that are told."""
    repeats: int = 0
    """Tellings of an event that had been told."""
    duplicates: int = 0
    """Of these, those that nothing excuses."""
    invented: int = 0
    """Tellings of what did not happen at all."""
    wrong_time: int = 0
    """Tellings of what happened at another time than the text is about."""
    denied: int = 0
    """True events of which the text says that they did not happen."""
    vague: int = 0
    """Tellings that fit several; they count for nothing."""
    aside: int = 0
    """Movements that belong to another event; they count for nothing."""
    pairs: int = 0
    """Matched events of which one ended before the other began, told one after the other."""
    in_order: int = 0
    """Of these, those told in that order."""
    identities: int = 0
    """Where it can be lost who somebody is: at a return, under a new look, and where somebody comes
    who looks as another did."""
    kept: int = 0
    """Of these, those where the text tells it: the same, again, returns, was red; not the same."""

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def told(self) -> int:
        """Tellings that are right or wrong."""
        return self.matched + self.repeats + self.wrong

    @property
    def wrong(self) -> int:
        """Tellings that are wrong."""
        return self.invented + self.wrong_time + self.denied

    @property
    def recall(self) -> float:
        """Share of the true events that are told; of none, 1, as for all shares."""
        return _share(self.matched, self.true)

    @property
    def precision(self) -> float:
        """Share of the tellings that are true."""
        return _share(self.matched + self.repeats, self.told)

    @property
    def order(self) -> float:
        """Share of pairs told in their order."""
        return _share(self.in_order, self.pairs)

    @property
    def identity(self) -> float:
        """Share of events at which it could be lost who it is, and is not."""
        return _share(self.kept, self.identities)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def score_descriptions(
    truth: Sequence[TrueEvent], descriptions: Iterable[tuple[float, float, str]]
) -> Score:
    """Of chunks: start, end and text of each, read on its own."""
    chunks = list(descriptions)
    events = read_texts([text for _, _, text in chunks], make_vocabulary(truth), forget=True)
    return compare(truth, events, [[(start, end)] for start, end, _ in chunks], by_chunk=True)


def score_summary(
    truth: Sequence[TrueEvent], sentences: Sequence[str], cited: Sequence[Sequence[Span]] = ()
) -> Score:
    """Of a summary: its sentences, and the spans that each cites, where it does.

    A sentence that cites nothing may be about any time.
    """
    return compare(truth, read_texts(sentences, make_vocabulary(truth)), cited, by_chunk=False)


class _Pair(NamedTuple):
    """A telling that may be of a true event."""

    told: int
    true: int
    weight: float
    in_time: bool


@dataclass
class _Found:
    """Which telling is of which true event."""

    first: dict[int, int] = field(default_factory=dict)
    """The telling that matched each true event."""
    right: dict[int, int] = field(default_factory=dict)
    """The true event of each telling that is right, repeats too."""


def compare(
    truth: Sequence[TrueEvent],
    events: Sequence[ReadEvent],
    spans: Sequence[Sequence[Span]],
    *,
    by_chunk: bool,
) -> Score:
    """Told events against true ones; `spans` says of each text which times it is about."""
    true = sorted(truth, key=lambda event: (event.start, event.end))
    told = [event for event in events if not event.denied]
    pairs = [
        _Pair(number, place, weight, touches(event, spans_of(one, spans)))
        for number, one in enumerate(told)
        for place, event in enumerate(true)
        if (weight := weigh(one, event, returned(true, place)))
    ]
    sure = [pair for pair in pairs if not _is_vague(pair, pairs, true)]
    found = _match([pair for pair in sure if pair.in_time])
    counts = _count_wrong(true, told, found, pairs, spans)
    asked, kept = _count_identities(true, told, found)
    placed, ordered = _count_order(true, told, found)
    return Score(
        true=len(true),
        matched=len(found.first),
        repeats=len(found.right) - len(found.first),
        duplicates=_count_duplicates(told, found, by_chunk),
        denied=_count_denied(true, events, spans),
        pairs=placed,
        in_order=ordered,
        identities=asked,
        kept=kept,
        **counts,
    )


def spans_of(event: ReadEvent, spans: Sequence[Sequence[Span]]) -> Sequence[Span]:
    """The times that the text of a telling is about; none where it may be any."""
    return spans[event.piece] if event.piece < len(spans) else ()


def touches(event: TrueEvent, spans: Sequence[Span]) -> bool:
    """Whether an event happens in one of the spans, or a little beside it."""
    return not spans or any(
        event.start <= end + TOLERANCE and event.end >= start - TOLERANCE for start, end in spans
    )


def _is_vague(pair: _Pair, pairs: Sequence[_Pair], true: Sequence[TrueEvent]) -> bool:
    """Whether a telling that leaves things out fits what several actors did, none of them best."""
    rivals = [one for one in pairs if one.told == pair.told and one.in_time == pair.in_time]
    best = max(one.weight for one in rivals)
    if pair.weight < best - 0.15:
        return True
    if pair.weight > 0.85:
        return False
    doers = {_doer(true[one.true]) for one in rivals if one.weight >= best - 0.15}
    return len(doers) > 1


def _doer(event: TrueEvent) -> frozenset[str]:
    both = event.action in SYMMETRIC
    return frozenset([event.actor, event.target] if both else [event.actor])


def _match(pairs: Sequence[_Pair]) -> _Found:
    found = _Found()
    ranked = sorted(pairs, key=lambda pair: (-round(pair.weight, 2), pair.true, pair.told))
    for pair in ranked:
        if pair.told not in found.right and pair.true not in found.first:
            found.first[pair.true] = pair.told
            found.right[pair.told] = pair.true
    for pair in ranked:
        found.right.setdefault(pair.told, pair.true)
    return found


def _count_wrong(
    true: Sequence[TrueEvent],
    told: Sequence[ReadEvent],
    found: _Found,
    pairs: Sequence[_Pair],
    spans: Sequence[Sequence[Span]],
) -> Counter[str]:
    """Tellings that matched nothing, by the reason."""
    in_time = {pair.told for pair in pairs if pair.in_time}
    any_time = {pair.told for pair in pairs}
    counts: Counter[str] = Counter()
    for number, event in enumerate(told):
        if number in found.right:
            continue
        if number in in_time:
            counts["vague"] += 1
            continue
        near = _list_near(number, told, true, found, spans_of(event, spans))
        if _is_aside(event, near, true):
            counts["aside"] += 1
        else:
            counts["wrong_time" if number in any_time else "invented"] += 1
    return counts


def _list_near(
    number: int,
    told: Sequence[ReadEvent],
    true: Sequence[TrueEvent],
    found: _Found,
    spans: Sequence[Span],
) -> list[TrueEvent]:
    """What happens where a telling is: in its span, else what is told right before and after it."""
    if spans:
        return [event for event in true if touches(event, spans)]
    beside = (found.right.get(number + step) for step in (-1, 1))
    return [true[place] for place in beside if place is not None]


def _is_aside(told: ReadEvent, near: Sequence[TrueEvent], true: Sequence[TrueEvent]) -> bool:
    """Whether it is a movement that belongs to something else that its actor did, or the camera."""
    if not any(_takes_part(told, event) for event in true):
        return False
    if not set(told.actions) <= set(MOVES):
        zoomed = {"grows": "zooms in", "shrinks": "zooms out"}.get(told.actions[0], "")
        return any(event.action == zoomed for event in near)
    if len(told.actions) > 1 or any(event.action in CAMERA_MOVES for event in near):
        return True
    own = [event for event in near if _takes_part(told, event)]
    moves = any(event.action in MOVES for event in own)
    return not moves and any(event.action in _MOVING for event in own)


def _takes_part(told: ReadEvent, event: TrueEvent) -> bool:
    """Whether who is told to act does so in this event, or is taken along."""
    taken = event.action in ("carries", "swaps") and weigh_look(told.actor, read_look(event.target))
    return bool(taken or weigh_actor(told, event))


def _count_duplicates(told: Sequence[ReadEvent], found: _Found, by_chunk: bool) -> int:
    """Repeats; of chunks, the first telling of each is none."""
    if not by_chunk:
        return len(found.right) - len(found.first)
    tellings = Counter((true, told[number].piece) for number, true in found.right.items())
    return sum(count - 1 for count in tellings.values())


def _count_denied(
    true: Sequence[TrueEvent], events: Sequence[ReadEvent], spans: Sequence[Sequence[Span]]
) -> int:
    """True events in a text's span that it denies, by looks told in full."""
    return sum(
        any(weigh(event, one, False) > 0.8 and touches(one, spans_of(event, spans)) for one in true)
        for event in events
        if event.denied
    )


def _count_order(
    true: Sequence[TrueEvent], told: Sequence[ReadEvent], found: _Found
) -> tuple[int, int]:
    """Pairs of matched events that happen apart, and how many of them are told in their order."""
    pairs = [
        (found.first[one], found.first[other])
        for one, other in combinations(sorted(found.first), 2)
        if true[one].end <= true[other].start
    ]
    return len(pairs), sum(earlier < later for earlier, later in pairs)


def _count_identities(
    true: Sequence[TrueEvent], told: Sequence[ReadEvent], found: _Found
) -> tuple[int, int]:
    """Each return, new look and double once, however much it does then."""
    kept: dict[tuple[str, ...], bool] = {}
    for place, event in enumerate(true):
        if wanted := _wanted_identity(true, place):
            key = (wanted, event.actor, str(place) if wanted == "same" else event.called)
            matched = place in found.first
            keeps = matched and _keeps(told[found.first[place]], event, wanted)
            kept[key] = kept.get(key, False) or keeps
    return len(kept), sum(kept.values())


def _wanted_identity(true: Sequence[TrueEvent], place: int) -> str:
    """What a text should make known of the actor of this event; empty where nothing is at stake."""
    event, before = true[place], true[:place]
    if event.action == "enters" and returned(true, place):
        return "same"
    look = read_look(event.called or event.actor)
    if look != read_look(event.actor):
        return "known"
    is_new = all(one.actor != event.actor for one in before)
    looked_so = any(look in list_looks(one) for one in before if one.actor != event.actor)
    return "another" if event.action == "enters" and is_new and looked_so else ""


def _keeps(told: ReadEvent, event: TrueEvent, wanted: str) -> bool:
    first = read_look(event.actor).colour
    if wanted == "known":
        return told.identity == "same" or first in (told.actor.colour, *told.other_colours)
    if wanted == "same":
        return told.identity == "same"
    return told.identity != "same"
