"""The one place where the stages meet: a video, two engines and the store in; progress out.

Requests run side by side in threads here, around `Engine.answer`. Front ends iterate `run`; they
hold no logic of their own.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from longtake import describe, reconcile, report
from longtake.engines import open_engine
from longtake.engines.base import Engine, Reply, Request
from longtake.engines.retry import ask
from longtake.errors import (
    BadReply,
    EngineError,
    LongtakeError,
    RequestTooLarge,
    SourceError,
    UsageError,
)
from longtake.records import (
    Chunk,
    Cost,
    Description,
    Frame,
    Overview,
    Progress,
    Result,
    Scan,
    StageUsage,
    Summary,
    Video,
    keep_ledger,
)
from longtake.settings import Settings, load_settings
from longtake.store import Answer, Store, make_key, store_path
from longtake.video.chunks import plan_chunks
from longtake.video.frames import FrameReader, Picture, open_frames
from longtake.video.picks import (
    Slot,
    drop_repeats,
    is_still,
    most_motion,
    plan_slots,
    spread_evenly,
)
from longtake.video.probe import Index, probe
from longtake.video.repeats import ChunkLook, Repeats, make_coarse
from longtake.video.scan import scan, scan_as_json, scan_from_json, scan_key
from longtake.video.source import check_file, hash_file

GIVE_UP_AFTER = 8
"""Questions in a row that the engine gave no reply to at all: the rest is not asked."""

SHEET_SIDE = 240
SHEET_FRAMES, SHEET_SECONDS = 6, 2.0
"""As for an engine whose own numbers are not known."""

MOST_NAME = 60
"""Characters of a file's name that its folder takes over."""

GAVE_REPLY = (BadReply, RequestTooLarge)

Sleep = Callable[[float], None]


def run(
    source: str | Path,
    settings: Settings,
    store: Store,
    describer: Engine,
    reconciler: Engine | None,
    sleep: Sleep = time.sleep,
) -> Iterator[Progress]:
    """Describe and (with a reconciler) summarise one video; the last Progress holds the result.

    Each answer is in the store as soon as it is known: a run that is killed goes on where it was.
    `sleep` waits between two tries. Raises LongtakeError where nothing can be said of the video.
    """
    if describer.capabilities.images == 0:
        raise UsageError(
            f"the engine {describer.name!r} takes no images, so it can't describe a video",
            "Name one that does with --engine; see `longtake engines`.",
        )
    if reconciler and not reconciler.capabilities.text:
        raise UsageError(
            f"the engine {reconciler.name!r} only looks at frames, so it can't summarise",
            "Name one that reads text with --reconciler; see `longtake engines`.",
        )
    video, index, seen = yield from look_at(source, store)
    out = Path(settings.out) if settings.out else default_folder(video)
    report.prepare_folder(out)
    usage: list[StageUsage] = []
    work = _Work(settings, store, sleep, usage)
    chunks = plan_chunks(video, seen, settings.chunk_seconds, settings.chunking)
    descriptions = yield from _describe(work, describer, video, index, seen, chunks)
    files = [report.write_descriptions(out, descriptions)]
    if not any(d.text for d in descriptions):
        _raise_if_nothing_came(d.cause for d in descriptions)
    summary = None
    if reconciler:
        summary = yield from _reconcile(work, reconciler, descriptions)
    result = Result(
        video=video,
        descriptions=tuple(descriptions),
        summary=summary,
        ledger=keep_ledger(descriptions, summary),
        usage=_merge(usage),
        out=out,
    )
    if reconciler:
        files += report.write_summary(out, result)
    yield Progress("done", 1, 1, result=replace(result, files=tuple(files)))


