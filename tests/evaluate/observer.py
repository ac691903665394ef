"""An engine that sees each frame of an event film perfectly, and nothing between two of them.

It finds out which film it is shown by the pictures, looks up who is where at the times of the
frames, and tells what must have happened from one to the next. What it misses, no model that is
shown these frames could know; so it measures what frames and chunks leave of a film.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from longtake.evaluate.acts import CARRIERS
from longtake.evaluate.draw import draw_frame
from longtake.evaluate.figures import EXTENTS
from longtake.evaluate.poses import Pose
from longtake.evaluate.script import Script
from longtake.evaluate.world import COLOURS, HIDING_PLACE, SIGN
from longtake.inference.engine import Frame, Reply, Request
from tests.scripted import ScriptedEngine
from tests.videos import read_jpeg

FLASH_SECONDS = 2.5
SMALL = (64, 36)
FRAME_TOKENS, PROMPT_TOKENS, TOKENS_A_SECOND = 64, 300, 1000
"""What it is said to cost: as a small model that reads so many tokens a second."""


@dataclass(frozen=True)
class Seen:
    """A thing as one frame shows it; without a colour it is not to be seen."""

    kind: str
    colour: str
    x: float
    y: float
    size: float
    angle: float
    behind: bool
    shade: tuple[int, ...] = ()
    """Its colour in numbers, by which a change is seen under way."""

    @property
    def look(self) -> str:
        return f"{self.colour} {self.kind}"


Scene = dict[str, Seen]
"""What a frame shows, by the thing's own name."""


