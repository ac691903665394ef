"""What is written in the pictures of each chunk, read in the background."""

from collections.abc import Sequence
from functools import partial

from longtake.records import Chunk, Scan, ScreenText, Video
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.probe import Index
from longtake.words import screen
from longtake.words.background import BackgroundFinder, StoreNotes
from longtake.words.screen.reader import TextReader


def start_reading(
    settings: Settings,
    store: Store,
    video: Video,
    index: Index,
    scan: Scan,
    chunks: Sequence[Chunk],
) -> BackgroundFinder[ScreenText] | None:
    """Finds the lines of each chunk, with the time of its end; None where nobody is to read."""
    edges = [chunk.span.end for chunk in chunks if not chunk.missing]
    if settings.read_text == "off" or not edges:
        return None
    notes, reader = StoreNotes(store, video, "read"), TextReader()
    find = partial(screen.read_text, video.path, index, scan, reader, edges, notes.recall)
    facts = {"whole": dict(reader.facts), "version": screen.VERSION, "edges": edges}
    return BackgroundFinder(notes.find_once(facts, ScreenText, find), reader.name, notes)


def in_reading_order(lines: Sequence[ScreenText], span: Span) -> tuple[ScreenText, ...]:
    """What comes within a second is read from top to bottom, and so is what was there before."""
    return tuple(
        sorted(lines, key=lambda line: (max(0, int(line.span.start - span.start)), line.top))
    )