def scan_video(
    source: str | Path, settings: Settings, store: Store, draw: bool
) -> Iterator[Progress]:
    """What a video looks like, and with `draw` pictures of it; the last Progress holds it."""
    video, index, seen = yield from look_at(source, store)
    chunks = plan_chunks(video, seen, settings.chunk_seconds, settings.chunking)
    overview = Overview(video, seen, tuple(chunks))
    if draw:
        out = Path(settings.out) if settings.out else default_folder(video)
        report.prepare_folder(out)
        frames: list[Frame | None] = []
        with open_frames(video.path, index) as reader:
            for chunk in chunks:
                slots = plan_slots(chunk, seen, SHEET_FRAMES, SHEET_SECONDS)
                pictures = [] if chunk.missing else reader.read(chunk.span, slots[:1], SHEET_SIDE)
                frames.append(pictures[0].as_frame() if pictures else None)
                yield Progress("draw", len(frames), len(chunks), "drawing the contact sheet")
        overview = replace(overview, files=report.write_pictures(out, overview, frames))
    yield Progress("done", 1, 1, overview=overview)


def _merge(usage: Sequence[StageUsage]) -> tuple[StageUsage, ...]:
    """One line for each stage and engine."""
    merged: dict[tuple[str, str], StageUsage] = {}
    for part in usage:
        known = merged.get((part.stage, part.engine), StageUsage(part.stage, part.engine))
        merged[part.stage, part.engine] = replace(
            known,
            cost=known.cost + part.cost,
            from_store=known.from_store + part.from_store,
            failed=known.failed + part.failed,
            reason=known.reason or part.reason,
        )
    return tuple(merged.values())


def default_folder(video: Video) -> Path:
    """Told apart by name and content: two files of one name don't share a folder."""
    name = re.sub(r"[^\w.\- ]", "_", video.path.name)[:MOST_NAME]
    return Path("longtake-out") / f"{name}-{video.sha256[:8]}"


def _raise_if_nothing_came(outcomes: Iterable[Exception | None]) -> None:
    """Where no reply came to any question, what most often stood in the way is the run's error.

    A reply that was no use is a reply: it leaves a gap with its reason.
    """
    causes = [cause for cause in outcomes if cause]
    if causes and not any(isinstance(cause, BadReply) for cause in causes):
        commonest, _ = Counter(map(type, causes)).most_common(1)[0]
        raise next(cause for cause in causes if type(cause) is commonest)


@dataclass(frozen=True)
class _Work:
    """What every stage of a run needs."""

    settings: Settings
    store: Store
    sleep: Sleep
    usage: list[StageUsage]


@dataclass(frozen=True)
class _Job:
    """One thing to ask; `prepare` makes the request when its turn has come."""

    key: str
    prepare: Callable[[], "_Prepared"]
    accept: Callable[[Reply], None]
    clean: Callable[[Reply], str]
    recall: Callable[[Answer], None] = lambda answer: None
    """Called where the store knows the answer."""
    alone: bool = False
    """Whether an answer that another stands for is none."""
    keep_bad: bool = False
    """Whether to remember that no usable reply came: the same question would fail again."""


@dataclass(frozen=True)
class _Prepared:
    """What to ask, or the number of the chunk whose answer will do.

    `look` is what the chunk looks like.
    """

    request: Request | None
    same_as: int = 0
    look: bytes = b""


_Outcome = Answer | LongtakeError | _Prepared


def look_at(
    source: str | Path, store: Store
) -> Generator[Progress, None, tuple[Video, Index, Scan]]:
    """What a file is and what it looks like; what the store knows of it is not done again."""
    path = check_file(source)
    sha256 = yield from hash_file(path)
    video, index = probe(path, sha256)
    if kept := store.get_scan(scan_key(video)):
        return video, index, scan_from_json(kept)
    seen = yield from scan(video, index)
    store.put_scan(scan_key(video), scan_as_json(seen))
    return video, index, seen


def _describe(
    work: _Work,
    engine: Engine,
    video: Video,
    index: Index,
    seen: Scan,
    chunks: Sequence[Chunk],
) -> Generator[Progress, None, list[Description]]:
    """A description, or the reason why there is none, for every chunk."""
    done = {
        c.number: Description(c, "failed", engine.name, error=c.missing)
        for c in chunks
        if c.missing
    }
    yield Progress("describe", len(done), len(chunks), f"describing with {engine.name}")
    with open_frames(video.path, index) as reader:
        asking = _Asking(work, engine, video, seen, reader, chunks)
        readable = [chunk for chunk in chunks if not chunk.missing]
        for description in asking.describe(readable):
            done[description.chunk.number] = description
            yield Progress("describe", len(done), len(chunks), description=description)
    return [done[number] for number in sorted(done)]


