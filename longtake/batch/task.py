"""One video of a batch: what is to be done, how it is done wherever that is, what came of it."""

import math
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from longtake.batch.remote import bring, is_remote
from longtake.errors import EngineError, LongtakeError, ModelError, OutputError
from longtake.pipeline.session import Session
from longtake.pipeline.sources import Source
from longtake.records import Cost, Result, SourceFile, Steps
from longtake.report.html import read_thumbs
from longtake.settings import Settings

REPORT = "report.html"
TELL_SECONDS = 0.5
"""Between two steps that are told."""


@dataclass(frozen=True)
class BatchTask:
    """A video to go through with settings, whose `out` is the folder of its result."""

    number: int
    source: str
    settings: Settings = field(repr=False)


@dataclass(frozen=True)
class BatchOutcome:
    """What came of a task, in plain values: they go from process to process, and into tables.

    `status` is done, gaps or failed. `of_all` tells of an error that may be no video's own: of an
    engine, a model, a process, a disk. `seconds` is the video's length, `thumb` a JPEG in base64.
    """

    number: int
    status: str
    out: str = ""
    sha256: str = ""
    seconds: float = 0.0
    headline: str = ""
    chunks: int = 0
    gaps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    took: float = 0.0
    error: str = ""
    hint: str = ""
    exit_status: int = 0
    of_all: bool = False
    thumb: str = field(default="", repr=False)


@dataclass(frozen=True)
class BatchStep:
    """How far a task is: a stage, and how much of it is done; or a note on it."""

    number: int
    stage: str = ""
    done: int = 0
    total: int = 0
    note: str = ""


Told = BatchStep | BatchOutcome


def tell(session: Session, task: BatchTask) -> Iterator[Told]:
    """Go through the video: how far it is, now and then, and at last what came of it."""
    told = -math.inf
    steps = go_through(session, task)
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                yield stop.value
                return
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                yield BatchStep(task.number, step.stage, step.done, step.total)


def go_through(session: Session, task: BatchTask) -> Steps[BatchOutcome]:
    """The video described and summarised; an error is an outcome, but for a bug."""
    began = time.monotonic()
    try:
        with _brought(task.source) as source:
            result = yield from session.summarize(source, task.settings)
    except LongtakeError as error:
        return fail(task.number, error, time.monotonic() - began)
    return _tell(task.number, result, time.monotonic() - began)


def fail(number: int, error: LongtakeError, took: float = 0.0) -> BatchOutcome:
    """The outcome of a task that ended with an error."""
    return BatchOutcome(
        number,
        "failed",
        took=round(took, 2),
        error=error.message,
        hint=error.hint,
        exit_status=error.exit_status,
        of_all=isinstance(error, EngineError | ModelError | OutputError),
    )


@contextmanager
def _brought(source: str) -> Iterator[Source]:
    """The source as a session takes it; what lies at an address is here as long as this lasts."""
    if not is_remote(source):
        yield source
        return
    name = PurePosixPath(urlsplit(source).path).name or "video"
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        file = Path(folder) / "video"
        bring(source, file)
        yield SourceFile(file, title=name, link=source)


def _tell(number: int, result: Result, took: float) -> BatchOutcome:
    cost = sum((use.cost for use in result.usage), Cost())
    gaps = len(result.ledger.gaps)
    return BatchOutcome(
        number,
        "gaps" if gaps else "done",
        str(result.out),
        result.video.sha256,
        round(result.video.duration, 3),
        result.summary.headline if result.summary else "",
        result.ledger.planned,
        gaps,
        cost.input_tokens,
        cost.output_tokens,
        round(took, 2),
        thumb=_choose_thumb(result),
    )


def _choose_thumb(result: Result) -> str:
    """The picture of the chunk that most sentences rest on, of those in the report."""
    pictures = read_thumbs(result.out / REPORT)
    cited = [n for s in (result.summary.sentences if result.summary else ()) for n in s.evidence]
    chosen = max(pictures, key=lambda number: (cited.count(number), -number), default=0)
    return b64encode(pictures[chosen].jpeg).decode() if chosen else ""
