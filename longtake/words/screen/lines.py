"""What is written in the pictures of each chunk, read in the background."""

from collections.abc import Sequence
from functools import partial

from longtake.records import Chunk, Scan, ScreenText, Video
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.probe import Index
from longtake.words import screen
from longtake.words.background import END, BackgroundFinder, StoreNotes
from longtake.words.screen.reader import TextReader


class Writing:
    """What is written in the pictures, chunk by chunk."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        video: Video,
        index: Index,
        scan: Scan,
        chunks: Sequence[Chunk],
    ) -> None:
        self.finder: BackgroundFinder[ScreenText] | None = None
        self._lines: dict[float, Sequence[ScreenText]] = {}
        edges = [chunk.span.end for chunk in chunks if not chunk.missing]
        if settings.read_text == "off" or not edges:
            return
        notes, reader = StoreNotes(store, video, "read"), TextReader()
        find = partial(screen.read_text, video.path, index, scan, reader, edges, notes.recall)
        facts = {"whole": dict(reader.facts), "version": screen.VERSION, "edges": edges}
        finding = notes.find_once(facts, ScreenText, find)
        self.finder = BackgroundFinder(finding, reader.name, notes)

    @property
    def may_come(self) -> bool:
        """Whether there may be any."""
        return self.finder is not None

    @property
    def until(self) -> float:
        """The time up to which it is known."""
        return self.finder.until if self.finder else END

    def wait(self, until: float) -> None:
        """Until all that is written before that time is known."""
        self._lines.update(self.finder.take(until) if self.finder else ())

    def of(self, chunk: Chunk) -> tuple[ScreenText, ...]:
        """What is written in that chunk, once it is known."""
        if not chunk.missing:
            self.wait(chunk.span.end)
        lines = self._lines.get(chunk.span.end, ())
        return tuple(sorted(lines, key=partial(_reading_order, chunk.span)))


def _reading_order(span: Span, line: ScreenText) -> tuple[int, float]:
    """What comes within a second is read from top to bottom, and so is what was there before."""
    return max(0, int(line.span.start - span.start)), line.top