class _Asking:
    """Describes the chunks of one video; those that look the same are asked about once."""

    def __init__(
        self,
        work: _Work,
        engine: Engine,
        video: Video,
        seen: Scan,
        reader: FrameReader,
        chunks: Sequence[Chunk],
    ) -> None:
        settings, capabilities = work.settings, engine.capabilities
        self._work, self._engine, self._scan, self._reader = work, engine, seen, reader
        self._side = settings.frame_side or capabilities.frame_side
        self._chunks = {chunk.number: chunk for chunk in chunks}
        self._slots = {
            number: plan_frames(settings, engine, chunk, seen)
            for number, chunk in self._chunks.items()
        }
        self._keys = {
            number: make_key(
                describe.key_facts(video, chunk, engine, self._slots[number], self._side)
            )
            for number, chunk in self._chunks.items()
        }
        self._numbers = {key: number for number, key in self._keys.items()}
        self._repeats = Repeats(lambda number: [p.look for p in self._read(self._chunks[number])])

    def describe(self, chunks: Sequence[Chunk]) -> Iterator[Description]:
        """Each chunk's description as it becomes known; a twin's after its original's."""
        done: dict[int, Description] = {}
        waiting: list[tuple[Chunk, int, bool]] = []
        jobs = (self._job(chunk, alone=False) for chunk in chunks)
        for place, outcome, stored in _answer_all(self._work, "describe", self._engine, jobs):
            chunk = chunks[place]
            if isinstance(outcome, _Prepared):
                waiting.append((chunk, outcome.same_as, stored))
            elif isinstance(outcome, Answer) and outcome.same_as:
                waiting.append((chunk, self._numbers.get(outcome.same_as, 0), True))
            else:
                done[chunk.number] = _as_description(chunk, self._engine, outcome, stored)
                yield done[chunk.number]
            for twin in [twin for twin in waiting if twin[1] in done and done[twin[1]].text]:
                waiting.remove(twin)
                yield self._reuse(twin[0], done[twin[1]], twin[2])
        # Those whose original got no description are asked about themselves.
        left = [chunk for chunk, _, _ in waiting]
        jobs = (self._job(chunk, alone=True) for chunk in left)
        for place, outcome, stored in _answer_all(self._work, "describe", self._engine, jobs):
            yield _as_description(left[place], self._engine, outcome, stored)

    def _reuse(self, chunk: Chunk, original: Description, stored: bool) -> Description:
        if not stored:
            same_as = self._keys[original.chunk.number]
            answer = Answer(self._engine.name, requests=0, same_as=same_as)
            self._work.store.put(self._keys[chunk.number], "describe", answer)
        return Description(
            chunk,
            "reused",
            self._engine.name,
            text=original.text,
            same_as=original.chunk.number,
            stored=stored,
        )

    def _job(self, chunk: Chunk, *, alone: bool) -> _Job:
        def prepare() -> _Prepared:
            pictures = self._read(chunk)
            if not pictures:
                raise SourceError(
                    f"no picture can be decoded from {chunk.span}",
                    "Check that it plays in a video player; convert it to H.264 if it does.",
                )
            look = self._look(chunk, make_coarse([p.look for p in pictures]))
            twin = None if alone else self._repeats.find(look, [p.look for p in pictures])
            if twin:
                return _Prepared(None, same_as=twin)
            self._repeats.add(look)
            frames = [picture.as_frame() for picture in pictures]
            return _Prepared(describe.make_request(chunk, frames), look=look.coarse)

        def recall(answer: Answer) -> None:
            if answer.look:
                self._repeats.add(self._look(chunk, answer.look))

        key = self._keys[chunk.number]
        return _Job(key, prepare, describe.accept, describe.clean, recall=recall, alone=alone)

    def _look(self, chunk: Chunk, coarse: bytes) -> ChunkLook:
        return ChunkLook(
            chunk.number,
            chunk.span.seconds,
            is_still(chunk, self._scan),
            most_motion(chunk, self._scan),
            coarse,
        )

    def _read(self, chunk: Chunk) -> list[Picture]:
        """The pictures of a chunk that are sent."""
        pictures = self._reader.read(chunk.span, self._slots[chunk.number], self._side)
        if self._engine.capabilities.repeats:
            return pictures
        return [pictures[place] for place in drop_repeats([p.look for p in pictures])]


