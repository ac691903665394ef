"""What a video looks like, without a model: its shots, chunks and motion, and pictures of them."""

from dataclasses import replace
from pathlib import Path

from longtake import report
from longtake.links.cache import hold
from longtake.links.plan import MediaNeeds
from longtake.pipeline.sources import Source, bring, look_at, open_folder
from longtake.records import Frame, Overview, Progress, Steps
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.choose_frames import plan_slots
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.probe import Index

SHEET_SIDE = 240
SHEET_FRAMES, SHEET_SECONDS = 6, 2.0
"""As for an engine whose own numbers are not known."""


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
        files = yield from draw_overview(overview, index, out)
        return replace(overview, files=files)


def draw_overview(
    overview: Overview, index: Index, out: report.ResultFolder
) -> Steps[tuple[Path, ...]]:
    """The contact sheet and the strip in this folder."""
    frames: list[Frame | None] = []
    with open_frames(overview.video.path, index) as reader:
        for chunk in overview.chunks:
            slots = plan_slots(chunk, overview.scan, SHEET_FRAMES, SHEET_SECONDS)
            pictures = [] if chunk.missing else reader.read(chunk.span, slots[:1], SHEET_SIDE)
            frames.append(pictures[0].as_frame() if pictures else None)
            note = "drawing the contact sheet"
            yield Progress("draw", len(frames), len(overview.chunks), note)
    return report.write_pictures(out, overview, frames)
