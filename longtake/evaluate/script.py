"""An event film before it is drawn: who is in it and what happens when, all of a seed and a level.

Nothing happens that is no event, and no two events at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from random import Random

from longtake.errors import UsageError
from longtake.evaluate.acts import shuffled
from longtake.evaluate.choices import choose_act
from longtake.evaluate.levels import LEVELS, Level
from longtake.evaluate.poses import Course, Motion, Pose
from longtake.evaluate.situation import (
    REST_VIEW,
    Act,
    Role,
    Situation,
    is_same_place,
    moved,
    new_role,
)
from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import COLOURS, HIDING_PLACE, KINDS

EDGE_SECONDS = 6
"""Where one chunk ends and the next begins: at each multiple, as `chunk_seconds` has it."""
NEAR_EDGE = 2.6
"""So much later than it might an event begin, to lie over an edge."""
FIRST_SECONDS, LAST_SECONDS = 0.8, 0.6
"""Before the first event and after the last one of a scene nothing happens for so long."""
RETURN_SECONDS = 30
"""Before the end of the film, who has long been away comes back."""
HORIZON = 0.5
"""Below it stands what must not float."""


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
    table = LEVELS[level]
    # Seeded by a text, the numbers are the same on every machine and in every Python.
    random = Random(f"{seed} {level}")  # noqa: S311
    seconds = float(random.choice(table.seconds))
    situation = Situation(random, table, _cast(random, table))
    start, cuts = 0.0, tuple(_choose_cuts(random, table, seconds))
    for end in (*cuts, seconds):
        _set_scene(situation, start)
        _fill_scene(situation, start, end, seconds)
        start = end
    things = [Thing(p.name, p.kind, Course(p.motions[0].after, p.motions)) for p in situation.roles]
    camera = Course(REST_VIEW, situation.camera.motions)
    return Script(seed, level, seconds, tuple(things), camera, cuts, tuple(situation.events))


def _cast(random: Random, level: Level) -> list[Role]:
    colours, kinds = list(COLOURS), list(KINDS)
    random.shuffle(colours)
    random.shuffle(kinds)
    looks = list(zip(colours, kinds, strict=True))[: random.randint(*level.things)]
    cast = [new_role(f"{colour} {kind}", colour, kind) for colour, kind in looks]
    return [new_role(HIDING_PLACE, "", HIDING_PLACE), *cast] if "hides" in level.actions else cast


def _choose_cuts(random: Random, level: Level, seconds: float) -> Iterator[float]:
    cut = 0.0
    while level.scene_seconds:
        cut += random.choice(level.scene_seconds)
        if cut > seconds - min(level.scene_seconds) / 2:
            break
        yield cut


def _set_scene(situation: Situation, time: float) -> None:
    """Who is there at first, or after a cut, and where."""
    situation.time = time
    if situation.is_doubled and situation.double:
        situation.double.where = "gone"
    chosen = _choose_present(situation)
    for role in situation.roles:
        role.beside = None
        role.where = "gone" if role.where == "gone" else "away"
    for role in situation.roles:
        pose = _find_place(situation, role) if role in chosen else None
        role.where = "here" if pose else role.where
        _cut(role, time, pose or replace(role.pose, seen=False))
    _cut(situation.camera, time, REST_VIEW)


def _choose_present(situation: Situation) -> list[Role]:
    """The house, and some of those who have not left for long; fewer at first."""
    house = [p for p in situation.roles if p.kind == HIDING_PLACE]
    ready = shuffled(
        situation,
        (
            p
            for p in situation.roles
            if p not in house and p.where != "gone" and not (p.away_until and p.where == "away")
        ),
    )
    stay = situation.level.stay
    least = min(stay, len(ready) - (situation.time == 0))
    most = max(least, len(ready) - min(stay, 1))
    return house + ready[: situation.random.randint(least, most)]


def _find_place(situation: Situation, role: Role) -> Pose | None:
    for x, y in situation.places():
        if role.kind == HIDING_PLACE and y < HORIZON:
            continue
        pose = replace(moved(role.pose, x, y), seen=True)
        if situation.is_free(role, pose):
            return pose
    return None


def _cut(role: Role, time: float, after: Pose) -> None:
    role.motions.append(Motion(time, time, role.pose, after))
    role.pose = after


def _fill_scene(situation: Situation, start: float, end: float, film_end: float) -> None:
    time = start + FIRST_SECONDS
    while True:
        situation.time = time
        act = choose_act(situation, end)
        if not act:
            break
        begin = _choose_start(situation, act.seconds)
        time = round(begin + act.seconds, 2)
        if time > end - LAST_SECONDS:
            break
        if act.actor is situation.traveller and act.action == "leaves":
            act.actor.away_until = max(film_end - RETURN_SECONDS, time + EDGE_SECONDS)
        _commit(situation, act, begin, time)
        time += situation.random.uniform(*situation.level.pause)


def _choose_start(situation: Situation, seconds: float) -> float:
    """Now, or a little later for an edge of chunks: to lie over it, or not to."""
    time, level = situation.time, situation.level
    edge = EDGE_SECONDS * ceil(time / EDGE_SECONDS)
    if not level.over_edges:
        return round(edge + 0.2 if time < edge < time + seconds else time, 2)
    late = edge - seconds * situation.random.uniform(0.4, 0.6)
    if time <= late <= time + NEAR_EDGE and situation.random.random() < level.over_edges:
        time = late
    return round(time, 2)


def _commit(situation: Situation, act: Act, start: float, end: float) -> None:
    """It happens."""
    actor = act.actor
    if act.action == "enters" and actor not in situation.roles:
        situation.double = actor
        situation.roles.append(actor)
        _cut(actor, 0.0, replace(actor.pose, seen=False))
        actor.pose = replace(actor.pose, seen=True)
    called = actor.look if actor.look != actor.name else ""
    situation.events.append(TrueEvent(start, end, actor.name, act.action, act.target, called))
    for role, way in act.ways.items():
        role.motions.append(
            Motion(start, end, role.pose, way.after, way.arc, way.turns, way.blinks)
        )
        if not is_same_place(role.pose, way.after):
            _part(situation, role)
        role.pose = way.after
    for role, changes in act.becomes.items():
        for name, value in changes.items():
            setattr(role, name, value)


def _part(situation: Situation, mover: Role) -> None:
    mover.beside = None
    for role in situation.roles:
        if role.beside is mover:
            role.beside = None
