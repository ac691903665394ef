"""A stretch of a video looked at now: its frames, and what a model that sees tells of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from longtake.describe.frame_limits import View
from longtake.errors import LongtakeError, UsageError
from longtake.inference.scheduler import Work
from longtake.library.answer import AnswerSentence
from longtake.library.index import KnownPassage, LibraryVideo, list_passages_of, list_videos
from longtake.library.look import LookBudget, Looked
from longtake.library.look_places import Glance, LookPlace
from longtake.library.passages import TOLD_TO_MODELS
from longtake.library.say import sentence_values
from longtake.links.cache import hold
from longtake.pipeline.ask import NO_EYES, OpenLooker
from longtake.pipeline.look import look_again, read_frames
from longtake.pipeline.sources import Source, bring, choose_needs, open_video
from longtake.records import Frame, Steps
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.video.choose_frames import spread_evenly

MOST_FRAMES, FRAME_SECONDS = 8, 3.0
FRAME_SIDE = 512
"""The longest side of a frame in pixels: what most models look at."""
USUAL_QUESTION = "What is to be seen here, and what happens?"


@dataclass(frozen=True)
class MomentSeen:
    """Frames of a stretch of a video, and what was seen there in answer to a question.

    Without a sentence, the remarks say why.
    """

    video: LibraryVideo
    span: Span
    question: str
    frames: Mapping[int, Frame]
    sentence: AnswerSentence | None = None
    looks: tuple[Looked, ...] = ()
    remarks: tuple[str, ...] = ()
    by: str = ""


def seen_values(seen: MomentSeen) -> dict[str, object]:
    """What was seen as JSON has it; times in seconds."""
    return {
        "video": {"sha256": seen.video.sha256, "name": seen.video.name},
        "start": seen.span.start,
        "end": seen.span.end,
        "question": seen.question,
        "frames": [{"number": n, "time": frame.time} for n, frame in seen.frames.items()],
        "sentences": [sentence_values(seen.sentence)] if seen.sentence else [],
        "remarks": list(seen.remarks),
        "answered_by": seen.by,
    }


def look_at_moment(
    work: Work, source: Source, span: Span, question: str, open_looker: OpenLooker
) -> Steps[MomentSeen]:
    """The frames of a stretch, and the answer of who sees, if anybody here does.

    UsageError where the video ends before it.
    """
    file = yield from bring(source, work.settings, choose_needs(work.settings, FRAME_SIDE))
    with hold(file.path):
        video, index = yield from open_video(file)
        if span.start >= video.readable:
            raise UsageError(
                f"the video ends at {video.readable:.1f} seconds, before {span.start:.1f}",
                "Ask for a stretch inside of it.",
            )
        span = Span(span.start, min(span.end, video.readable))
        known = _find_known(work, video.sha256) or LibraryVideo(
            0, video.sha256, video.name, str(video.path), video.duration, "", "", ""
        )
        count = min(MOST_FRAMES, max(2, round(span.seconds / FRAME_SECONDS) + 1))
        times = tuple(spread_evenly(span, count))
        glance = Glance(times, FRAME_SIDE, round(span.seconds / count, 3))
        view = View(count, FRAME_SIDE)
        frames = read_frames(video, index, glance, view, work.settings.hwaccel)
        seen = MomentSeen(known, span, question, frames)
        return (yield from _ask(work, seen, str(video.path.absolute()), open_looker))


def _find_known(work: Work, sha256: str) -> LibraryVideo | None:
    return next((v for v in list_videos(work.store) if v.sha256 == sha256), None)


def _ask(work: Work, seen: MomentSeen, path: str, open_looker: OpenLooker) -> Steps[MomentSeen]:
    """What who sees tells of the frames, with what is known around them."""
    try:
        looker = open_looker()
    except LongtakeError as error:
        return replace(seen, remarks=(f"nobody could look: {one_line(error.message)}",))
    if not looker:
        return replace(seen, remarks=(NO_EYES,))

    def list_around(number: int) -> list[KnownPassage]:
        passages = list_passages_of(work.store, number) if number else []
        return [p for p in passages if p.kind in TOLD_TO_MODELS]

    place = LookPlace(replace(seen.video, source=path), seen.span)
    budget = LookBudget(work.settings.looks)
    asked = look_again(work, seen.question, [place], list_around, looker, budget)
    second = yield from asked
    best = second.best
    return replace(
        seen,
        sentence=best.sentence if best else None,
        looks=second.looks,
        remarks=second.remarks,
        by=looker.name,
    )
