"""Windows of event films, as the pipeline would show them: pictures, what happens, what is there.

A window is a chunk's six seconds with twice as many pictures as are ever shown of it: which of them
are shown is drawn anew each time.
"""

import io
from dataclasses import dataclass
from math import cos, floor, pi, sin
from random import Random

import numpy as np
from PIL import Image

from longtake.evaluate.draw import draw_frame
from longtake.evaluate.poses import Pose
from longtake.evaluate.script import Script, write_script
from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import COLOURS, KINDS
from longtake.video.frames import JPEG_QUALITY
from scripts.sight.sentences import LEVEL, say_event

SECONDS, PICTURES = 6, 12
SIDE = 96
WIDTH, HEIGHT = SIDE, SIDE * 9 // 16
SWAY = 0.2
"""Seconds by which a picture may lie beside its even place."""
FACTS = 1 + len(KINDS) + 5
"""Of each colour in a picture: whether there is one, its kind, x, y, size, and its turn."""
SEEN = 0.4
"""Of what lasts, so much must be seen to have come."""
ASIDE = 0.15
"""Of what is over and as before, so much must a picture show."""
FOLDS = {"square": 4, "star": 5, "triangle": 3}
"""Turned by such a part of a whole turn they look as before."""


@dataclass(frozen=True)
class Window:
    """`pictures`: uint8 (12, height, width, 3). `facts`: (12, colours, FACTS).

    `shares`: of each event and at each picture, how far it has come, or how much of it shows, as
    `passing` says.
    """

    pictures: np.ndarray
    facts: np.ndarray
    sentences: tuple[str, ...]
    passing: tuple[bool, ...]
    shares: np.ndarray

    def seen(self, chosen: list[int]) -> list[str]:
        """The sentences of what can be told from those pictures."""
        told = []
        for sentence, passing, shares in zip(
            self.sentences, self.passing, self.shares[:, chosen], strict=True
        ):
            enough = shares.max() >= ASIDE if passing else shares[-1] - shares[0] >= SEEN
            told += [sentence] if enough else []
        return told


def draw_windows(seed: int) -> list[Window]:
    """All windows of the film of that seed."""
    script = write_script(seed, LEVEL)
    random = Random(seed)  # noqa: S311
    return [_draw_window(script, start, random) for start in range(0, int(script.seconds), SECONDS)]


def _draw_window(script: Script, start: float, random: Random) -> Window:
    step = SECONDS / PICTURES
    times = [start + (k + 0.5) * step + random.uniform(-SWAY, SWAY) for k in range(PICTURES)]
    events = [e for e in script.events if e.start < start + SECONDS and e.end > start]
    passing = tuple(event.action in ("jumps", "spins", "flashes") for event in events)
    shares = [[_share(script, event, time) for time in times] for event in events]
    return Window(
        np.stack([show(draw_frame(script, time, WIDTH, HEIGHT)) for time in times]),
        np.stack([_list_facts(script, time) for time in times]),
        tuple(map(say_event, events)),
        passing,
        np.array(shares, np.float32).reshape(len(events), PICTURES),
    )


def show(picture: np.ndarray) -> np.ndarray:
    """The picture as it comes out of a frame's JPEG."""
    return np.asarray(Image.open(io.BytesIO(encode(picture))))


def encode(picture: np.ndarray) -> bytes:
    """The picture as JPEG, as a frame is."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _share(script: Script, event: TrueEvent, time: float) -> float:
    share = min(1.0, max(0.0, (time - event.start) / (event.end - event.start)))
    thing = next(thing for thing in script.things if thing.name == event.actor)
    if event.action == "jumps":
        return share * (1 - share)
    if event.action == "flashes":
        return float(0 < share < 1 and not thing.course.pose(time).seen)
    eased = share * share * (3 - 2 * share)
    if event.action == "spins":
        turned = eased * FOLDS.get(thing.kind, 1) % 1
        return min(turned, 1 - turned)
    return eased


def _list_facts(script: Script, time: float) -> np.ndarray:
    facts = np.zeros((len(COLOURS), FACTS), np.float32)
    for thing in script.things:
        pose = thing.course.pose(time)
        x, y = pose.x + pose.dx * HEIGHT / WIDTH, pose.y + pose.dy
        if not pose.seen or not (-0.03 < x < 1.03 and -0.05 < y < 1.05):
            continue
        row = facts[_nearest_colour(pose)]
        row[0] = 1
        row[1 + KINDS.index(thing.kind)] = 1
        folds = 0 if thing.kind == "circle" else FOLDS.get(thing.kind, 1)
        turn = 2 * pi * (pose.angle - floor(pose.angle)) * folds
        row[-5:] = x, y, 4 * pose.size, sin(turn), cos(turn)
    return facts


def _nearest_colour(pose: Pose) -> int:
    off = [
        sum((a - b) ** 2 for a, b in zip(pose.colour, colour, strict=True))
        for colour in COLOURS.values()
    ]
    return off.index(min(off))
