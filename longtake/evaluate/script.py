"""An event film before it is drawn: who is in it and what happens when, all of a seed and a level.

Nothing happens that is no event, and no two events at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from random import Random
from typing import Any

from longtake.errors import UsageError
from longtake.evaluate.acts import PROPOSE
from longtake.evaluate.figures import PAINTS
from longtake.evaluate.levels import IN_PLACE, LEVELS
from longtake.evaluate.poses import NORMAL, Course, Motion, Pose
from longtake.evaluate.situation import REST_VIEW, Act, Role, Situation, is_same_place, moved
from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import CAMERA, COLOURS, HIDING_PLACE, KINDS, SIGN, VOICE

EDGE_SECONDS = 6
"""Where one chunk ends and the next begins: at each multiple, as `chunk_seconds` has it."""
NEAR_EDGE = 2.6
"""So much later than it might an event begin, to lie over an edge."""
FIRST_SECONDS, LAST_SECONDS = 0.8, 0.6
"""Before the first event and after the last one of a scene nothing happens for so long."""
TRIES = 6
"""Ways in which an act is tried before another one is."""
URGENT_SECONDS = 9
"""Before the end of a scene who hides comes out, and the camera goes back."""
RETURN_SECONDS = 30
"""Before the end of the film, who has long been away comes back."""
OFTEN = {"touches": 4, "carries": 12, "swaps": 3, "hides": 2, "says": 3}
"""What there is seldom room for comes so many times as often as other things, where there is."""
HORIZON = 0.5
"""Below it stands what must not float."""
HOUSE_SIZE = 0.22
CAMERA_ACTIONS = ("zooms out", "zooms in", "pans left", "pans right")
IN_ANY_VIEW = ("turns", "jumps", "spins", "flashes", *CAMERA_ACTIONS)
"""What can happen while the camera does not see all."""
TELLERS = {"shows": SIGN, "says": VOICE}


@dataclass(frozen=True)
class Thing:
    """Something in the pictures, over the whole film."""

    name: str
    kind: str
    course: Course


@dataclass(frozen=True)
class Script:
    """A film: what is in its pictures, and what happens, in order."""

    seed: int
    level: int
    seconds: float
    things: tuple[Thing, ...]
    camera: Course
    cuts: tuple[float, ...]
    events: tuple[TrueEvent, ...]

    @property
    def land(self) -> bool:
        """Whether there is a land behind the things, and not one colour."""
        return LEVELS[self.level].land

    @property
    def name(self) -> str:
        """That of its files."""
        return f"level-{self.level}-seed-{self.seed}"


def write_script(seed: int, level: int) -> Script:
    """The film of that seed; `level` is one of `LEVELS`."""
    if level not in LEVELS:
        raise UsageError(
            f"there is no level {level}", f"Take one of {min(LEVELS)} to {max(LEVELS)}."
        )
    return _Writer(seed, level).write()


class _Writer:
    """Puts one act after the other, each at random of what is possible then."""

    def __init__(self, seed: int, number: int) -> None:
        self.seed, self.number, self.level = seed, number, LEVELS[number]
        # Seeded by a text, the numbers are the same on every machine and in every Python.
        self.random = Random(f"{seed} {number}")  # noqa: S311
        self.seconds = float(self.random.choice(self.level.seconds))
        self.camera = Role(CAMERA, CAMERA, "", REST_VIEW)
        self.tellers = {action: _new_role(name, "", name) for action, name in TELLERS.items()}
        self.situation = Situation(self.random, self._cast(), self.camera)
        self.firsts: dict[Role, Pose] = {}
        self.double: Role | None = None
        """Who looks the same as another when it first comes."""
        self.traveller: Role | None = None
        """Who is away for most of the film."""

    def write(self) -> Script:
        """The whole film."""
        start, cuts = 0.0, self._choose_cuts()
        for end in (*cuts, self.seconds):
            self._set_scene(start)
            self._fill_scene(start, end)
            start = end
        things = [
            Thing(p.name, p.kind, Course(self.firsts[p], tuple(p.motions)))
            for p in self.situation.roles
        ]
        return Script(
            self.seed,
            self.number,
            self.seconds,
            tuple(things),
            Course(REST_VIEW, tuple(self.camera.motions)),
            tuple(cuts),
            tuple(self.situation.events),
        )

    def _cast(self) -> list[Role]:
        colours, kinds = list(COLOURS), list(KINDS)
        self.random.shuffle(colours)
        self.random.shuffle(kinds)
        count = self.random.randint(*self.level.things)
        looks = list(zip(colours, kinds, strict=True))[:count]
        cast = [_new_role(f"{colour} {kind}", colour, kind) for colour, kind in looks]
        if "hides" in self.level.actions:
            cast.append(_new_role(HIDING_PLACE, "", HIDING_PLACE))
        return cast

    def _choose_cuts(self) -> list[float]:
        cuts: list[float] = []
        end = 0.0
        while self.level.scene_seconds:
            end += self.random.choice(self.level.scene_seconds)
            if end > self.seconds - min(self.level.scene_seconds) / 2:
                break
            cuts.append(end)
        return cuts

    def _set_scene(self, time: float) -> None:
        """Who is there at first, or after a cut, and where."""
        self.situation.time = time
        chosen = self._choose_present()
        for role in self.situation.roles:
            role.beside = None
            role.where = "gone" if role.where == "gone" else "away"
        for role in self.situation.roles:
            if role in chosen and (pose := self._find_place(role)):
                role.where = "here"
                self._cut(role, time, pose)
            else:
                self._cut(role, time, replace(role.pose, seen=False))
        self._cut(self.camera, time, REST_VIEW)

    def _choose_present(self) -> list[Role]:
        first = self.situation.time == 0
        if self.double in self.situation.here and self.situation.alike(self.double):
            self.double.where = "gone"
        house = [p for p in self.situation.roles if p.kind == HIDING_PLACE]
        ready = [
            p
            for p in self.situation.roles
            if p not in house and p.where != "gone" and not (p.away_until and p.where == "away")
        ]
        self.random.shuffle(ready)
        least = 0 if first and self.number == 1 else min(2, len(ready) - first)
        return house + ready[: self.random.randint(least, max(least, len(ready) - 1))]

    def _find_place(self, role: Role) -> Pose | None:
        for x, y in self.situation.places():
            if role.kind == HIDING_PLACE and y < HORIZON:
                continue
            pose = replace(moved(role.pose, x, y), seen=True)
            if self.situation.is_free(role, pose):
                return pose
        return None

    def _cut(self, role: Role, time: float, after: Pose) -> None:
        if time == 0:
            self.firsts[role] = after
        elif role.pose != after:
            role.motions.append(Motion(time, time, role.pose, after))
        role.pose = after

    def _fill_scene(self, start: float, end: float) -> None:
        time = start + FIRST_SECONDS
        while True:
            self.situation.time = time
            act = self._choose_act(end)
            if not act:
                break
            begin = self._choose_start(time, act.seconds)
            time = round(begin + act.seconds, 2)
            if time > end - LAST_SECONDS:
                break
            self._commit(act, begin, time)
            time += self.random.uniform(*self.level.pause)

    def _choose_start(self, time: float, seconds: float) -> float:
        edge = EDGE_SECONDS * ceil(time / EDGE_SECONDS)
        if not self.level.over_edges:
            return round(edge + 0.2 if time < edge < time + seconds else time, 2)
        late = edge - seconds * self.random.uniform(0.4, 0.6)
        if time <= late <= time + NEAR_EDGE and self.random.random() < self.level.over_edges:
            time = late
        return round(time, 2)

    def _choose_act(self, end: float) -> Act | None:
        for action, role in (*self._list_urgent(end), *self._list_possible()):
            for act in islice(PROPOSE[action](self.situation, role), TRIES):
                if self.situation.has_room(act):
                    return act
        return None

    def _list_urgent(self, end: float) -> Iterator[tuple[str, Role]]:
        """What is to happen before all else: what was begun is ended, and nobody is left alone."""
        late = self.situation.time > end - URGENT_SECONDS
        if not self.situation.at_rest and (late or self.random.random() < 0.5):
            yield from ((action, self.camera) for action in CAMERA_ACTIONS)
        if not self.situation.at_rest:
            return
        for role in self.situation.roles:
            if role.where == "hidden" and (late or self.random.random() < 0.3):
                yield "reappears", role
        yield from self._list_plots()
        if len(self.situation.here) < min(2, self.level.things[0]):
            yield from (("enters", role) for role in self._shuffled(self.situation.roles))

    def _list_plots(self) -> Iterator[tuple[str, Role]]:
        """What makes it matter who is who."""
        here = [p for p in self.situation.here if not self.situation.alike(p)]
        if self.level.returns and not self.traveller and here and self.situation.time > 10:
            self.traveller = self.random.choice(here)
        if (one := self.traveller) in here and not one.away_until:
            yield ("turns" if one.look == one.name else "leaves"), one
        elif one and one.where == "away":
            yield "enters", one
        if self.level.repeats and not self.double and here and self.random.random() < 0.15:
            other = self.random.choice(here)
            double = _new_role(f"second {other.look}", other.colour, other.kind)
            yield "enters", double
        if (
            self.double in self.situation.here
            and self.situation.alike(self.double)
            and self.random.random() < 0.4
        ):
            yield self.random.choice(("turns", "leaves")), self.double

    def _list_possible(self) -> Iterator[tuple[str, Role]]:
        done = {(event.actor, event.action) for event in self.situation.events}
        actions = sorted(self.level.actions, key=self._draw_lot)
        if not self.situation.at_rest:
            actions = [action for action in actions if action in IN_ANY_VIEW]
        last = self.situation.events[-1].action if self.situation.events else ""
        for action in actions:
            if action == last and action in TELLERS:
                continue
            for role in self._list_actors(action):
                if self.level.repeats or action not in IN_PLACE or (role.name, action) not in done:
                    yield action, role

    def _draw_lot(self, action: str) -> float:
        """The lower, the sooner is it tried."""
        return self.random.expovariate(OFTEN.get(action, 1))

    def _list_actors(self, action: str) -> list[Role]:
        if action in CAMERA_ACTIONS:
            return [self.camera]
        if action in TELLERS:
            return [self.tellers[action]]
        roles = [p for p in self.situation.roles if p.kind != HIDING_PLACE]
        if action == "leaves":
            stay = min(2, self.number - 1)
            roles = self.situation.here if len(self.situation.here) > stay else []
        if action not in ("enters", "reappears"):
            roles = [p for p in roles if p.where == "here"]
        # Of two that look the same, one can be told by what makes it another, or by its going.
        return self._shuffled(
            p
            for p in roles
            if not self.situation.alike(p)
            or action == "turns"
            or (action, p) == ("leaves", self.double)
        )

    def _commit(self, act: Act, start: float, end: float) -> None:
        actor = act.actor
        if actor not in self.situation.roles and actor in act.ways and actor is not self.camera:
            self.double = actor
            self.firsts[actor] = replace(actor.pose, seen=False)
            self.situation.roles.append(actor)
        called = actor.look if actor.look != actor.name else ""
        self.situation.events.append(
            TrueEvent(start, end, actor.name, act.action, act.target, called)
        )
        if actor is self.traveller and act.action == "leaves":
            actor.away_until = max(self.seconds - RETURN_SECONDS, end + EDGE_SECONDS)
        for role, way in act.ways.items():
            role.motions.append(
                Motion(start, end, role.pose, way.after, way.arc, way.turns, way.blinks)
            )
            if not is_same_place(role.pose, way.after):
                self._part(role)
            role.pose = way.after
        for role, changes in act.becomes.items():
            for name, value in changes.items():
                setattr(role, name, value)

    def _part(self, mover: Role) -> None:
        mover.beside = None
        for role in self.situation.roles:
            if role.beside is mover:
                role.beside = None

    def _shuffled(self, things: Iterable[Any]) -> list[Any]:
        order = list(things)
        self.random.shuffle(order)
        return order


def _new_role(name: str, colour: str, kind: str) -> Role:
    scenery = kind == HIDING_PLACE
    size = HOUSE_SIZE if scenery else NORMAL
    paint = COLOURS.get(colour, PAINTS["wall"])
    return Role(name, kind, colour, Pose(0.5, 0.5, size=size, colour=paint, seen=False))
