"""A chunk to what is done in it: clips end to end, each named by the model, neighbours joined."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from longtake.actions.recogniser import ActionRecogniser, Sampling
from longtake.errors import SourceError
from longtake.records import Action, Chunk
from longtake.timecode import Span
from longtake.video.choose_frames import END_SECONDS, Slot
from longtake.video.frames import FrameReader

LEAST_SCORE = 0.3
"""A label that is held less likely is left out."""
NO_ACTIONS = {"nothing", "no action", "none", "background"}
"""Labels by which models say that nothing is done."""
SHORT_REST = 0.1
"""Of a clip, what may be left over without another clip that sees it."""


def plan_clips(span: Span, sampling: Sampling) -> list[Span]:
    """Consecutive clips that cover a chunk; where they don't fill it evenly, they overlap evenly.

    A rest of less than a tenth of a clip goes to the clips beside it. A chunk that is shorter than
    a clip is one clip, whose last picture is repeated: so the models' training filled up clips of
    short films, and spread over the clip's time what moves would be slower than it is.
    """
    count = max(1, ceil(span.seconds / sampling.seconds - SHORT_REST))
    if count == 1:
        return [span]
    step = (span.seconds - sampling.seconds) / (count - 1)
    starts = [span.start + step * number for number in range(count)]
    length = max(sampling.seconds, step)
    ends = [*(start + length for start in starts[:-1]), span.end]
    return [Span(round(a, 3), round(b, 3)) for a, b in zip(starts, ends, strict=True)]


def list_times(span: Span, sampling: Sampling) -> list[float]:
    """The times of a chunk at which pictures are wanted, for a reader to `expect`."""
    return [
        _time(span, sampling, place)
        for place in sorted({place for clip in _plan_places(span, sampling) for place in clip})
    ]


def recognise_chunk(
    recogniser: ActionRecogniser, reader: FrameReader, chunk: Chunk
) -> tuple[Action, ...]:
    """What is done in the chunk, in time order; SourceError where no picture can be read.

    Neighbouring clips with the same label are one action, with the higher score.
    """
    found: list[Action] = []
    waiting: list[tuple[Span, np.ndarray]] = []
    for clip in _read_clips(reader, chunk.span, recogniser.sampling):
        waiting.append(clip)
        if len(waiting) >= recogniser.batch:
            found += _name_actions(recogniser, waiting)
            waiting.clear()
    return _join([*found, *_name_actions(recogniser, waiting)])


def _name_actions(
    recogniser: ActionRecogniser, clips: Sequence[tuple[Span, np.ndarray]]
) -> Iterator[Action]:
    labels = recogniser.classify([clip for _, clip in clips]) if clips else []
    for (span, _), of_clip in zip(clips, labels, strict=True):
        for label, score in of_clip:
            if score >= LEAST_SCORE and label.lower() not in NO_ACTIONS:
                yield Action(label, round(score, 3), span)


def _join(actions: Iterable[Action]) -> tuple[Action, ...]:
    joined: list[Action] = []
    for action in actions:
        place = next((n for n, one in enumerate(joined) if _continues(one, action)), None)
        if place is None:
            joined.append(action)
        else:
            one = joined[place]
            span = Span(one.span.start, action.span.end)
            joined[place] = replace(one, score=max(one.score, action.score), span=span)
    return tuple(sorted(joined, key=lambda action: (action.span.start, -action.score)))


def _continues(one: Action, other: Action) -> bool:
    return one.label == other.label and one.span.end >= other.span.start


def _plan_places(span: Span, sampling: Sampling) -> list[list[int]]:
    """Of each clip the places of its pictures, on one grid of the chunk, so that clips share them.

    What would lie behind the chunk's end is its last picture.
    """
    last = max(0, ceil(span.seconds / sampling.interval - 0.5) - 1)
    firsts = [
        round((clip.start - span.start) / sampling.interval) for clip in plan_clips(span, sampling)
    ]
    return [[min(last, first + n) for n in range(sampling.frames)] for first in firsts]


def _time(span: Span, sampling: Sampling, place: int) -> float:
    end = max(span.start, span.end - END_SECONDS)
    return round(min(span.start + (place + 0.5) * sampling.interval, end), 3)


def _read_clips(
    reader: FrameReader, span: Span, sampling: Sampling
) -> Iterator[tuple[Span, np.ndarray]]:
    """Each clip with its pictures; holds those of one clip, and goes through the file once.

    For a picture that can't be read the one before it stands in, or the first of the clip that can.
    """
    held: dict[int, np.ndarray] = {}
    read, nothing = -1, True
    for clip, places in zip(plan_clips(span, sampling), _plan_places(span, sampling), strict=True):
        held = {place: pixels for place, pixels in held.items() if place >= places[0]}
        for place in range(max(read + 1, places[0]), places[-1] + 1):
            read = place
            slot = Slot((_time(span, sampling, place),))
            for picture in reader.read(span, [slot], sampling.side):
                held[place] = picture.pixels
        if held:
            nothing = False
            known = sorted(held)
            chosen = [max((k for k in known if k <= p), default=known[0]) for p in places]
            yield clip, _stack([held[place] for place in chosen])
    if nothing:
        raise SourceError(f"no picture can be decoded from {span}")


def _stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """As one array; where the video's size changes on the way, in that of the first."""
    import cv2

    height, width, _ = pictures[0].shape
    return np.stack(
        [p if p.shape == pictures[0].shape else cv2.resize(p, (width, height)) for p in pictures]
    )
