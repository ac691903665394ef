"""Moments looked at again: their videos are opened, and a model is asked about frames of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from longtake.describe.frame_limits import SMALLEST_SIDE, View
from longtake.errors import EngineError, FileChanged, SourceError, UsageError
from longtake.inference.engine import Engine
from longtake.inference.questions import hold_talk
from longtake.inference.scheduler import Work
from longtake.library.index import KnownPassage, LibraryVideo
from longtake.library.look import VERSION, LookBudget, Looked, look
from longtake.library.look_places import Glance, LookPlace, Sight, plan_views, spread
from longtake.library.look_replies import WHOLE, Box
from longtake.pipeline.sources import find_file, open_video
from longtake.records import Frame, SourceFile, Steps, Video
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import Picture, open_frames, scale
from longtake.video.probe import Index

Around = Callable[[int], Sequence[KnownPassage]]
"""All passages of a video, in time order."""


@dataclass(frozen=True)
class SecondLook:
    """The moments that were looked at again, in their order, and what to know of it."""

    looks: tuple[Looked, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def best(self) -> Looked | None:
        """The first that answers, else the first that perhaps does."""
        told = sorted(self.looks, key=lambda looked: looked.came != "answered")
        return next((looked for looked in told if looked.sentence), None)


def look_again(
    work: Work,
    question: str,
    places: Sequence[LookPlace],
    around: Around,
    engine: Engine,
    budget: LookBudget,
) -> Steps[SecondLook]:
    """Go from place to place until one answers the question, or the budget is spent.

    A place whose video is not here is passed over; where the engine is gone, it ends.
    """
    looks: list[Looked] = []
    remarks: list[str] = []
    opened: dict[int, tuple[Video, Index] | SourceError] = {}
    check_sight = cache(engine.check_sight)
    for place in places:
        if not budget.open:
            break
        known = around(place.video.id)
        try:
            if place.video.id not in opened:
                opened[place.video.id] = yield from _open(place.video)
            sight = _plan(work, engine, check_sight, _raise_if_lost(opened[place.video.id]))
            note = f"looking again at {one_line(place.video.name)} {place.span}"
            talk = look(place, question, known, sight, budget)
            found = yield from hold_talk(work, "look", VERSION, engine, talk, note)
        except (SourceError, FileChanged) as error:
            opened[place.video.id] = SourceError(error.message, error.hint)
            remarks.append(f"not looked at again: {one_line(place.video.name)}: {error.message}")
            continue
        except (EngineError, UsageError) as error:
            remarks.append(f"looking again with {engine.name} failed: {one_line(error.message)}")
            break
        looks.append(found)
        if found.came == "answered":
            break
    second = SecondLook(tuple(looks), tuple(dict.fromkeys(remarks)))
    if second.best or not looks:
        return second
    moments, asked = say_count(len(looks), "moment"), say_count(budget.asked, "request")
    said = f"looked again at {moments} ({asked}) with {engine.name}: not settled"
    return SecondLook(second.looks, (said, *second.remarks))


def _open(video: LibraryVideo) -> Steps[tuple[Video, Index]]:
    """The file that was gone through, where it is still here; SourceError."""
    path = find_file(video.source)
    opened = yield from open_video(SourceFile(path))
    if opened[0].sha256 != video.sha256:
        raise SourceError(
            f"{path.name} is another file now", "Go through it again, to ask about what it is now."
        )
    return opened


def _raise_if_lost(opened: tuple[Video, Index] | SourceError) -> tuple[Video, Index]:
    if isinstance(opened, SourceError):
        raise opened
    return opened


def _plan(
    work: Work, engine: Engine, check_sight: Callable[[], None], opened: tuple[Video, Index]
) -> Sight:
    """How much of that video the engine is shown at once; EngineError where no frame fits.

    Whether it sees at all is only asked once frames are to be sent.
    """
    video, index = opened

    def show(glance: Glance, view: View) -> Mapping[int, Frame]:
        check_sight()
        return read_frames(video, index, glance, view, work.settings.hwaccel)

    able = engine.capabilities
    views = _recall_views(work, engine, index.size)
    return Sight(*views, video.readable, show, able, engine.count_tokens)


def _recall_views(work: Work, engine: Engine, size: tuple[int, int]) -> tuple[View, View]:
    """The views as they were planned once: an engine is not asked again what a frame costs it."""
    able = engine.capabilities
    facts = {
        "stage": "look view",
        "size": list(size),
        "able": [able.context_tokens, able.images, able.frames_per_chunk, able.frame_side],
        "engine": engine.name,
        "options": dict(engine.options),
        "version": VERSION,
    }

    def cost(side: int) -> int:
        return engine.frame_tokens(*scale(*size, side))

    def find() -> list[int]:
        views = plan_views(able, size, cost, engine.count_tokens)
        if not views:
            raise EngineError(f"its context of {able.context_tokens} tokens holds no frame")
        return [number for view in views for number in (view.frames, view.side)]

    def read(kept: list[int]) -> tuple[View, View]:
        frames, side, one, zoomed = map(int, kept)
        return View(frames, side), View(one, zoomed)

    found: tuple[View, View] = work.store.recall(facts, engine.name, find, read)
    return found


def read_frames(
    video: Video, index: Index, glance: Glance, view: View, hwaccel: str = "off"
) -> dict[int, Frame]:
    """The frames of a glance as far as a view holds them; what is on display twice comes once.

    A part of a picture is cut out of it in full size. SourceError where none can be decoded.
    """
    side = min(glance.side, view.side)
    found: dict[int, Frame] = {}
    last = None
    with open_frames(video.path, index, hwaccel) as reader:
        for number, time in spread(glance, view):
            since = Span(max(0.0, time - glance.seconds / 2), time)
            wanted = max(index.size) if glance.box else side
            for picture in reader.read(since, [Slot((time,))], wanted):
                if picture.shown != last:
                    shown = _cut_out(picture, glance.box, side) if glance.box else picture
                    found[number] = shown.as_frame()
                last = picture.shown
    if not found:
        raise SourceError(f"no picture of {glance.cover([0])} can be decoded")
    return found


def _cut_out(picture: Picture, box: Box, side: int) -> Picture:
    """The part of a picture, no longer than `side`; a tiny one is enlarged."""
    from PIL import Image

    height, width = picture.pixels.shape[:2]
    left, right = (round(edge * width / WHOLE) for edge in (box[0], box[2]))
    top, bottom = (round(edge * height / WHOLE) for edge in (box[1], box[3]))
    part = picture.pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    longest = max(part.shape[:2])
    share = min(side, max(longest, SMALLEST_SIDE)) / longest
    size = max(1, round(part.shape[1] * share)), max(1, round(part.shape[0] * share))
    image = Image.fromarray(np.ascontiguousarray(part))
    return replace(picture, pixels=np.asarray(image.resize(size, Image.Resampling.LANCZOS)))
