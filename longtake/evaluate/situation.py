"""Who is in an event film at a moment of its writing, and whether there is room for what is to be.

Room is tried in a square picture and in a wide one: no two things overlap in either, but where that
is what happens.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from longtake.evaluate.figures import EXTENTS, PAINTS
from longtake.evaluate.levels import Level
from longtake.evaluate.poses import NORMAL, Motion, Pose
from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import CAMERA, COLOURS, HIDING_PLACE, SIGN, VOICE

SHAPES = (1.0, 16 / 9)
"""Widths of pictures in heights of theirs."""
GAP = 0.006
"""Between things that don't meet, in heights."""
LEAST_SIZE = 1 / 6
"""In heights."""
HOUSE_SIZE = 0.22
STEPS = 16
"""Moments of a motion at which room is tried."""
REST_VIEW = Pose(0.5, 0.5, size=1.0)
"""Of the camera: its middle, and how much larger than life."""
COLUMNS, ROWS = (0.18, 0.5, 0.82), (0.25, 0.67)


@dataclass(eq=False)
class Role:
    """Somebody of the film; `where` is "here", "away", "hidden", or "gone" for good."""

    name: str
    kind: str
    colour: str
    pose: Pose
    where: str = "away"
    away_until: float = 0.0
    beside: "Role | None" = None
    """Whom it came to, and has not parted from."""
    motions: list[Motion] = field(default_factory=list)

    @property
    def look(self) -> str:
        """What it is called by now."""
        if self.kind not in EXTENTS or self.kind == HIDING_PLACE:
            return self.name
        return f"{self.colour} {self.kind}"


def new_role(name: str, colour: str, kind: str) -> Role:
    """Somebody that is not seen yet."""
    size = HOUSE_SIZE if kind == HIDING_PLACE else NORMAL
    paint = COLOURS.get(colour, PAINTS["wall"])
    return Role(name, kind, colour, Pose(0.5, 0.5, size=size, colour=paint, seen=False))


@dataclass(frozen=True)
class Way:
    """Where somebody is after an act, and how it gets there; see `Motion`."""

    after: Pose
    arc: tuple[float, float] = (0.0, 0.0)
    turns: int = 0
    blinks: int = 0


@dataclass(frozen=True)
class Act:
    """Something that can happen next: an event, who does what for it, and what they are then."""

    actor: Role
    action: str
    seconds: float
    ways: Mapping[Role, Way]
    target: str = ""
    meets: Role | None = None
    """Who may be overlapped, and moves along or is there already."""
    becomes: Mapping[Role, Mapping[str, object]] = field(default_factory=dict)


