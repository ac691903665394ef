"""The built-in describer: says what small detectors see in a chunk. It is no vision-language model.

objects (CenterNet) looks at single frames, changes compares them, words makes the sentences, with
what is said and written there. Only what several frames show is said.
"""

import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources

import numpy as np

from longtake.engines.base import Capabilities, Engine, Reply, Request
from longtake.engines.sketch.changes import Look, look_at
from longtake.engines.sketch.objects import ObjectDetector
from longtake.engines.sketch.words import Sighting, say
from longtake.errors import EngineFailed, EngineRefused, UsageError
from longtake.machine import count_cores
from longtake.settings import Settings

VERSION = 5
"""Part of each chunk's key: raised whenever the same frames would give another text."""
FRAMES_PER_CHUNK = 12
"""Two a second: these detectors cost little, and movement needs frames that overlap."""
FRAME_SIDE = 640


class SketchEngine(Engine):
    """Detectors in place of a model; what it is asked is of no matter, it looks at the frames."""

    def __init__(self) -> None:
        weights = resources.files(__package__).joinpath("weights/centernet.onnx").read_bytes()
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
            options={"version": VERSION, "weights": hashlib.sha256(weights).hexdigest()},
            why="built-in detectors and no vision-language model: they name objects, see"
            " movement, and quote what is said and written",
        )
        self._detector = ObjectDetector()

    def answer(self, request: Request) -> Reply:
        """What the frames of the request show, in short sentences."""
        started = time.monotonic()
        if not request.frames:
            raise EngineRefused("sketch only looks at frames", "Reconcile with another engine.")
        images = [_decode(frame.jpeg) for frame in request.frames]
        look = look_at(images)
        if request.cuts is not None and not look.blank:
            look = replace(look, changes=request.cuts)
        text = say(self._sight(images, look), look, request.words)
        seconds = round(time.monotonic() - started, 3)
        return Reply(text, output_tokens=len(text.split()), seconds=seconds)

    def count_tokens(self, text: str) -> int:
        """Words: it has no tokens."""
        return len(text.split())

    def _sight(self, images: Sequence[np.ndarray], look: Look) -> list[Sighting]:
        """The objects of each picture that differs from the one before it."""
        return [
            Sighting(picture.frames, self._detector.detect(images[picture.first]))
            for picture in look.pictures
        ]


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