class Observer(ScriptedEngine):
    """Tells of frames of these films."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        super().__init__(self._tell, "observer", frame_side=512, width=1, repeats=False)
        self._scripts = scripts

    def frame_tokens(self, width: int, height: int) -> int:
        return FRAME_TOKENS

    def _tell(self, request: Request) -> Reply:
        script = self._recognise(request.frames)
        shown = [(frame.time, frame.again) for frame in request.frames]
        times = [time for first, again in shown for time in ((first, again) if again else (first,))]
        text = tell(script, times, request.text)
        if "as JSON" in request.system:  # flow II asks for who was seen, too
            text = json.dumps({"description": text, "seen": list_seen(script, times), "open": ""})
        tokens = PROMPT_TOKENS + FRAME_TOKENS * len(times)
        return Reply(text, tokens, len(text.split()), tokens / TOKENS_A_SECOND)

    def _recognise(self, frames: Sequence[Frame]) -> Script:
        """The film whose pictures are nearest to these: by all of them, for one may be empty."""
        shown = [(frame.time, _shrink(read_jpeg(frame.jpeg))) for frame in frames]
        fitting = [script for script in self._scripts if script.seconds >= frames[-1].time]
        return min(fitting, key=lambda script: _difference(script, shown))


def _shrink(picture: np.ndarray) -> np.ndarray:
    rows = np.linspace(0, picture.shape[0] - 1, SMALL[1]).astype(int)
    columns = np.linspace(0, picture.shape[1] - 1, SMALL[0]).astype(int)
    return picture[rows][:, columns].astype(int)


def _difference(script: Script, shown: Sequence[tuple[float, np.ndarray]]) -> float:
    return sum(float(np.abs(draw_frame(script, t, *SMALL) - small).mean()) for t, small in shown)


def tell(script: Script, times: Sequence[float], earlier: str = "") -> str:
    """What frames at these times show to have happened, in sentences."""
    scenes = [look(script, time) for time in times]
    told = sorted([*_list_of_pictures(script, times), *_list_of_things(scenes, times, earlier)])
    there = " and ".join(f"a {seen.look}" for seen in scenes[-1].values() if seen.colour)
    still = f"There is {there}." if there else "The picture is empty."
    return " ".join(sentence for _, sentence in dict.fromkeys(told)) or still


def list_seen(script: Script, times: Sequence[float]) -> list[str]:
    """Who is to be seen at any of these times, by their last looks, with the marks of flow II."""
    looks = {
        name: seen.look
        for time in times
        for name, seen in look(script, time).items()
        if seen.colour
    }
    names = [thing.name for thing in script.things]
    return [f"P{names.index(name) + 1} {seen}" for name, seen in looks.items()]


def look(script: Script, time: float) -> Scene:
    """Who is to be seen at a time."""
    house = next((t for t in script.things if t.kind == HIDING_PLACE), None)
    wall = house.course.pose(time) if house else None
    scene: Scene = {}
    for thing in script.things:
        if thing.kind == HIDING_PLACE:
            continue
        pose = thing.course.pose(time)
        x, y = pose.x + pose.dx * 9 / 16, pose.y + pose.dy
        behind = bool(wall and wall.seen and _is_behind(pose, wall))
        shown = pose.seen and -0.02 < x < 1.02 and -0.02 < y < 1.02 and not behind
        colour = _name_colour(pose) if shown else ""
        shade = tuple(round(part) for part in pose.colour)
        scene[thing.name] = Seen(thing.kind, colour, x, y, pose.size, pose.angle, behind, shade)
    return scene


def _is_behind(pose: Pose, wall: Pose) -> bool:
    across, below = EXTENTS[HIDING_PLACE]
    return (
        abs(pose.x + pose.dx * 9 / 16 - wall.x) < across * wall.size / 2 * 9 / 16
        and abs(pose.y + pose.dy - wall.y) < below * wall.size / 2
    )


def _name_colour(pose: Pose) -> str:
    return min(COLOURS, key=lambda name: math.dist(COLOURS[name], pose.colour))


Told = Iterator[tuple[int, str]]
"""Sentences, with the frame that each begins at."""


def _list_of_pictures(script: Script, times: Sequence[float]) -> Told:
    """What the camera does, and what a sign shows."""
    for place, (before, after) in enumerate(pairwise(times)):
        one, other = script.camera.pose(before), script.camera.pose(after)
        if any(before < cut <= after for cut in script.cuts):
            continue
        if abs(other.size - one.size) > 0.02:
            yield place, f"The camera zooms {'in' if other.size > one.size else 'out'}."
        elif abs(other.x - one.x) > 0.01:
            yield place, f"The camera pans {'right' if other.x > one.x else 'left'}."
    for event in script.events:
        shown = (n for n, t in enumerate(times) if event.start + 0.3 < t < event.end - 0.3)
        if event.actor == SIGN and (place := next(shown, -1)) >= 0:
            yield place, f'A sign shows "{event.target}".'


def _list_of_things(scenes: Sequence[Scene], times: Sequence[float], earlier: str) -> Told:
    """What each does: from where it is at rest to where it is so again, it does one thing."""
    for name in scenes[0]:
        states = [scene[name] for scene in scenes]
        place = 0
        while place < len(states) - 1:
            end = place
            while end < len(states) - 1 and _differs(states[end], states[end + 1]):
                end += 1
                end = _find_back(states, times, place, end)
            if end > place:
                for sentence in _tell_change(name, scenes[place : end + 1], earlier):
                    yield place, sentence
            place = max(end, place + 1)


def _find_back(states: Sequence[Seen], times: Sequence[float], place: int, end: int) -> int:
    """Where something that is gone is back in its place before long, if it is: it only flashes."""
    for later in range(end + 1, len(states)):
        if states[end].colour or times[later] - times[place] > FLASH_SECONDS:
            break
        if states[place].colour and states[later].colour:
            return later if _way(states[place], states[later]) < 0.01 else end
    return end


def _differs(one: Seen, other: Seen) -> bool:
    if not (one.colour and other.colour):
        return one.colour != other.colour
    turned = abs(one.angle - other.angle) > 0.001
    return (
        turned
        or one.shade != other.shade
        or abs(one.size / other.size - 1) > 0.002
        or _way(one, other) > 0.001
    )


def _tell_change(name: str, scenes: Sequence[Scene], earlier: str) -> Iterator[str]:
    """What a thing did over these frames; the first and the last one may show it at rest."""
    states = [scene[name] for scene in scenes]
    one, other = states[0], states[-1]
    if not one.colour and not other.colour:
        return
    if not one.colour:
        yield _say_arrival(one, other, earlier)
    elif not other.colour:
        yield f"The {one.look} {'hides behind the house' if other.behind else 'leaves'}."
    elif not all(state.colour for state in states):
        yield f"The {one.look} flashes."
    elif _way(one, other) > 0.06:
        yield _say_way(name, scenes)
    elif max(one.y - state.y for state in states) > 0.04:
        yield f"The {one.look} jumps."
    else:
        yield from _list_changes(states)


def _say_arrival(one: Seen, other: Seen, earlier: str) -> str:
    if one.behind:
        return f"The {other.look} reappears from behind the house."
    if other.look in earlier:
        return f"The same {other.look} enters again."
    return f"A {other.look} enters."


def _list_changes(states: Sequence[Seen]) -> Iterator[str]:
    one, other = states[0], states[-1]
    if one.colour != other.colour:
        yield f"The {one.look} turns {other.colour}."
    if other.size > one.size * 1.08:
        yield f"The {one.look} grows."
    elif other.size < one.size / 1.08:
        yield f"The {one.look} shrinks."
    if max(abs(state.angle - one.angle) for state in states) > 0.03:
        yield f"The {one.look} spins."


def _say_way(name: str, scenes: Sequence[Scene]) -> str:
    """Where it went, and with whom."""
    before, after = scenes[0], scenes[-1]
    one, other = before[name], after[name]
    way = other.x - one.x, other.y - one.y
    for rival in sorted(before):
        theirs, then = before[rival], after[rival]
        if rival == name or not (theirs.colour and then.colour):
            continue
        if math.dist((then.x - theirs.x, then.y - theirs.y), way) < 0.03:
            return _say_both(one, theirs, "carries", first=one.kind in CARRIERS)
        if _way(other, theirs) < 0.08 and _way(then, one) < 0.08:
            return _say_both(one, theirs, "swaps places with", first=name < rival)
        if _touches(other, then) and not _touches(one, theirs) and _way(theirs, then) < 0.02:
            return f"The {one.look} touches the {theirs.look}."
    if abs(way[0]) >= abs(way[1]):
        return f"The {one.look} moves {'right' if way[0] > 0 else 'left'}."
    return f"The {one.look} moves {'down' if way[1] > 0 else 'up'}."


def _say_both(one: Seen, other: Seen, what: str, *, first: bool) -> str:
    """The same of either of the two, so that it is told once."""
    actor, target = (one, other) if first else (other, one)
    return f"The {actor.look} {what} the {target.look}."


def _way(one: Seen, other: Seen) -> float:
    return math.dist((one.x, one.y), (other.x, other.y))


def _touches(one: Seen, other: Seen) -> bool:
    reach = (EXTENTS[one.kind][0] * one.size + EXTENTS[other.kind][0] * other.size) / 2
    return abs(one.x - other.x) * 16 / 9 < reach * 1.08 and abs(one.y - other.y) < 0.12
