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
    Progress,
    Result,
    StageUsage,
    Summary,
    Video,
    keep_ledger,
)
from longtake.settings import Settings, load_settings
from longtake.store import Answer, Store, make_key, store_path
from longtake.video.chunks import plan_chunks, sample_times
from longtake.video.frames import FrameReader, open_frames
from longtake.video.probe import Index, probe
from longtake.video.source import check_file, hash_file

GIVE_UP_AFTER = 8
"""Questions in a row that the engine gave no reply to at all: the rest is not asked."""

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
    video, index = yield from _read_video(source)
    out = Path(settings.out) if settings.out else default_folder(video)
    report.prepare_folder(out)
    usage: list[StageUsage] = []
    work = _Work(settings, store, sleep, usage)
    descriptions = yield from _describe(work, describer, video, index)
    files = [report.write_descriptions(out, descriptions)]
    if not any(d.status == "described" for d in descriptions):
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
    prepare: Callable[[], Request]
    accept: Callable[[Reply], None]
    clean: Callable[[Reply], str]
    keep_bad: bool = False
    """Whether to remember that no usable reply came: the same question would fail again."""


_Outcome = Answer | LongtakeError


def _read_video(source: str | Path) -> Generator[Progress, None, tuple[Video, Index]]:
    path = check_file(source)
    sha256 = yield from hash_file(path)
    return probe(path, sha256)


def _describe(
    work: _Work, engine: Engine, video: Video, index: Index
) -> Generator[Progress, None, list[Description]]:
    """A description, or the reason why there is none, for every chunk."""
    chunks = plan_chunks(video, work.settings.chunk_seconds)
    readable = [chunk for chunk in chunks if not chunk.missing]
    done = [Description(c, "failed", engine.name, error=c.missing) for c in chunks if c.missing]
    yield Progress("describe", len(done), len(chunks), f"describing with {engine.name}")
    with open_frames(video.path, index) as reader:
        jobs = (_chunk_job(work.settings, engine, video, chunk, reader) for chunk in readable)
        for place, outcome, stored in _answer_all(work, "describe", engine, jobs):
            done.append(_as_description(readable[place], engine, outcome, stored))
            yield Progress("describe", len(done), len(chunks), description=done[-1])
    return sorted(done, key=lambda description: description.chunk.number)


def _chunk_job(
    settings: Settings, engine: Engine, video: Video, chunk: Chunk, reader: FrameReader
) -> _Job:
    frames = settings.frames or engine.capabilities.frames_per_chunk
    frames = min(frames, engine.capabilities.images or frames)
    side = settings.frame_side or engine.capabilities.frame_side
    times = sample_times(chunk.span, frames, settings.chunk_seconds)

    def prepare() -> Request:
        found = reader.read(chunk.span, times, side)
        if not found:
            raise SourceError(
                f"no picture can be decoded from {chunk.span}",
                "Check that it plays in a video player; convert it to H.264 if it does.",
            )
        return describe.make_request(chunk, found)

    key = make_key(describe.key_facts(video, chunk, engine, times, side))
    return _Job(key, prepare, describe.accept, describe.clean)


def _as_description(chunk: Chunk, engine: Engine, outcome: _Outcome, stored: bool) -> Description:
    if isinstance(outcome, LongtakeError):
        return Description(
            chunk, "failed", engine.name, error=outcome.message, cost=_spent(outcome), cause=outcome
        )
    return Description(
        chunk, "described", engine.name, text=outcome.text, cost=_spent(outcome), stored=stored
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
            else:
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
        make_key(facts), lambda: request, question.accept, lambda reply: reply.text, keep_bad=True
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
                if answer := work.store.get(job.key):
                    tally.count_stored(answer)
                    yield place, answer, True
                elif isinstance(request := _prepare(job, engine, tally.trouble), LongtakeError):
                    yield place, request, False
                else:
                    running[pool.submit(_ask, work, stage, engine, job, request)] = place
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
        self.from_store += 1
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


def _prepare(job: _Job, engine: Engine, trouble: Sequence[EngineError]) -> Request | LongtakeError:
    """The job's request; or why nothing is asked."""
    if len(trouble) >= GIVE_UP_AFTER:
        last = trouble[-1]
        said = f"not asked, after {len(trouble)} failures of {engine.name} in a row: {last.message}"
        return type(last)(said, last.hint)
    try:
        return job.prepare()
    except SourceError as error:
        return error


def _ask(work: _Work, stage: str, engine: Engine, job: _Job, request: Request) -> Answer:
    """In a thread of its own: ask, and keep the answer in the store at once."""
    try:
        reply = ask(engine, request, job.accept, sleep=work.sleep)
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
