"""What happens next in an event film: at random, of what is possible and makes a good film."""

from collections.abc import Iterable, Iterator
from itertools import islice

from longtake.evaluate.acts import PROPOSE, shuffled
from longtake.evaluate.levels import CAMERA_ACTIONS, IN_ANY_VIEW, IN_PLACE, TOLD
from longtake.evaluate.situation import Act, Role, Situation, new_role
from longtake.evaluate.world import HIDING_PLACE

TRIES = 24
"""Ways in which an act is tried before another one is."""
URGENT_SECONDS = 9
"""Before the end of a scene who hides comes out, the camera goes back, and neither begins anew."""
TO_BE_ENDED = ("hides", *CAMERA_ACTIONS)
TRAVEL_SECONDS = 10
"""Into the film, one is chosen that will be away for long."""
OFTEN = {"enters": 4, "touches": 4, "carries": 5, "swaps": 8, "hides": 2, "says": 2}
"""What there is seldom room for comes so many times as often as other things, where there is."""

Choices = Iterator[tuple[str, Role]]


def choose_act(situation: Situation, scene_end: float) -> Act | None:
    """None where nothing can happen."""
    for action, role in (
        *_list_urgent(situation, scene_end),
        *_list_possible(situation, scene_end),
    ):
        for act in islice(PROPOSE[action](situation, role), TRIES):
            if situation.has_room(act):
                return act
    return None


def _list_urgent(situation: Situation, scene_end: float) -> Choices:
    """What is to happen before all else: what was begun is ended, and nobody is left alone."""
    late = _is_late(situation, scene_end)
    if not situation.at_rest:
        if late or situation.random.random() < 0.5:
            yield from ((action, situation.camera) for action in CAMERA_ACTIONS)
        return
    for role in situation.roles:
        if role.where == "hidden" and (late or situation.random.random() < 0.3):
            yield "reappears", role
    if situation.level.returns:
        yield from _send_away(situation)
    if situation.level.repeats:
        yield from _double(situation)
    if len(situation.here) < min(2, situation.level.things[0]):
        yield from (("enters", role) for role in _list_actors(situation, "enters"))


def _send_away(situation: Situation) -> Choices:
    """One turns, leaves, and comes back when it may."""
    here = [p for p in situation.here if not situation.alike(p)]
    if not situation.traveller and here and situation.time > TRAVEL_SECONDS:
        situation.traveller = situation.random.choice(here)
    one = situation.traveller
    if one and one in here and not one.away_until:
        yield ("turns" if one.look == one.name else "leaves"), one
    elif one and one.where == "away":
        yield "enters", one


def _double(situation: Situation) -> Choices:
    """Once, another comes that looks the same as one that is here; then they can be told again."""
    if situation.is_doubled and situation.double and situation.random.random() < 0.4:
        yield situation.random.choice(("turns", "leaves")), situation.double
    if not situation.double and situation.here and situation.random.random() < 0.15:
        one = situation.random.choice(situation.here)
        yield "enters", new_role(f"second {one.look}", one.colour, one.kind)


def _list_possible(situation: Situation, scene_end: float) -> Choices:
    def draw_lot(action: str) -> float:
        return situation.random.expovariate(OFTEN.get(action, 1))

    actions = sorted(situation.level.actions, key=draw_lot)
    if situation.events:
        last = situation.events[-1].action
        actions = [action for action in actions if action != last or action == "enters"]
    if not situation.at_rest:
        actions = [action for action in actions if action in IN_ANY_VIEW]
    if _is_late(situation, scene_end):
        actions = [action for action in actions if action not in TO_BE_ENDED]
    done = {(event.actor, event.action) for event in situation.events}
    for action in actions:
        for role in _list_actors(situation, action):
            if situation.level.repeats or action not in IN_PLACE or (role.name, action) not in done:
                yield action, role


def _is_late(situation: Situation, scene_end: float) -> bool:
    return situation.time > scene_end - URGENT_SECONDS


def _list_actors(situation: Situation, action: str) -> Iterable[Role]:
    """Who may do it, at random."""
    if action in CAMERA_ACTIONS:
        return [situation.camera]
    if action in TOLD:
        return [teller for teller in situation.tellers if teller.name == TOLD[action]]
    if action in ("enters", "reappears"):
        roles = [p for p in situation.roles if p.kind != HIDING_PLACE]
    elif action == "leaves" and len(situation.here) <= situation.level.stay:
        roles = []
    else:
        roles = situation.here
    # Of two that look the same, one can be told by what makes it another, or by its going.
    return shuffled(
        situation,
        (
            p
            for p in roles
            if not situation.alike(p)
            or action == "turns"
            or (action == "leaves" and p is situation.double)
        ),
    )
