"""How well what a text tells fits what happened."""

from collections.abc import Sequence

from longtake.evaluate.reading.verbs import SYMMETRIC, ReadEvent
from longtake.evaluate.reading.vocabulary import Look, read_look
from longtake.evaluate.truth import TrueEvent
from longtake.text.stems import list_claims

SAME_WORDS = 0.6
"""Share of words that a quotation has in common with what was said or written."""


def weigh(told: ReadEvent, true: TrueEvent, returning: bool) -> float:
    """How well a telling fits a true event, at most about 1; 0 where it is none of it."""
    if true.action not in told.actions:
        return 0.0
    action = 1.0 if told.actions[0] == true.action else 0.9
    if len(told.actions) > 2:
        action = 0.6
    actor = weigh_actor(told, true)
    whole = actor * _weigh_target(told.target, true.target)
    if true.action in SYMMETRIC:
        whole = max(whole, _weigh_crossed(told, true))
    bonus = 0.05 if whole and (told.identity == "same") == returning else 0.0
    return whole * action + bonus


def weigh_actor(told: ReadEvent, true: TrueEvent) -> float:
    """Best is how it looks by then; one that it has at another time fits nearly as well."""
    *first, now = list_looks(true)
    known = any(
        look.kind == told.actor.kind and look.colour in told.other_colours for look in (*first, now)
    )
    at_other_times = max([float(known), *(weigh_look(told.actor, look) for look in first)])
    return max(weigh_look(told.actor, now), 0.95 * at_other_times)


def weigh_look(told: Look, true: Look) -> float:
    """1 where all is told, less where the kind or the colour is not, 0 where one is wrong."""
    if told == true:
        return 1.0
    if told.kind and told.kind != true.kind:
        return 0.0
    if told.colour and true.colour and not _shares_word(told.colour, true.colour):
        return 0.0
    if not told.kind:
        return 0.5 if told.colour else 0.25
    return 0.7 if true.colour and not told.colour else 0.9


def _shares_word(told: str, true: str) -> bool:
    return bool(set(told.split()) & set(true.split()))


def _weigh_target(told: Look | str, true: str) -> float:
    if not true:
        return 1.0
    if isinstance(told, Look):
        return weigh_look(told, read_look(true)) if any(told) else 0.7
    if not told:
        return 0.7
    mine, its = set(list_claims(told.casefold())), set(list_claims(true.casefold()))
    return float(len(mine & its) >= SAME_WORDS * len(mine | its))


def _weigh_crossed(told: ReadEvent, true: TrueEvent) -> float:
    if not isinstance(told.target, Look) or not any(told.target):
        return 0.7 * weigh_look(told.actor, read_look(true.target))
    actor = max(weigh_look(told.target, look) for look in list_looks(true))
    return actor * weigh_look(told.actor, read_look(true.target))


def returned(true: Sequence[TrueEvent], place: int) -> bool:
    """Whether this is the entrance of somebody who had left, or a coming out."""
    event = true[place]
    if event.action == "reappears":
        return True
    return event.action == "enters" and any(
        one.actor == event.actor and one.action == "leaves" for one in true[:place]
    )


def list_looks(event: TrueEvent) -> list[Look]:
    """How its actor looks, at first and by then."""
    return [read_look(name) for name in (event.actor, event.called) if name]
