"""The built-in describer: measures a chunk's frames, and tags what a small detector sees in them.

It is no vision-language model: `changes` compares the frames, `sentences` words the result,
`objects` (CenterNet) detects objects in single frames, and `tags` keeps the labels that are hardly
ever wrong. It neither hears speech nor reads text.
"""

import io
import time

import numpy as np

from longtake.engines.sketch.changes import FrameChanges, compare_frames
from longtake.engines.sketch.objects import CachedDetector, ObjectDetector
from longtake.engines.sketch.sentences import say
from longtake.engines.sketch.tags import Sighting, make_tags
from longtake.errors import EngineFailed, EngineRefused, UsageError
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.machine import count_cores
from longtake.settings import Settings

VERSION = 6
"""Part of each chunk's key: raised whenever the same frames would give another text."""
FRAMES_PER_CHUNK = 12
"""Two a second: these detectors cost little, and movement needs frames that overlap."""
FRAME_SIDE = 640


class SketchEngine(Engine):
    """Image measurements and an object detector; a request's text is ignored."""

    def __init__(self) -> None:
        detector = ObjectDetector()
        super().__init__(
            name="sketch",
            capabilities=Capabilities(
                images=None,
                context_tokens=1 << 20,
                width=count_cores(),
                frames_per_chunk=FRAMES_PER_CHUNK,
                frame_side=FRAME_SIDE,
                frame_seconds=0.5,
                repeats=True,
                text=False,
            ),
            options={"version": VERSION, "weights": detector.sha256},
            why="built-in detectors and no vision-language model: they measure movement and light,"
            " and tag large objects",
        )
        self._detector = CachedDetector(detector.detect)

    def answer(self, request: Request) -> Reply:
        """What was measured of the frames of the request, and what the detector saw in them."""
        started = time.monotonic()
        if not request.frames:
            raise EngineRefused("sketch only looks at frames", "Reconcile with another engine.")
        images = [_decode(frame.jpeg) for frame in request.frames]
        cuts = request.cuts or 0
        changes = compare_frames(images, cuts)
        text = say(changes, cuts)
        tags = make_tags(self.find_objects(images, changes))
        seconds = round(time.monotonic() - started, 3)
        return Reply(text, output_tokens=len(text.split()), seconds=seconds, tags=tags)

    def find_objects(self, images: list[np.ndarray], changes: FrameChanges) -> list[Sighting]:
        """The objects of each picture that differs from the one before it."""
        seen = () if changes.plain else changes.pictures
        return [Sighting(p.frames, self._detector.detect(images[p.first])) for p in seen]

    def count_tokens(self, text: str) -> int:
        """Words: it has no tokens."""
        return len(text.split())


def open_sketch(model: str, settings: Settings) -> SketchEngine:
    """The sketch engine; it has one model, which ships with it."""
    if model:
        raise UsageError(f"the engine 'sketch' has no model {model!r}", "Name it without a model.")
    return SketchEngine()


def _decode(jpeg: bytes) -> np.ndarray:
    """uint8 RGB of shape (height, width, 3)."""
    from PIL import Image

    try:
        return np.asarray(Image.open(io.BytesIO(jpeg), formats=("JPEG",)).convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise EngineFailed(f"a frame is no JPEG: {error}") from error
