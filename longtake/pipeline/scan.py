"""What a video looks like, without a model: its shots, chunks and motion, and pictures of them."""

import logging
from dataclasses import replace

from longtake import report
from longtake.errors import SourceError
from longtake.links.cache import hold
from longtake.links.plan import MediaNeeds
from longtake.pipeline.sources import Source, bring, look_at, open_folder
from longtake.records import Chunk, Frame, Overview, Progress, Scan, Steps
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.choose_frames import Slot, plan_slots, spread_places
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.probe import Index

LOG = logging.getLogger("longtake")

SHEET_SIDE = 240
MOST_THUMBS = 100


def scan_video(source: Source, settings: Settings, store: Store, draw: bool) -> Steps[Overview]:
    """What a video looks like, and with `draw` pictures of it in its folder."""
    needs = MediaNeeds(SHEET_SIDE, sound=False, captions=False)
    file = yield from bring(source, settings, needs)
    with hold(file.path):
        video, index, scan = yield from look_at(file, store)
        chunks = plan_chunks(video, scan, settings.chunk_seconds, settings.chunking)
        overview = Overview(video, scan, tuple(chunks))
        if not draw:
            return overview
        out = open_folder(video, settings, report.OF_OVERVIEW)
        yield from draw_overview(overview, index, out)
        return replace(overview, files=out.files)


def draw_overview(overview: Overview, index: Index, out: report.ResultFolder) -> Steps[None]:
    """The contact sheet and the strip in this folder."""
    frames: list[Frame | None] = []
    planned = [
        (chunk, plan_slots(chunk, overview.scan, 1, chunk.span.seconds))
        for chunk in overview.chunks
    ]
    with open_frames(overview.video.path, index) as reader:
        reader.expect(
            time for chunk, slots in planned if not chunk.missing for time in slots[0].times
        )
        for chunk, slots in planned:
            pictures = [] if chunk.missing else reader.read(chunk.span, slots, SHEET_SIDE)
            frames.append(pictures[0].as_frame() if pictures else None)
            note = "drawing the contact sheet"
            yield Progress("draw", len(frames), len(overview.chunks), note)
    report.write_pictures(out, overview, frames)


def read_thumbs(overview: Overview, index: Index) -> Steps[dict[int, Frame]]:
    """A small picture of each chunk by its number, or of some that lie evenly among them."""
    chunks = [chunk for chunk in overview.chunks if not chunk.missing]
    chosen = [chunks[place] for place in spread_places(len(chunks), MOST_THUMBS)]
    thumbs: dict[int, Frame] = {}
    try:
        slots = [_plan_thumb(chunk, overview.scan, index) for chunk in chosen]
        with open_frames(overview.video.path, index) as reader:
            reader.expect(time for slot in slots for time in slot.times)
            for done, (chunk, slot) in enumerate(zip(chosen, slots, strict=True), 1):
                for picture in reader.read(chunk.span, [slot], SHEET_SIDE):
                    thumbs[chunk.number] = picture.as_frame()
                yield Progress("draw", done, len(chosen), "choosing pictures for the report")
    except SourceError as error:
        LOG.info("the report has no pictures: %s", error.message)
    return thumbs


def _plan_thumb(chunk: Chunk, scan: Scan, index: Index) -> Slot:
    """The first key frame of the chunk that shows something: to be had without decoding others."""
    plain = [*scan.black, *scan.blank]
    keys = index.keys[(index.keys >= chunk.span.start) & (index.keys < chunk.span.end)].tolist()
    shown = [key for key in keys if not any(s.start <= key < s.end for s in plain)]
    if found := [*shown, *keys][:1]:
        return Slot(tuple(found))
    return plan_slots(chunk, scan, 1, chunk.span.seconds)[0]