def plan_frames(settings: Settings, engine: Engine, chunk: Chunk, seen: Scan) -> tuple[Slot, ...]:
    """Where in a chunk to look for frames, within the budgets of the user and the engine."""
    able = engine.capabilities
    most = settings.frames or able.frames_per_chunk
    side = settings.frame_side or able.frame_side
    cost = engine.frame_tokens(side, side)
    if settings.visual_tokens and cost:
        most = min(most, settings.visual_tokens // cost)
    most = max(1, min(most, able.images or most))
    if able.repeats:
        share = min(1.0, chunk.span.seconds / settings.chunk_seconds)
        times = spread_evenly(chunk.span, max(1, round(most * share)))
        return tuple(Slot((time,)) for time in times)
    spacing = able.frame_seconds
    if settings.frames:
        spacing = min(spacing, settings.chunk_seconds / settings.frames)
    return plan_slots(chunk, seen, most, spacing)


def _as_description(chunk: Chunk, engine: Engine, outcome: _Outcome, stored: bool) -> Description:
    if isinstance(outcome, Answer):
        return Description(
            chunk, "described", engine.name, text=outcome.text, cost=_spent(outcome), stored=stored
        )
    assert isinstance(outcome, LongtakeError)
    return Description(
        chunk, "failed", engine.name, error=outcome.message, cost=_spent(outcome), cause=outcome
    )


def _reconcile(
    work: _Work, engine: Engine, descriptions: list[Description]
) -> Generator[Progress, None, Summary | None]:
    """Drive `reconcile.reconcile`: ask what it asks, answer None where no reply could be used."""
    talk = reconcile.reconcile(
        descriptions, engine.capabilities.context_tokens, engine.count_tokens
    )
    asked = 0
    answers: list[str | None] | None = None
    while True:
        try:
            questions = talk.send(answers) if answers is not None else next(talk)
        except StopIteration as stop:
            summary: Summary | None = stop.value
            return summary
        total = asked + len(questions)
        yield Progress("reconcile", asked, total, f"summarising with {engine.name}")
        answers = [None] * len(questions)
        causes: list[Exception | None] = [None] * len(questions)
        jobs = (_question_job(engine, question) for question in questions)
        for place, outcome, _ in _answer_all(work, "reconcile", engine, jobs):
            if isinstance(outcome, Answer):
                answers[place] = outcome.text or None
            elif isinstance(outcome, LongtakeError):
                causes[place] = outcome
            asked += 1
            yield Progress("reconcile", asked, total)
        if all(causes):
            _raise_if_nothing_came(causes)


def _question_job(engine: Engine, question: reconcile.Question) -> _Job:
    request = question.request
    facts = {
        "stage": "reconcile",
        "messages": request.messages(request.text),
        "max_tokens": request.max_tokens,
        "engine": engine.name,
        "options": dict(engine.options),
        "version": reconcile.VERSION,
    }
    return _Job(
        make_key(facts),
        lambda: _Prepared(request),
        question.accept,
        lambda reply: reply.text,
        keep_bad=True,
    )


def _answer_all(
    work: _Work, stage: str, engine: Engine, jobs: Iterable[_Job]
) -> Iterator[tuple[int, _Outcome, bool]]:
    """Each job's place, what came of it, and whether the store knew; in the order of arrival.

    Requests are made just ahead of the engine, one more than it answers side by side, so that
    memory stays flat and the engine does not wait.
    """
    width = work.settings.at_once or engine.capabilities.width
    waiting = enumerate(jobs)
    running: dict[Future[Answer], int] = {}
    tally = _Tally()
    pool = ThreadPoolExecutor(width, thread_name_prefix=stage)
    try:
        while True:
            batch = list(islice(waiting, width + 1 - len(running)))
            for place, job in batch:
                answer = work.store.get(job.key)
                if answer and not (job.alone and answer.same_as):
                    tally.count_stored(answer)
                    job.recall(answer)
                    yield place, answer, True
                    continue
                ready = _prepare(job, engine, tally.trouble)
                if isinstance(ready, LongtakeError) or not ready.request:
                    yield place, ready, False
                else:
                    running[pool.submit(_ask, work, stage, engine, job, ready)] = place
            if not (running or batch):
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                place = running.pop(future)
                outcome = _settle(future)
                tally.count_asked(outcome)
                yield place, outcome, False
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        work.usage.append(tally.as_usage(stage, engine))


@dataclass
class _Tally:
    """What a stage has cost and met so far."""

    cost: Cost = field(default_factory=Cost)
    from_store: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    trouble: list[EngineError] = field(default_factory=list)
    """The last questions in a row to which no reply came at all."""

    def count_stored(self, answer: Answer) -> None:
        self.from_store += not answer.same_as
        if answer.rejected:
            self.failed[answer.rejected] += 1

    def count_asked(self, outcome: _Outcome) -> None:
        self.cost += _spent(outcome)
        if not isinstance(outcome, EngineError):
            self.trouble.clear()
            return
        self.failed[outcome.message] += 1
        if isinstance(outcome, GAVE_REPLY):
            self.trouble.clear()
        else:
            self.trouble.append(outcome)

    def as_usage(self, stage: str, engine: Engine) -> StageUsage:
        reason = self.failed.most_common(1)[0][0] if self.failed else ""
        total = self.failed.total()
        return StageUsage(stage, engine.name, self.cost, self.from_store, total, reason)


def _prepare(
    job: _Job, engine: Engine, trouble: Sequence[EngineError]
) -> _Prepared | LongtakeError:
    """The job's request, or the chunk that stands for it; or why nothing is asked."""
    if len(trouble) >= GIVE_UP_AFTER:
        last = trouble[-1]
        said = f"not asked, after {len(trouble)} failures of {engine.name} in a row: {last.message}"
        return type(last)(said, last.hint)
    try:
        return job.prepare()
    except SourceError as error:
        return error


def _ask(work: _Work, stage: str, engine: Engine, job: _Job, ready: _Prepared) -> Answer:
    """In a thread of its own: ask, and keep the answer in the store at once."""
    assert ready.request
    try:
        reply = ask(engine, ready.request, job.accept, sleep=work.sleep)
    except BadReply as error:
        if job.keep_bad:
            bad = Answer(engine.name, rejected=error.message, requests=error.tries)
            work.store.put(job.key, stage, bad)
        raise
    answer = Answer(
        engine=engine.name,
        text=job.clean(reply),
        requests=reply.tries,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        seconds=reply.seconds,
        look=ready.look,
    )
    return work.store.put(job.key, stage, answer)


def _settle(future: Future[Answer]) -> _Outcome:
    """The answer or the error, which is kept without the frames that its traceback holds alive."""
    try:
        return future.result()
    except EngineError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


def _spent(outcome: _Outcome) -> Cost:
    if isinstance(outcome, Answer):
        return Cost(outcome.requests, outcome.input_tokens, outcome.output_tokens, outcome.seconds)
    return Cost(requests=getattr(outcome, "tries", 0))


def survey(source: str | Path, values: Mapping[str, Any]) -> Overview:
    """What a video looks like, with the user's store; nothing is drawn and no model asked."""
    with Store(store_path()) as store:
        *_, last = scan_video(source, load_settings(values), store, draw=False)
    assert last.overview
    return last.overview


def summarize(source: str | Path, values: Mapping[str, Any]) -> Result:
    """One whole run with the user's store and the engines of the settings; its result."""
    settings = load_settings(values)
    with (
        open_engine(settings.engine, settings) as describer,
        open_engine(settings.reconciler, settings.for_reconciler()) as reconciler,
        Store(store_path()) as store,
    ):
        *_, last = run(source, settings, store, describer, reconciler)
    assert last.result
    return last.result
