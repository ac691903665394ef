"""Where a thing of an event film is, how it looks there, and its way from one pose to the next."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

Colour = tuple[float, float, float]
SMALL, NORMAL, LARGE = 0.168, 0.24, 0.365
"""Sizes of things in heights of the picture; two of the first two kinds fit side by side, and one
of the last, in a picture that is square."""


@dataclass(frozen=True)
class Pose:
    """The middle of a thing is at `x` of the picture's width and `y` of its height, and from there
    `dx` and `dy` aside in heights, so that what touches does so in a picture of any shape.
    """

    x: float
    y: float
    dx: float = 0.0
    dy: float = 0.0
    size: float = NORMAL
    colour: Colour = (0, 0, 0)
    angle: float = 0.0
    """In turns."""
    seen: bool = True


@dataclass(frozen=True)
class Motion:
    """From one pose to another; of no length where it is there at once, as after a cut."""

    start: float
    end: float
    before: Pose
    after: Pose
    arc: tuple[float, float] = (0.0, 0.0)
    """How far aside of the straight line it is half-way, in heights."""
    turns: int = 0
    blinks: int = 0

    def pose(self, time: float) -> Pose:
        """At a time that is not before its start."""
        return self.at((time - self.start) / (self.end - self.start) if time < self.end else 1.0)

    def at(self, share: float) -> Pose:
        """When so much of it, 0 to 1, has passed."""
        if share >= 1:
            return self.after
        eased = share * share * (3 - 2 * share)
        one, other = self.before, self.after
        aside = 4 * share * (1 - share)
        return Pose(
            x=one.x + (other.x - one.x) * eased,
            y=one.y + (other.y - one.y) * eased,
            dx=one.dx + (other.dx - one.dx) * eased + self.arc[0] * aside,
            dy=one.dy + (other.dy - one.dy) * eased + self.arc[1] * aside,
            size=one.size + (other.size - one.size) * eased,
            colour=_blend(one.colour, other.colour, eased),
            angle=one.angle + (other.angle - one.angle + self.turns) * eased,
            seen=one.seen and int(2 * self.blinks * share) % 2 == min(self.blinks, 1),
        )


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    if one == other:
        return one
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Course:
    """All that a thing does in a film: its motions in order, one after the other."""

    first: Pose
    motions: Sequence[Motion] = ()

    @cached_property
    def _starts(self) -> list[float]:
        return [motion.start for motion in self.motions]

    def pose(self, time: float) -> Pose:
        """Where it is, and how it looks."""
        place = bisect_right(self._starts, time)
        return self.motions[place - 1].pose(time) if place else self.first
