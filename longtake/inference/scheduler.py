"""Requests side by side: many jobs in, what came of each out, every answer in the store at once.

The one place with threads around `Engine.answer`. Knows no video and no stage; finds the engine's
width, and asks with less where a request was too large or the memory did not suffice.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from longtake.errors import (
    BadReply,
    EngineBusy,
    EngineError,
    EngineTimeout,
    LongtakeError,
    OutOfMemory,
    RequestTooLarge,
    SourceError,
)
from longtake.inference.concurrency import Width
from longtake.inference.engine import Engine, Reply, Request
from longtake.inference.retry import PATIENCE_SECONDS, ask
from longtake.records import Cost, StageUsage
from longtake.settings import Settings
from longtake.store import Answer, Store, pack_tags

GIVE_UP_AFTER = 8
"""Questions in a row that the engine gave no reply to at all: the rest is not asked."""
MOST_AHEAD = 16
"""Requests made ready ahead of their turn, at most: each holds its frames."""

GAVE_REPLY = (BadReply, RequestTooLarge)
TOO_MUCH = (OutOfMemory, RequestTooLarge)

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Work:
    """What every stage of a run needs."""

    settings: Settings
    store: Store
    sleep: Sleep = time.sleep
    usage: list[StageUsage] = field(default_factory=list)


@dataclass(frozen=True)
class Prepared:
    """What to ask, or the number of the chunk whose answer will do.

    `look` is what the chunk looks like, `remark` what to know of an answer to this.
    """

    request: Request | None
    same_as: int = 0
    look: bytes = b""
    remark: str = ""
    lessen: Callable[[EngineError], "Prepared | None"] = lambda error: None
    """The same asked with less, after an error that says it was too much; None: no less."""


@dataclass(frozen=True)
class Job:
    """One thing to ask; `prepare` makes the request when its turn has come."""

    key: str
    prepare: Callable[[], Prepared]
    read: Callable[[Reply], tuple[str, str]]
    """The text of a reply, and what else to keep of it; BadReply where it must not be used."""
    recall: Callable[[Answer], None] = lambda answer: None
    """Called where the store knows the answer."""
    alone: bool = False
    """Whether an answer that another stands for is none."""
    keep_bad: bool = False
    """Whether to remember that no usable reply came: the same question would fail again."""


Outcome = Answer | LongtakeError | Prepared
Settled = tuple[int, Outcome, bool]
"""A job's place, what came of it, and whether the store knew."""


@dataclass(frozen=True)
class _Ready:
    """A job whose request is made."""

    place: int
    job: Job
    prepared: Prepared


@dataclass
class _Running:
    """A request under way: since which epoch of the width, and whether others came beside it."""

    ready: _Ready
    epoch: int
    crowded: bool = False


def answer_all(
    work: Work, stage: str, engine: Engine, jobs: Iterable[Job | None]
) -> Iterator[Settled]:
    """What came of each job, in the order of arrival.

    Requests are made just ahead of the engine, so that memory stays flat and it does not wait. A
    None among the jobs says that the next one waits for what comes of those before it.
    """
    yield from _Stage(work, stage, engine, jobs).run()


def spent(outcome: Outcome) -> Cost:
    """What an answer, or the tries for one, took."""
    if isinstance(outcome, Answer):
        return Cost(outcome.requests, outcome.input_tokens, outcome.output_tokens, outcome.seconds)
    if isinstance(outcome, EngineError):
        return Cost(outcome.tries, outcome.input_tokens, outcome.output_tokens, outcome.seconds)
    return Cost()


