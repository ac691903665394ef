"""A picture of each moment, where its video is still here."""

import logging
from collections.abc import Sequence
from pathlib import Path

from longtake.errors import LongtakeError, OutputError
from longtake.library.search import FoundMoment
from longtake.video.choose_frames import Slot
from longtake.video.frames import open_frames
from longtake.video.probe import probe

LOG = logging.getLogger("longtake")

SIDE = 320
"""The longest side of a picture, in pixels."""


def draw_thumbs(moments: Sequence[FoundMoment], folder: Path) -> dict[FoundMoment, Path]:
    """Write a JPEG a moment into the folder, named by its place among them; their paths."""
    drawn: dict[FoundMoment, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, moment in enumerate(moments, 1):
            if jpeg := read_thumb(moment):
                drawn[moment] = folder / f"{number:02}.jpg"
                drawn[moment].write_bytes(jpeg)
    except OSError as error:
        raise OutputError(
            f"{folder} can't be written: {error.strerror}", "Name another folder."
        ) from error
    return drawn


def read_thumb(moment: FoundMoment) -> bytes:
    """The picture in the middle of a moment as JPEG; nothing where the file is not here."""
    path = Path(moment.video.source)
    try:
        _, index = probe(path, moment.video.sha256)
        with open_frames(path, index) as reader:
            middle = (moment.span.start + moment.span.end) / 2
            pictures = reader.read(moment.span, [Slot((middle,))], SIDE)
    except LongtakeError as error:
        LOG.info("there is no picture of %s: %s", moment.video.name, error.message)
        return b""
    return pictures[0].as_frame().jpeg if pictures else b""