@dataclass
class Situation:
    """What there is by now. The camera is a role whose pose is the middle and width it sees."""

    random: Random
    level: Level
    roles: list[Role]
    camera: Role = field(default_factory=lambda: Role(CAMERA, CAMERA, "", REST_VIEW))
    tellers: tuple[Role, ...] = (Role(SIGN, SIGN, "", REST_VIEW), Role(VOICE, VOICE, "", REST_VIEW))
    double: Role | None = None
    """Who looked the same as another when it first came."""
    traveller: Role | None = None
    """Who is away for most of the film."""
    time: float = 0.0
    events: list[TrueEvent] = field(default_factory=list)

    @property
    def here(self) -> list[Role]:
        """Whom one sees, and who is no scenery."""
        return [p for p in self.roles if p.where == "here" and p.kind != HIDING_PLACE]

    @property
    def house(self) -> Role | None:
        """Where one can hide."""
        return next((p for p in self.roles if p.kind == HIDING_PLACE and p.where == "here"), None)

    @property
    def at_rest(self) -> bool:
        """Whether the camera sees all, as at first."""
        return self.camera.pose == REST_VIEW

    def alike(self, role: Role) -> bool:
        """Whether another that is here looks the same."""
        return any(p is not role and p.look == role.look for p in self.here)

    @property
    def is_doubled(self) -> bool:
        """Whether one is here that looks the same as another by now."""
        return bool(self.double) and self.double in self.here and self.alike(self.double)

    def places(self) -> Iterator[tuple[float, float]]:
        """Where things stand, at random, and nearly in columns and rows."""
        every = [(x, y) for x in COLUMNS for y in ROWS]
        self.random.shuffle(every)
        for x, y in every:
            yield x + self.random.uniform(-0.008, 0.008), y + self.random.uniform(-0.012, 0.012)

    def is_free(self, role: Role, pose: Pose) -> bool:
        """Whether it can stand there, as far as the others go that are here."""
        others = [p for p in self.roles if p is not role and p.where == "here"]
        return all(
            is_inside(role, pose, shape)
            and all(gap(role, pose, other, other.pose, shape) >= GAP for other in others)
            for shape in SHAPES
        )

    def has_room(self, act: Act) -> bool:
        """Whether nobody gets in another's way, and all stay in sight that don't come or go."""
        return all(self._is_clear(act, shape) for shape in SHAPES)

    def _is_clear(self, act: Act, shape: float) -> bool:
        moves = {
            p: Motion(0, 1, p.pose, way.after, way.arc, way.turns) for p, way in act.ways.items()
        }
        if self.camera in moves:
            return all(is_inside(p, p.pose, shape, moves[self.camera].after) for p in self.here)
        others = [p for p in [*self.here, self.house] if p and p not in moves]
        if not _keep_apart(moves, others, act.meets, shape):
            return False
        if act.action in ("enters", "leaves"):
            return True
        return all(
            is_inside(p, motion.at(k / STEPS), shape)
            for p, motion in moves.items()
            for k in range(STEPS + 1)
        )


def _keep_apart(
    moves: Mapping[Role, Motion], others: Iterable[Role], meets: Role | None, shape: float
) -> bool:
    """Whether those who move keep their distance from the others, or don't come nearer."""
    pairs = [
        (role, motion, other, Motion(0, 0, other.pose, other.pose))
        for role, motion in moves.items()
        for other in others
        if other is not meets
    ]
    if len(moves) == 2 and meets is None:
        (one, first), (other, second) = moves.items()
        pairs.append((one, first, other, second))
    for one, first, other, second in pairs:
        least = min(GAP, gap(one, first.before, other, second.before, shape)) - 1e-6
        for k in range(STEPS + 1):
            share = k / STEPS
            if gap(one, first.at(share), other, second.at(share), shape) < least:
                return False
    return True


def gap(one: Role, pose: Pose, other: Role, opposite: Pose, shape: float) -> float:
    """Between two things, in heights; below 0 where their boxes overlap."""
    (w, h), (v, g) = EXTENTS[one.kind], EXTENTS[other.kind]
    across = abs((pose.x - opposite.x) * shape + pose.dx - opposite.dx)
    down = abs(pose.y - opposite.y + pose.dy - opposite.dy)
    return max(
        across - (w * pose.size + v * opposite.size) / 2,
        down - (h * pose.size + g * opposite.size) / 2,
    )


def is_inside(role: Role, pose: Pose, shape: float, view: Pose | None = None) -> bool:
    """Whether all of it is seen, and large enough; a shadow of its edge may be missing."""
    zoom, x, y = (view.size, view.x, view.y) if view else (1.0, 0.5, 0.5)
    w, h = EXTENTS[role.kind]
    across = abs((pose.x - x) * shape + pose.dx) * zoom + w * pose.size * zoom / 2
    down = abs(pose.y - y + pose.dy) * zoom + h * pose.size * zoom / 2
    return across <= shape / 2 + 0.03 and down <= 0.53 and pose.size * zoom >= LEAST_SIZE


def is_same_place(one: Pose, other: Pose) -> bool:
    """Whether both are there, whatever else has changed."""
    return (one.x, one.y, one.dx, one.dy) == (other.x, other.y, other.dx, other.dy)


def moved(pose: Pose, x: float, y: float, dx: float = 0.0, dy: float = 0.0) -> Pose:
    """The same thing at another place."""
    return replace(pose, x=x, y=y, dx=dx, dy=dy)
