"""The actions of one chunk, from a clip of it."""

import numpy as np

from longtake.actions.recogniser import ActionRecogniser, Sampling
from longtake.errors import SourceError
from longtake.records import Action, Chunk
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import FrameReader


def list_times(span: Span, sampling: Sampling) -> list[float]:
    """The times of a chunk at which pictures are wanted, for a reader to `expect`."""
    step = span.seconds / sampling.frames
    return [span.start + (place + 0.5) * step for place in range(sampling.frames)]


def recognise_chunk(
    recogniser: ActionRecogniser, reader: FrameReader, chunk: Chunk
) -> tuple[Action, ...]:
    """What the recogniser says of one clip over the whole chunk; SourceError without pictures."""
    span, sampling = chunk.span, recogniser.sampling
    slots = [Slot((time,)) for time in list_times(span, sampling)]
    pictures = reader.read(span, slots, sampling.side)
    if not pictures:
        raise SourceError("no picture can be decoded here")
    clip = np.stack([picture.pixels for picture in pictures])
    (found,) = recogniser.classify([clip])
    return tuple(Action(label, score, span) for label, score in found)
