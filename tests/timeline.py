"""A describer that follows a written timeline, seen only through what it is really given.

Each picture carries its number; the timeline says what that picture shows. What the engine says of
a chunk rests on the numbers that it reads from the request's frames, and on the request's text.
"""

import json
import re
from dataclasses import dataclass

from longtake.inference.engine import Capabilities, Engine, Reply, Request
from tests.videos import read_jpeg, read_number


@dataclass(frozen=True)
class Scene:
    """In the pictures `first`..`last`, somebody does something; `lie`: it is not there at all."""

    first: int
    last: int
    who: str
    does: str
    lie: bool = False


STORY = (
    Scene(0, 9, "man in a red coat", "walks in"),
    Scene(18, 23, "man in a red coat", "lifts a bag"),
    Scene(24, 27, "man in a red coat", "puts a bag down"),
    Scene(40, 52, "woman with a dog", "feeds the dog"),
    Scene(62, 63, "purple dragon", "spits fire", lie=True),
    Scene(86, 95, "man in a red coat", "waves goodbye"),
)
"""Two pictures a second; with chunks of 6 s the bag is lifted in the second and put down in the
third, the woman stays from the fourth to the fifth, the man comes back in the eighth."""

RATE, SECONDS = 2, 60
EMPTY = "An empty square lies in the sun."


class Witness(Engine):
    """Says what its pictures show; of what is known from before only what helps to name it."""

    def __init__(
        self,
        story: tuple[Scene, ...] = STORY,
        *,
        schemas: bool = True,
        width: int = 1,
        context: int = 8192,
    ) -> None:
        able = Capabilities(
            None, context, width=width, frame_side=64, repeats=True, schemas=schemas
        )
        super().__init__("witness", able)
        self.asked: list[Request] = []
        self._story = story

    def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        earlier = read_earlier(request)
        numbers = [read_number(read_jpeg(frame.jpeg)) for frame in request.frames]
        scenes = [
            scene
            for scene in self._story
            if any(scene.first <= number <= scene.last for number in numbers)
        ]
        told = [self._say(scene, earlier) for scene in scenes]
        text = " ".join(told) or EMPTY
        if request.schema:
            text = json.dumps(self._notes(scenes, earlier, text))
        tokens = self.count_tokens(f"{request.system} {request.text}") + self.frame_tokens(
            64, 48
        ) * len(numbers)
        return Reply(text, tokens, self.count_tokens(text), 0.1)

    def count_tokens(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def frame_tokens(self, width: int, height: int) -> int:
        return 100

    def _say(self, scene: Scene, earlier: str) -> str:
        mark = find_mark(scene.who, earlier)
        does = scene.does
        if does == "puts a bag down" and "lifts a bag" in earlier:
            does = "puts down the bag that he lifted before"
        if mark:
            return f"The {scene.who} [{mark}] {does}."
        return f"{'The same' if scene.who in earlier else 'A'} {scene.who} {does}."

    def _notes(self, scenes: list[Scene], earlier: str, text: str) -> dict[str, object]:
        """The reply's document: new ones get free marks, and are told with their look."""
        seen, free = [], free_marks(earlier)
        for who in dict.fromkeys(scene.who for scene in scenes):
            known = find_mark(who, earlier)
            mark = known or free.pop(0)
            text = text.replace(f"A {who} ", f"A {who} [{mark}] ")
            text = text.replace(f"The same {who} ", f"The same {who} [{mark}] ")
            seen.append(mark if known else f"{mark} {who}")
        waits = any(scene.does == "lifts a bag" for scene in scenes)
        return {
            "description": text,
            "seen": seen,
            "open": "where the bag goes" if waits else "",
        }


def read_earlier(request: Request) -> str:
    """What a request tells of earlier chunks."""
    found = re.search(r"<earlier>\n(.*?)\n</earlier>", request.text, re.DOTALL)
    return found[1] if found else ""


def find_mark(who: str, earlier: str) -> str:
    """The mark under which somebody is known, by the look."""
    found = re.search(rf"^\[(\w+)\] {re.escape(who)},", earlier, re.MULTILINE)
    return found[1] if found else ""


def free_marks(earlier: str) -> list[str]:
    """Marks of persons that may be given; none is known where the context doesn't say."""
    found = re.search(r"^Free marks: P(\d+)", earlier, re.MULTILINE)
    first = int(found[1]) if found else 1
    return [f"P{first + k}" for k in range(9)]
