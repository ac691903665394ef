"""Finds and reads lines of text in one picture with RapidOCR (its wheel carries the models).

Knows nothing of time, of other pictures, or of what the text means.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from longtake.errors import ModelError
from longtake.text.untrusted import one_line

FIND_SIDE = 736
"""The longest side at which text is looked for; it is read at the picture's own size. Tried on
captions in 1280x720 that were read from pictures of 960: letters of 13 pixels are found as with
960, in less than half the time."""

Corner = tuple[int, int]
Box = tuple[Corner, Corner, Corner, Corner]
"""Corners of a line's letters as x, y in pixels, clockwise from the top left."""


@dataclass(frozen=True)
class Line:
    """What stands in a box, and how sure that is, from 0 to 1; no text where it is none."""

    box: Box
    text: str
    score: float


class TextReader:
    """RapidOCR on the CPU; one reader may be used from several threads."""

    name = "RapidOCR"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Any = None

    @property
    def facts(self) -> Mapping[str, object]:
        """All that would change what it reads."""
        from importlib.metadata import version

        return {"name": self.name, "version": version("rapidocr"), "side": FIND_SIDE}

    def find(self, image: np.ndarray) -> list[Box]:
        """Where there may be text in a uint8 RGB image (height, width, 3), from top to bottom."""
        with _mapped_errors():
            found = self._loaded()(_as_bgr(image), use_det=True, use_cls=False, use_rec=False)
            boxes = [] if found.boxes is None else found.boxes.round().astype(int).tolist()
        return [as_box(box) for box in boxes]

    def read(self, image: np.ndarray, boxes: Sequence[Box]) -> list[Line]:
        """What stands in each of the boxes."""
        if not boxes:
            return []
        with _mapped_errors():
            engine = self._loaded()
            crops = engine.crop_text_regions(_as_bgr(image), np.array(boxes, np.float32))
            found = engine.recognize_txt(crops)
        return [
            Line(box, _plain(text) if _is_text(text) else "", round(float(score), 3))
            for box, text, score in zip(boxes, found.txts, found.scores, strict=True)
        ]

    def _loaded(self) -> Any:
        """The engine, loaded at the first picture: its import alone takes seconds."""
        with self._lock:
            if self._engine is None:
                from rapidocr import RapidOCR

                self._engine = RapidOCR(
                    params={
                        "Global.log_level": "critical",
                        "Det.limit_type": "max",
                        "Det.limit_side_len": FIND_SIDE,
                        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                    }
                )
            return self._engine


@contextmanager
def _mapped_errors() -> Iterator[None]:
    """What RapidOCR and ONNX Runtime raise (they share no base), as ModelError."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"the text in a picture could not be read: {one_line(str(error))[:200]}",
            "With --read-text off it goes on without.",
        ) from error


def as_box(corners: Sequence[Sequence[int]]) -> Box:
    """A box of four corners, which arrays and JSON give as lists."""
    first, second, third, fourth = ((x, y) for x, y in corners)
    return first, second, third, fourth


def _as_bgr(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, :, ::-1])


def _plain(text: str) -> str:
    """The line without bullets and stray strokes around it, which may be read as a Chinese one."""
    return re.sub(r"^一 | 一$", "", one_line(text)).strip("•·▪■●-–—|_*~ ")


def _is_text(text: str) -> bool:
    """Whether it holds a word of two letters or a number of four digits.

    Shorter things are mostly shapes, or page numbers with the stroke read as a one.
    """
    return bool(re.search(r"[^\W\d_]{2}|(\d[.,:]?){4}", text))
