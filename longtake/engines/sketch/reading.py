"""Reads the text in one frame with RapidOCR (its wheel carries the models).

Knows nothing of time, of other frames, or of what the text means.
"""

import re
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

MINIMUM_SCORE = 0.8
"""Below this, textures of foliage and brick are read as letters (tried on street footage)."""
READ_SIDE = 640


@dataclass(frozen=True)
class Line:
    """One line of text; `top` and `height` are fractions of the frame's height."""

    text: str
    score: float
    top: float
    height: float


class TextReader:
    """RapidOCR on the CPU; one reader may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Any = None

    def read(self, image: np.ndarray, minimum_score: float = MINIMUM_SCORE) -> list[Line]:
        """The lines of a uint8 RGB image (height, width, 3), from top to bottom."""
        found = self._loaded()(np.ascontiguousarray(image[:, :, ::-1]), use_cls=False)
        if found.boxes is None or found.txts is None:
            return []
        height = image.shape[0]
        lines = [
            Line(_plain(text), float(score), *_extent(box, height))
            for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if score >= minimum_score and _is_text(text)
        ]
        return sorted(lines, key=lambda line: line.top)

    def _loaded(self) -> Any:
        """Loaded at the first frame: the import alone takes seconds."""
        with self._lock:
            if self._engine is None:
                from rapidocr import RapidOCR

                self._engine = RapidOCR(
                    params={
                        "Global.log_level": "critical",
                        "Det.limit_type": "max",
                        "Det.limit_side_len": READ_SIDE,
                        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                    }
                )
            return self._engine


def _extent(box: np.ndarray, height: int) -> tuple[float, float]:
    """Top and height of a box of four corners, as fractions of the frame's height."""
    top, bottom = float(box[:, 1].min()), float(box[:, 1].max())
    return top / height, (bottom - top) / height


def _plain(text: str) -> str:
    """The line without bullets and stray strokes around it."""
    return " ".join(text.split()).strip("•·▪■●-–—|_*~ ")


def _is_text(text: str) -> bool:
    """Whether it holds a word of two letters or a number of four digits.

    Shorter things are mostly shapes, or page numbers with the stroke read as a one.
    """
    return bool(re.search(r"[^\W\d_]{2}|\d{4}", text))
