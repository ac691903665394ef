"""What can happen in an event film: of each action, how somebody would do it now, if it can."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from longtake.evaluate.figures import BEHIND, EXTENTS
from longtake.evaluate.poses import LARGE, NORMAL, SMALL, Pose
from longtake.evaluate.situation import COLUMNS, ROWS, SHAPES, Act, Role, Situation, Way, gap, moved
from longtake.evaluate.world import COLOURS, SENTENCES, SIGN_TEXTS

Proposals = Iterator[Act]
Propose = Callable[[Situation, Role], Proposals]
"""All the ways, the best first, in which the role can do it; there may be no room for them."""

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
CARRIERS = ("person", "car")
NEAR, FAR = 0.25, 0.4
"""Shares of the picture: a way is longer than the first, and where two meet, than the second."""
MARGIN = 0.03
"""Heights out of the picture, so that nothing of an outline is seen."""
ROUND = ("circle",)
"""Of such nobody could tell that they spin."""


def _outside(role: Role, x: float, y: float, side: str) -> Pose:
    """Just out of the picture, on that side of a place."""
    right, down = DIRECTIONS[side]
    width, height = EXTENTS[role.kind]
    across, below = width * role.pose.size / 2 + MARGIN, height * role.pose.size / 2 + MARGIN
    edge = x if right == 0 else max(right, 0), y if down == 0 else max(down, 0)
    pose = moved(role.pose, *edge, dx=right * across, dy=down * below)
    return replace(pose, seen=True)


def _sides(situation: Situation) -> list[str]:
    sides = ["left", "right"]
    situation.random.shuffle(sides)
    return [*sides, "up", "down"]


def _enter(situation: Situation, role: Role) -> Proposals:
    if role.where != "away" or situation.time < role.away_until:
        return
    sides = _sides(situation)
    for x, y in situation.places():
        for side in sides:
            role.pose = _outside(role, x, y, side)
            way = Way(moved(role.pose, x, y))
            yield Act(role, "enters", 1.6, {role: way}, becomes={role: {"where": "here"}})


def _leave(situation: Situation, role: Role) -> Proposals:
    pose = role.pose
    for side in _sides(situation):
        after = _outside(role, pose.x, pose.y, side)
        kept = replace(after, dy=pose.dy) if DIRECTIONS[side][0] else replace(after, dx=pose.dx)
        ways = {role: Way(replace(kept, seen=False))}
        where = "gone" if situation.alike(role) else "away"
        yield Act(role, "leaves", 1.6, ways, becomes={role: {"where": where}})


def _move(direction: str) -> Propose:
    right, down = DIRECTIONS[direction]

    def propose(situation: Situation, role: Role) -> Proposals:
        pose = role.pose
        if pose.dy:
            return
        if right:
            places = [(x, pose.y) for x in COLUMNS if (x - pose.x - pose.dx) * right > 0.2]
            places.sort(key=lambda place: -abs(place[0] - pose.x))
        else:
            places = [(pose.x, y) for y in ROWS if (y - pose.y) * down > 0.2]
        for x, y in places:
            after = moved(pose, x, y, pose.dx if down else 0.0)
            yield Act(role, f"moves {direction}", 1.6, {role: Way(after)})

    return propose


def _touch(situation: Situation, role: Role) -> Proposals:
    for other in _others(situation, role):
        for side in (-1, 1) if role.pose.x < other.pose.x else (1, -1):
            after = _next_to(role, other, side)
            if abs(after.x - role.pose.x) + abs(after.y - role.pose.y) > FAR:
                becomes = {role: {"beside": other}}
                yield Act(role, "touches", 1.6, {role: Way(after)}, other.look, other, becomes)


def _next_to(role: Role, other: Role, side: int) -> Pose:
    """Side by side in a row, with no light between them."""
    reach = EXTENTS[role.kind][0] * role.pose.size + EXTENTS[other.kind][0] * other.pose.size
    pose = other.pose
    return moved(role.pose, pose.x, pose.y, pose.dx + side * 0.49 * reach, pose.dy)


def _carry(situation: Situation, role: Role) -> Proposals:
    """On its head or its roof, and where that is too high, at its side."""
    near = [p for p in _others(situation, role) if p is role.beside or p.beside is role]
    if role.kind not in CARRIERS or len(near) != 1:
        return
    other = near[0]
    one, two = role.pose, other.pose
    aside = two.dx - one.dx
    tall = EXTENTS[role.kind][1] * one.size + EXTENTS[other.kind][1] * two.size
    for arc in ((-aside, -tall / 2), (0.0, -0.12)):
        for x in sorted(COLUMNS, key=lambda x: -abs(x - one.x)):
            if abs(x - one.x) > NEAR:
                dx = min(0.0, -aside) if x > 0.5 else max(0.0, -aside)
                ways = {
                    role: Way(replace(one, x=x, dx=dx)),
                    other: Way(replace(two, x=x, dx=dx + aside), arc),
                }
                yield Act(role, "carries", 2.4, ways, other.look, other)


def _hide(situation: Situation, role: Role) -> Proposals:
    house = situation.house
    if not house or role.pose.size > NORMAL or any(p.where == "hidden" for p in situation.roles):
        return
    pose = house.pose
    way = Way(moved(role.pose, pose.x, pose.y, dy=BEHIND * pose.size))
    becomes = {role: {"where": "hidden"}}
    yield Act(role, "hides", 1.6, {role: way}, house.name, house, becomes)


def _reappear(situation: Situation, role: Role) -> Proposals:
    house = situation.house
    if role.where != "hidden" or not house:
        return
    for x, y in situation.places():
        after = moved(role.pose, x, y)
        if situation.is_free(role, after):
            becomes = {role: {"where": "here"}}
            yield Act(role, "reappears", 1.6, {role: Way(after)}, house.name, house, becomes)


def _turn(situation: Situation, role: Role) -> Proposals:
    known = {name for p in situation.roles for name in (p.name, p.look)} - {role.name}
    worn = {p.colour for p in situation.roles if p.where != "gone"}
    for colour in shuffled(situation, COLOURS):
        if colour not in worn and f"{colour} {role.kind}" not in known:
            way = Way(replace(role.pose, colour=COLOURS[colour]))
            yield Act(role, "turns", 1.2, {role: way}, colour, becomes={role: {"colour": colour}})


def _resize(action: str, *, larger: bool) -> Propose:
    sizes = (SMALL, NORMAL, LARGE) if larger else (LARGE, NORMAL, SMALL)

    def propose(situation: Situation, role: Role) -> Proposals:
        if role.pose.size == sizes[2]:
            return
        if larger and any(p.pose.size == LARGE for p in situation.here):
            return
        after = sizes[sizes.index(role.pose.size) + 1]
        yield Act(role, action, 1.2, {role: Way(replace(role.pose, size=after))})

    return propose


def _jump(situation: Situation, role: Role) -> Proposals:
    for height in (0.28, 0.13):
        yield Act(role, "jumps", 1.0, {role: Way(role.pose, arc=(0, -height))})


def _spin(situation: Situation, role: Role) -> Proposals:
    others = (p for p in situation.here if p is not role)
    alone = all(gap(role, role.pose, p, p.pose, shape) > 0.02 for p in others for shape in SHAPES)
    if role.kind not in ROUND and role.pose.size < LARGE and alone:
        yield Act(role, "spins", 1.8, {role: Way(role.pose, turns=1)})


def _flash(situation: Situation, role: Role) -> Proposals:
    yield Act(role, "flashes", 2.0, {role: Way(role.pose, blinks=4)})


def _swap(situation: Situation, role: Role) -> Proposals:
    for other in _others(situation, role):
        one, two = role.pose, other.pose
        arcs = ((0.0, 0.42), (0.0, -0.42), (0.34, 0.0), (-0.34, 0.0))
        there = Way(moved(two, one.x, one.y, one.dx, one.dy))
        for arc in arcs:
            ways = {role: Way(moved(one, two.x, two.y, two.dx, two.dy), arc), other: there}
            yield Act(role, "swaps", 2.0, ways, other.look)


def _view(action: str, *ways: tuple[tuple[float, float], tuple[float, float]]) -> Propose:
    """The camera goes from one view to another; of each, where its middle is and its zoom."""

    def propose(situation: Situation, camera: Role) -> Proposals:
        for before, (x, zoom) in ways:
            if (camera.pose.x, camera.pose.size) == before:
                yield Act(camera, action, 2.0, {camera: Way(replace(camera.pose, x=x, size=zoom))})

    return propose


def _tell(action: str, seconds: float, texts: tuple[str, ...]) -> Propose:
    """One of the texts that were not told yet."""

    def propose(situation: Situation, teller: Role) -> Proposals:
        told = {event.target for event in situation.events if event.action == action}
        for text in shuffled(situation, texts):
            if text not in told:
                yield Act(teller, action, seconds, {}, text)

    return propose


def _others(situation: Situation, role: Role) -> list[Role]:
    """Who else is here and can be named."""
    return shuffled(
        situation, [p for p in situation.here if p is not role and not situation.alike(p)]
    )


def shuffled(situation: Situation, things: Iterable[Any]) -> list[Any]:
    """In an order that is the film's own."""
    order = list(things)
    situation.random.shuffle(order)
    return order


REST, LEFT, RIGHT, WIDE = (0.5, 1.0), (0.36, 1.0), (0.64, 1.0), (0.5, 0.75)
PROPOSE: dict[str, Propose] = {
    "enters": _enter,
    "leaves": _leave,
    **{f"moves {direction}": _move(direction) for direction in DIRECTIONS},
    "touches": _touch,
    "hides": _hide,
    "reappears": _reappear,
    "carries": _carry,
    "turns": _turn,
    "grows": _resize("grows", larger=True),
    "shrinks": _resize("shrinks", larger=False),
    "flashes": _flash,
    "swaps": _swap,
    "jumps": _jump,
    "spins": _spin,
    "zooms out": _view("zooms out", (REST, WIDE)),
    "zooms in": _view("zooms in", (WIDE, REST)),
    "pans left": _view("pans left", (REST, LEFT), (RIGHT, REST)),
    "pans right": _view("pans right", (REST, RIGHT), (LEFT, REST)),
    "shows": _tell("shows", 3.2, SIGN_TEXTS),
    "says": _tell("says", 2.4, SENTENCES),
}