class _Stage:
    """The requests of one stage: those under way, and those made ready ahead of their turn."""

    def __init__(self, work: Work, stage: str, engine: Engine, jobs: Iterable[Job | None]) -> None:
        self._work, self._stage, self._engine = work, stage, engine
        self._jobs = iter(jobs)
        self._place = -1
        able, wanted = engine.capabilities, work.settings.at_once
        self._width = Width(wanted or able.width, wanted or max(able.width, able.widest))
        self._tally = _Tally()
        self._ahead: deque[_Ready] = deque()
        self._running: dict[Future[Answer], _Running] = {}
        self._pool = ThreadPoolExecutor(self._width.most, thread_name_prefix=stage)

    def run(self) -> Iterator[Settled]:
        """What came of each job; however it ends, what it took is added to the run's usage."""
        try:
            while True:
                yield from self._fill()
                if not self._running:
                    return
                yield from self._prepare_ahead()
                for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                    yield from self._take(future)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._work.usage.append(self._tally.as_usage(self._stage, self._engine))

    def _fill(self) -> Iterator[Settled]:
        """Begin requests until there are as many as may be, or the next waits for an outcome."""
        while len(self._running) < self._width.now:
            found = self._ahead.popleft() if self._ahead else self._prepare_next()
            if not found:
                return
            if not isinstance(found, _Ready):
                yield found
            elif error := self._tally.give_up(self._engine):
                yield found.place, error, False
            else:
                self._begin(found)

    def _prepare_ahead(self) -> Iterator[Settled]:
        """Make the next requests ready, until a reply has come."""
        most = min(self._width.now, MOST_AHEAD)
        while len(self._ahead) < most and not wait(self._running, 0, FIRST_COMPLETED).done:
            found = self._prepare_next()
            if not found:
                return
            if isinstance(found, _Ready):
                self._ahead.append(found)
            else:
                yield found

    def _prepare_next(self) -> _Ready | Settled | None:
        """The next job, made ready or settled without a request; None: none is due now."""
        job = next(self._jobs, None)
        if job is None:
            return None
        self._place = place = self._place + 1
        answer = self._work.store.get(job.key)
        if answer and not (job.alone and answer.same_as):
            self._tally.count_stored(answer)
            job.recall(answer)
            return place, answer, True
        if error := self._tally.give_up(self._engine):
            return place, error, False
        try:
            prepared = job.prepare()
        except SourceError as source_error:
            return place, source_error, False
        return _Ready(place, job, prepared) if prepared.request else (place, prepared, False)

    def _begin(self, ready: _Ready) -> None:
        # One long wait for an engine that is away is enough: later ones wait less.
        patience = 0.0 if self._tally.trouble else PATIENCE_SECONDS
        future = self._pool.submit(
            _ask, self._work, self._stage, self._engine, ready, self._width, patience
        )
        self._running[future] = _Running(ready, self._width.epoch)
        for running in self._running.values():
            running.crowded |= len(self._running) > 1

    def _take(self, future: Future[Answer]) -> Iterator[Settled]:
        """What came of a request; nothing yet, where it is asked again with less."""
        was = self._running.pop(future)
        outcome = _outcome_of(future)
        if isinstance(outcome, EngineError) and (less := self._find_less(was, outcome)):
            # Nothing is settled: it is asked again, with less.
            self._tally.cost += spent(outcome)
            if isinstance(outcome, TOO_MUCH):
                self._tally.trouble.clear()
            self._ahead.appendleft(less)
            return
        if isinstance(outcome, Answer):
            self._width.take_answer()
        self._tally.count_asked(outcome)
        yield was.ready.place, outcome, False

    def _find_less(self, was: _Running, error: EngineError) -> _Ready | None:
        """The same with less, where that was too much or may have been.

        A mere guess is tried on no further question while the one before had no reply at all.
        """
        perhaps = error.perhaps_too_much and not self._tally.trouble
        return _lessen(was, error, self._width) if isinstance(error, TOO_MUCH) or perhaps else None


@dataclass
class _Tally:
    """What a stage has cost and met so far."""

    cost: Cost = field(default_factory=Cost)
    from_store: int = 0
    stored: Cost = field(default_factory=Cost)
    failed: Counter[str] = field(default_factory=Counter)
    trouble: list[EngineError] = field(default_factory=list)
    """The last questions in a row to which no reply came at all."""

    def count_stored(self, answer: Answer) -> None:
        self.from_store += not answer.same_as
        self.stored += spent(answer)
        if answer.rejected:
            self.failed[answer.rejected] += 1

    def give_up(self, engine: Engine) -> EngineError | None:
        """The error of all further jobs, after GIVE_UP_AFTER failures in a row; None before."""
        if len(self.trouble) < GIVE_UP_AFTER:
            return None
        last = self.trouble[-1]
        said = f"not asked, after {len(self.trouble)} failures of {engine.name} in a row"
        error = type(last)(f"{said}: {last.message}", last.hint)
        error.tries = 0
        return error

    def count_asked(self, outcome: Outcome) -> None:
        self.cost += spent(outcome)
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
        return StageUsage(
            stage,
            engine.name,
            self.cost,
            self.from_store,
            total,
            reason,
            self.stored,
            engine.take_usage(),
        )


def _lessen(was: _Running, error: EngineError, width: Width) -> _Ready | None:
    """The request to try next: the same where others took memory beside it, else a smaller one."""
    if isinstance(error, OutOfMemory) and was.crowded:
        width.take_trouble(was.epoch, lasting=True)
        return was.ready
    less = was.ready.prepared.lessen(error)
    return replace(was.ready, prepared=less) if less else None


def _ask(
    work: Work, stage: str, engine: Engine, ready: _Ready, width: Width, patience: float
) -> Answer:
    """In a thread of its own: ask, and keep the answer in the store at once."""
    job, prepared, epoch = ready.job, ready.prepared, width.epoch
    assert prepared.request

    def notice(error: EngineError) -> None:
        if isinstance(error, EngineBusy | EngineTimeout) and not error.of_one_server:
            width.take_trouble(epoch)

    try:
        reply, (text, noted) = ask(
            engine,
            prepared.request,
            job.read,
            patience=patience,
            sleep=work.sleep,
            notice=notice,
        )
    except BadReply as error:
        if job.keep_bad:
            bad = Answer(
                engine.name,
                rejected=error.message,
                requests=error.tries,
                input_tokens=error.input_tokens,
                output_tokens=error.output_tokens,
                seconds=error.seconds,
            )
            work.store.put(job.key, stage, bad)
        raise
    cut = "" if reply.complete else "the reply was cut off, and ends with its last whole sentence"
    answer = Answer(
        engine=engine.name,
        text=text,
        requests=reply.tries,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        seconds=reply.seconds,
        look=prepared.look,
        noted=noted,
        tags=pack_tags(reply.tags),
        remark="; ".join(remark for remark in (prepared.remark, cut) if remark),
    )
    return work.store.put(job.key, stage, answer)


def _outcome_of(future: Future[Answer]) -> Outcome:
    """The answer or the error, which is kept without the frames that its traceback holds alive."""
    try:
        return future.result()
    except EngineError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
