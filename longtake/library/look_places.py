"""Where a question is looked for again, and how much is shown there at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from longtake.describe.frame_limits import View, fit_view
from longtake.inference.engine import Capabilities
from longtake.inference.questions import CountTokens
from longtake.library.index import LibraryVideo
from longtake.library.look_replies import Box
from longtake.library.search import FoundMoment
from longtake.prompts import read_prompt
from longtake.records import Frame
from longtake.text.plurals import say_count
from longtake.timecode import Span, format_time
from longtake.video.choose_frames import spread_evenly, spread_places

REPLY_TOKENS, CHECK_TOKENS = 220, 24
SPARE_TOKENS = 128
"""Of the context, for a chat template and the times of frames."""
LEAST_SECONDS, MOST_SECONDS = 6.0, 24.0
"""A moment is looked at for so long; what is longer is looked at as a whole, more coarsely."""
SHARPER = 2
"""Twice as many frames as describing shows, of twice the side, as far as the context holds them."""
WORDS_SHARE = 5
"""Of the context, no more than this part is for words that are known."""


@dataclass(frozen=True)
class LookPlace:
    """Where to look: a stretch of a video."""

    video: LibraryVideo
    span: Span


@dataclass(frozen=True)
class Glance:
    """What one request shows: the pictures at these times, at most so large, or a part of one.

    Each stands for so many `seconds` of the video.
    """

    times: tuple[float, ...]
    side: int
    seconds: float
    box: Box | None = None

    def __str__(self) -> str:
        if self.box:
            return f"a part of the picture at {format_time(self.times[0])}"
        return f"{say_count(len(self.times), 'frame')} of {self.cover(range(len(self.times)))}"

    def cover(self, places: Sequence[int]) -> Span:
        """The stretch that these of its pictures stand for."""
        times = [self.times[place] for place in places]
        start, end = min(times) - self.seconds / 2, max(times) + self.seconds / 2
        return Span(round(max(0.0, start), 3), round(end, 3))


Show = Callable[[Glance, View], Mapping[int, Frame]]
"""The frames of a glance as far as a view holds them, by their numbers from 1; SourceError."""


@dataclass(frozen=True)
class Sight:
    """How much a model is shown at once, up to which second of the video, and who gives it."""

    view: View
    zoomed: View
    end: float
    show: Show
    able: Capabilities
    count_tokens: CountTokens

    def plan(self, span: Span) -> Glance:
        """The pictures of a stretch, evenly."""
        times = tuple(spread_evenly(span, self.view.frames))
        return Glance(times, self.view.side, round(span.seconds / len(times), 3))


def list_places(
    moments: Sequence[FoundMoment], videos: Sequence[LibraryVideo], most: int
) -> list[LookPlace]:
    """Where to look, the best first; what overlaps in one video is looked at once.

    Where nothing was found, the videos as a whole.
    """
    places: list[LookPlace] = []
    for moment in moments:
        place = LookPlace(moment.video, _choose_span(moment))
        for at, other in enumerate(places):
            if merged := _merge(place, other):
                places[at] = merged
                break
        else:
            places.append(place)
    whole = [LookPlace(video, Span(0.0, video.seconds)) for video in videos if video.seconds > 0]
    return (places or whole)[:most]


def _choose_span(moment: FoundMoment) -> Span:
    """Of its best passage that is no longer than what is looked at."""
    spans = [passage.span for passage in moment.passages]
    return next((span for span in spans if span.seconds <= MOST_SECONDS), moment.span)


def _merge(one: LookPlace, other: LookPlace) -> LookPlace | None:
    """Both in one, where they overlap and are no longer than what is looked at."""
    near = one.span.start < other.span.end and other.span.start < one.span.end
    if one.video != other.video or not (near or one.span == other.span):
        return None
    if one.span.start >= other.span.start and one.span.end <= other.span.end:
        return other
    span = Span(min(one.span.start, other.span.start), max(one.span.end, other.span.end))
    return LookPlace(one.video, span) if span.seconds <= MOST_SECONDS else None


def widen(span: Span, end: float) -> Span:
    """The stretch that is looked at: inside the video, and not too short."""
    start, last = min(span.start, end), min(span.end, end)
    missing = LEAST_SECONDS - (last - start)
    if missing > 0:
        start = max(0.0, min(start - missing / 2, end - LEAST_SECONDS))
        last = min(end, start + LEAST_SECONDS)
    return Span(round(start, 3), round(last, 3))


def plan_views(
    able: Capabilities,
    size: tuple[int, int],
    frame_tokens: Callable[[int], int],
    count_tokens: CountTokens,
) -> tuple[View, View] | None:
    """How much is shown at once, and of a part of one picture; None where no frame fits.

    `size` are the video's pixels, `frame_tokens` says what a frame of such a side takes.
    """
    prompt = read_prompt("look")
    words = count_tokens(prompt.system) + able.context_tokens // WORDS_SHARE
    room = able.context_tokens - words - REPLY_TOKENS - SPARE_TOKENS
    side = min(SHARPER * able.frame_side, max(*size, able.frame_side))
    most = max(1, min(SHARPER * able.frames_per_chunk, able.images or able.frames_per_chunk * 2))
    view = fit_view(View(most, side), room, frame_tokens)
    zoomed = fit_view(View(1, SHARPER * able.frame_side), room, frame_tokens)
    return (view, zoomed) if view and zoomed else None


def spread(glance: Glance, view: View) -> list[tuple[int, float]]:
    """The pictures of a glance that a view holds, evenly: each one's number and time."""
    places = spread_places(len(glance.times), view.frames)
    return [(place + 1, glance.times[place]) for place in places]
