"""How hard event films are, as a table: a level has what those below it have, and more."""

from dataclasses import dataclass

from longtake.evaluate.world import SIGN, VOICE

IN_PLACE = ("turns", "grows", "shrinks", "jumps", "spins", "flashes")
ALONE = ("enters", "leaves", "moves left", "moves right", "moves up", "moves down", *IN_PLACE)
TOGETHER = (*ALONE, "touches", "carries")
HIDDEN = (*TOGETHER, "hides", "reappears", "swaps")
CAMERA_ACTIONS = ("zooms out", "zooms in", "pans left", "pans right")
IN_ANY_VIEW = ("turns", "jumps", "spins", "flashes", *CAMERA_ACTIONS)
"""What can happen while the camera does not see all."""
TOLD = {"shows": SIGN, "says": VOICE}
VIEWED = (*HIDDEN, *CAMERA_ACTIONS, "shows")


@dataclass(frozen=True)
class Level:
    """What films of a level are like."""

    seconds: tuple[int, ...]
    """Lengths: whole chunks, whose edges then lie where `chunk_seconds` has them."""
    things: tuple[int, int]
    """Who takes part, the fewest and the most."""
    actions: tuple[str, ...]
    stay: int
    """So many are there at least; at 0, all may leave."""
    pause: tuple[float, float]
    """Seconds between two events."""
    over_edges: float = 0.0
    """How often an event is put over the edge of a chunk, where one is near; at 0, never."""
    repeats: bool = False
    """Whether one does the same again, and others look the same as somebody who is there."""
    scene_seconds: tuple[int, ...] = ()
    """How long it is until a cut; without any there is none."""
    land: bool = False
    """Whether there are hills, trees and clouds that drift: nothing of them is an event."""
    returns: bool = False
    """Whether one that changed and left early is away until the end is near."""


LEVELS = {
    1: Level((12, 18), (1, 2), (*ALONE, "touches"), stay=0, pause=(0.9, 1.5)),
    2: Level((18, 24), (2, 3), TOGETHER, stay=1, pause=(0.8, 1.6), over_edges=0.6),
    3: Level((54, 60, 66), (3, 4), HIDDEN, stay=2, pause=(0.8, 1.8), over_edges=0.5, repeats=True),
    4: Level(
        (60, 72),
        (3, 4),
        VIEWED,
        stay=2,
        pause=(0.8, 1.8),
        over_edges=0.4,
        repeats=True,
        scene_seconds=(18, 24),
        land=True,
    ),
    5: Level(
        (126, 150, 174),
        (4, 4),
        (*VIEWED, "says"),
        stay=2,
        pause=(1.0, 3.0),
        over_edges=0.4,
        repeats=True,
        scene_seconds=(24, 30, 36),
        land=True,
        returns=True,
    ),
}
