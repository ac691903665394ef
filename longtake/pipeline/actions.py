"""What is done in each chunk, as a model of actions names it: an annotation, told to no model.

A chunk's actions are kept as they come: a run that goes on, or is made again, asks for the rest.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass, replace

from longtake.actions import ActionRecogniser
from longtake.actions.recognise import list_times, recognise_chunk
from longtake.closeable import Closeable
from longtake.errors import EngineError, SourceError
from longtake.inference.scheduler import Work
from longtake.records import Action, Chunk, Description, Overview, Progress, Steps
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.video.frames import FrameReader, open_frames
from longtake.video.probe import Index
from longtake.video.tone_map import VERSION as TONE_MAP
from longtake.words.background import StoreNotes

VERSION = 1
"""Part of each answer's key: raised whenever clips are chosen, or answers read, in another way."""
MOST_LETTERS = 100
"""Of a label: models have them from a file that anybody may have written."""

Row = tuple[str, float, float, float]
"""An action as the store keeps it: label, score, start, end."""


@dataclass(frozen=True)
class Recognised:
    """The actions of a chunk, or in `remark` why they are not known."""

    actions: tuple[Action, ...] = ()
    remark: str = ""


class Recognising(Closeable):
    """Recognises the actions of one video's chunks; opens its file when first needed."""

    def __init__(
        self, recogniser: ActionRecogniser, overview: Overview, index: Index, hwaccel: str
    ) -> None:
        self._recogniser = recogniser
        self._overview, self._index, self._hwaccel = overview, index, hwaccel
        self._opened = ExitStack()
        self._reader: FrameReader | None = None
        self.seconds = 0.0
        """What it took so far."""

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
        self._reader = None

    def make_facts(self, chunk: Chunk) -> Mapping[str, object]:
        """All that would change the answer, beside the video."""
        return {
            "version": VERSION,
            "span": [chunk.span.start, chunk.span.end],
            "cuts": list(chunk.cuts),
            "recogniser": self._recogniser.name,
            "options": dict(self._recogniser.options),
            "sampling": list(astuple(self._recogniser.sampling)),
            **({"tone map": TONE_MAP} if self._index.hdr else {}),
        }

    def recognise(self, chunk: Chunk) -> list[Row]:
        """What is done in a chunk; after an error the file is opened anew."""
        began = time.monotonic()
        try:
            if self._reader is None:
                self._reader = self._open()
            return _clean(recognise_chunk(self._recogniser, self._reader, chunk))
        except SourceError:
            self.close()
            raise
        finally:
            self.seconds += time.monotonic() - began

    def _open(self) -> FrameReader:
        opened = open_frames(self._overview.video.path, self._index, self._hwaccel)
        reader = self._opened.enter_context(opened)
        chunks = (chunk for chunk in self._overview.chunks if not chunk.missing)
        sampling = self._recogniser.sampling
        reader.expect(time for chunk in chunks for time in list_times(chunk.span, sampling))
        return reader


def recognise_actions(
    work: Work, recogniser: ActionRecogniser | None, overview: Overview, index: Index
) -> Steps[dict[int, Recognised]]:
    """The actions of each chunk that has pictures, by its number; none without a recogniser.

    Each chunk's are in the store as they come; what the store has needs neither file nor model.
    """
    if not recogniser:
        return {}
    notes = StoreNotes(work.store, overview.video, "actions")
    chunks = [chunk for chunk in overview.chunks if not chunk.missing]
    found: dict[int, Recognised] = {}
    note = f"naming what is done with {recogniser.name}"
    with Recognising(recogniser, overview, index, work.settings.hwaccel) as recognising:
        for done, chunk in enumerate(chunks):
            yield Progress("actions", done, len(chunks), note)
            found[chunk.number] = _recall(notes, recognising, chunk)
        work.usage.append(notes.as_usage(recogniser.name, round(recognising.seconds, 3)))
    yield Progress("actions", len(chunks), len(chunks))
    return found


def add_actions(description: Description, found: Mapping[int, Recognised]) -> Description:
    """The description with the actions of its chunk, or a remark why they are not known."""
    known = found.get(description.chunk.number, Recognised())
    remark = "; ".join(filter(None, (description.remark, known.remark)))
    return replace(description, actions=known.actions, remark=remark)


def _recall(notes: StoreNotes, recognising: Recognising, chunk: Chunk) -> Recognised:
    """A chunk's actions; one that can't be recognised now is tried again by the next run."""
    try:
        rows = notes.recall(recognising.make_facts(chunk), lambda: recognising.recognise(chunk))
    except (EngineError, SourceError) as error:
        return Recognised(remark=f"its actions are not known: {one_line(error.message)}")
    return Recognised(
        tuple(Action(label, score, Span(start, end)) for label, score, start, end in rows)
    )


def _clean(actions: Sequence[Action]) -> list[Row]:
    """The actions with labels that are safe to show."""
    rows = [
        (
            one_line(action.label)[:MOST_LETTERS].strip(),
            round(action.score, 3),
            round(action.span.start, 3),
            round(action.span.end, 3),
        )
        for action in actions
    ]
    return [row for row in rows if row[0]]
