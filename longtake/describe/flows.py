"""Every chunk of a video to its description: flow I side by side, flow II in order.

Flow II goes through the chunks of one stretch one after the other, and through several stretches
side by side. Chunks that look and say the same are asked about once.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from longtake.describe import memory, prompt
from longtake.describe.budget import (
    LineCounter,
    Prices,
    context_budget,
    context_room,
    plan_frames,
    recall_prices,
    recall_view,
    say_frames,
    word_budgets,
)
from longtake.describe.chunk_frames import ChunkFrames
from longtake.describe.context import CONTEXTS, MemoryContext, NoContext
from longtake.describe.frame_limits import Fewer, View, Views, guess_fewer
from longtake.describe.prompt import NO_CONTEXT, Context
from longtake.describe.stretches import plan_stretches
from longtake.errors import EngineError, LongtakeError, SourceError
from longtake.inference.engine import Engine
from longtake.inference.retry import insist
from longtake.inference.scheduler import Job, Outcome, Prepared, Settled, Work, answer_all, spent
from longtake.records import NO_WORDS, Chunk, Description, Entity, Frame, Overview, Words
from longtake.store import Answer, make_key, unpack_tags
from longtake.text.plurals import say_count
from longtake.video.choose_frames import Slot, spread_places
from longtake.video.frames import scale, shrink_frame
from longtake.video.probe import Index
from longtake.video.same_chunks import make_coarse
from longtake.video.tone_map import VERSION as TONE_MAP
from longtake.words.chunks import ChunkWords

LOG = logging.getLogger("longtake")


@dataclass(eq=False)
class _Stretch:
    """Chunks that one reader of frames goes through, and what they carry from one to the next."""

    carried: NoContext
    frames: ChunkFrames
    tasks: "Sequence[_Task]" = ()
    done: int = 0
    """So many of its chunks are settled; in flow II `busy` says that the next one is under way."""
    busy: bool = False

    @property
    def due(self) -> "_Task | None":
        """The chunk that is next, where it may be asked about."""
        return None if self.busy or self.done == len(self.tasks) else self.tasks[self.done]


@dataclass(eq=False)
class _Task:
    """One chunk: where its frames lie, what its prompt holds, and what came of it."""

    chunk: Chunk
    slots: tuple[Slot, ...]
    stretch: _Stretch
    usual_slots: tuple[Slot, ...] = ()
    """Where its frames lay before key frames were preferred: such answers are still good."""
    alone: bool = False
    """Whether it is asked about although it looks the same as another: that one failed."""
    words: Words = NO_WORDS
    context: Context = NO_CONTEXT
    key: str = ""
    fewer: Fewer | None = None
    """What it is asked with, where more was refused in words that say nothing of frames."""
    found: Description | None = None


class Describing:
    """Describes the chunks of one video with one engine; to be closed at the end."""

    def __init__(
        self,
        work: Work,
        engine: Engine,
        overview: Overview,
        index: Index,
        words: ChunkWords,
    ) -> None:
        settings, scan = work.settings, overview.scan
        self.engine, self._work, self._words = engine, work, words
        self._video = overview.video
        self._colours = {"tone map": TONE_MAP} if index.hdr else {}
        self._in_context = settings.flow == "context" and engine.capabilities.text
        if settings.flow == "context" and not self._in_context:
            LOG.info("%s reads no text: it describes as in flow independent", engine.name)
        self._lines = LineCounter(work, engine)
        self._speech_tokens, self._text_tokens = word_budgets(
            settings, engine, words.speech.may_come, words.reading is not None
        )
        carry = CONTEXTS[settings.context] if self._in_context else NoContext
        room = context_room(settings, engine, carry.empty) if self._in_context else carry.empty
        word_tokens = self._speech_tokens + self._text_tokens
        self.view = recall_view(work, engine, index.size, word_tokens, room)
        self._views = Views(self.view)
        self._prices: Prices | None = None
        if self._in_context:
            self._prices = recall_prices(work, engine, scale(*index.size, self.view.side))
        self._sighted = False
        readable = [chunk for chunk in overview.chunks if not chunk.missing]
        parts = (
            plan_stretches(readable, scan, settings.segments) if self._in_context else [readable]
        )
        repeats, keys = engine.capabilities.repeats, index.keys.tolist()
        self._stretches: list[_Stretch] = []
        for part in filter(None, parts):
            frames = ChunkFrames(
                overview, index, self.view.side, repeats=repeats, hwaccel=settings.hwaccel
            )
            stretch = _Stretch(carry(self._lines.count), frames)
            plan = partial(plan_frames, settings, engine, scan=scan, most=self.view.frames)
            stretch.tasks = [
                _Task(c, plan(c, keys=keys), stretch, usual_slots=plan(c)) for c in part
            ]
            frames.plan((task.chunk, task.slots) for task in stretch.tasks)
            self._stretches.append(stretch)
        self._tasks = {task.chunk.number: task for s in self._stretches for task in s.tasks}
        self._by_key: dict[str, _Task] = {}

    def close(self) -> None:
        """Close the files."""
        for stretch in self._stretches:
            stretch.frames.close()

    def describe(self) -> Iterator[Description]:
        """Each chunk's description as it becomes known."""
        return self._in_order() if self._in_context else self._side_by_side()

    def say_context(self) -> str:
        """In one sentence, what context the chunks had; nothing, of flow I."""
        if self._work.settings.flow != "context":
            return ""
        if not self._in_context:
            return f"none: {self.engine.name} reads no text"
        count = len(self._stretches)
        stretches = "one stretch" if count == 1 else f"{count} stretches, a context each"
        asked = [task for task in self._tasks.values() if task.found and not task.found.same_as]
        tokens = sum(task.context.tokens for task in asked)
        prompts = say_count(len(asked), "prompt")
        kinds = {"previous": "the description before", "full": "all descriptions before"}
        kind = kinds.get(self._work.settings.context, "a memory")
        return f"{kind}, in {stretches}: {tokens:,} tokens in {prompts}"

    def merge(
        self, descriptions: Sequence[Description]
    ) -> tuple[list[Description], tuple[Entity, ...]]:
        """The descriptions with marks that hold for the whole video, and whose they are."""
        kept = [s.carried.memory for s in self._stretches if isinstance(s.carried, MemoryContext)]
        entities, marks = memory.merge(kept)
        if not kept:
            return list(descriptions), ()
        renamed = {
            task.chunk.number: marks[place]
            for place, stretch in enumerate(self._stretches)
            for task in stretch.tasks
        }
        return [
            replace(d, text=memory.rename(d.text, renamed.get(d.chunk.number, {})))
            for d in descriptions
        ], entities

    def _side_by_side(self) -> Iterator[Description]:
        """Flow I: all chunks at once; one that looks the same as another comes after it."""
        waiting: list[tuple[_Task, Outcome, bool]] = []
        tasks = list(self._tasks.values())
        for place, outcome, stored in self._answer(map(self._job, tasks)):
            if _is_reuse(outcome):
                waiting.append((tasks[place], outcome, stored))
            else:
                yield self._settle(tasks[place], outcome, stored)
            for task, twin, known in list(waiting):
                if original := self._find_original(twin):
                    waiting.remove((task, twin, known))
                    yield self._reuse(task, original, known)
        # Those whose original got no description are asked about themselves.
        left = [task for task, _, _ in waiting]
        for task in left:
            task.alone = True
        for place, outcome, stored in self._answer(map(self._job, left)):
            yield self._settle(left[place], outcome, stored)

    def _in_order(self) -> Iterator[Description]:
        """Flow II: of each stretch one chunk at a time, as soon as the one before is settled."""
        issued: list[_Task] = []

        def find_jobs() -> Iterator[Job | None]:
            while any(stretch.done < len(stretch.tasks) for stretch in self._stretches):
                task = self._find_due()
                if task is None:
                    yield None
                    continue
                task.stretch.busy = True
                issued.append(task)
                yield self._job(task)

        for place, outcome, stored in self._answer(find_jobs()):
            task = issued[place]
            stretch = task.stretch
            stretch.busy = False
            original = self._find_original(outcome)
            if _is_reuse(outcome) and not original:
                task.alone = True
                continue
            stretch.done += 1
            if stretch.done == len(stretch.tasks):
                stretch.frames.close()
            if original:
                yield self._reuse(task, original, stored)
            else:
                yield self._settle(task, outcome, stored)

    def _answer(self, jobs: Iterator[Job] | Iterator[Job | None]) -> Iterator[Settled]:
        return answer_all(self._work, "describe", self.engine, jobs)

    def _find_due(self) -> _Task | None:
        """A chunk that may be asked about, the earliest; rather one whose words are known."""
        due = [task for stretch in self._stretches if (task := stretch.due)]
        ready = [task for task in due if self._words.are_known(task.chunk)]
        if ready:
            return ready[0]
        # Where some are under way, their replies may come before the words do.
        return None if any(stretch.busy for stretch in self._stretches) else next(iter(due), None)

    def _find_original(self, outcome: Outcome) -> _Task | None:
        """The chunk whose description will do, where it has one."""
        task = None
        if isinstance(outcome, Prepared):
            task = self._tasks.get(outcome.same_as)
        elif isinstance(outcome, Answer):
            task = self._by_key.get(outcome.same_as)
        return task if task and task.found and task.found.text else None

    def _settle(self, task: _Task, outcome: Outcome, stored: bool) -> Description:
        """The description, or the reason why there is none; a description is carried on."""
        if isinstance(outcome, Answer):
            task.stretch.carried.add(task.chunk, outcome.text, outcome.noted)
            if task.fewer:
                self._views.keep_to(task.fewer, self.engine.name)
        task.found = _as_description(task.chunk, self.engine, outcome, stored, task.context.tokens)
        return task.found

    def _reuse(self, task: _Task, original: _Task, stored: bool) -> Description:
        found = original.found
        assert found
        if not stored:
            answer = Answer(self.engine.name, requests=0, same_as=original.key)
            self._work.store.put(task.key, "describe", answer)
        task.stretch.carried.add(task.chunk, found.text, "")
        task.found = Description(
            task.chunk,
            "reused",
            self.engine.name,
            text=found.text,
            same_as=original.chunk.number,
            remark=found.remark,
            tags=found.tags,
            stored=stored,
        )
        return task.found

    def _job(self, task: _Task) -> Job:
        return Job(
            self._make_key(task),
            prepare=partial(self._prepare, task),
            read=partial(task.stretch.carried.read, task.chunk),
            recall=partial(self._recall, task),
            alone=task.alone,
        )

    def _make_key(self, task: _Task) -> str:
        """The chunk's key, once its words are known and the chunks that it rests on are settled."""
        task.words = prompt.fit_words(
            self._words_of(task.chunk), self._speech_tokens, self._text_tokens, self._lines.count
        )
        task.context = task.stretch.carried.context(task.chunk, self._context_budget(task))
        usual = self._key_of(task, task.usual_slots)
        if task.usual_slots != task.slots and self._work.store.get(usual):
            task.slots = task.usual_slots
        task.key = self._key_of(task, task.slots)
        self._by_key[task.key] = task
        return task.key

    def _key_of(self, task: _Task, slots: Sequence[Slot]) -> str:
        facts = prompt.key_facts(
            self._video,
            task.chunk,
            self.engine,
            slots,
            self.view.side,
            task.words,
            task.context,
        )
        return make_key(facts | self._colours)

    def _words_of(self, chunk: Chunk) -> Words:
        """What is said and written in it; nothing, for an engine that reads no text."""
        return self._words.of(chunk) if self.engine.capabilities.text else NO_WORDS

    def _context_budget(self, task: _Task) -> int:
        if not self._prices:
            return 0
        return context_budget(
            self._work.settings,
            self.engine,
            self._prices,
            len(task.slots),
            self._speech_tokens + self._text_tokens,
            task.words,
        )

    def _prepare(self, task: _Task) -> Prepared:
        """The request, or the earlier chunk whose answer will do."""
        if not self._sighted:
            # Before the first frames are sent: a run that the store answers asks nothing.
            insist(self.engine.check_sight, sleep=self._work.sleep)
            self._sighted = True
        chunk, frames = task.chunk, task.stretch.frames
        pictures = frames.read(chunk, task.slots)
        if not pictures:
            raise SourceError(
                "no picture can be decoded here",
                "Check that it plays in a video player; convert it to H.264 if it does.",
            )
        coarse = make_coarse([picture.look for picture in pictures])
        look = frames.look_of(chunk, self._words_of(chunk), coarse)
        if not task.alone and (twin := frames.find_same(look, pictures)):
            return Prepared(None, same_as=twin)
        frames.add(chunk, task.slots, look, pictures)
        return self._show(task, [picture.as_frame() for picture in pictures], look.coarse)

    def _recall(self, task: _Task, answer: Answer) -> None:
        if answer.look:
            frames = task.stretch.frames
            look = frames.look_of(task.chunk, self._words_of(task.chunk), answer.look)
            frames.add(task.chunk, task.slots, look)

    def _show(self, task: _Task, frames: Sequence[Frame], look: bytes) -> Prepared:
        """The request with as much of the frames as is shown now."""
        view, why = self._views.now, self._views.why
        if task.fewer:
            view, why = task.fewer.view, task.fewer.why
        kept = [frames[place] for place in spread_places(len(frames), view.frames)]
        kept = [shrink_frame(frame, view.side) for frame in kept]
        shown, whole = say_frames(kept), say_frames(frames)
        remark = "" if shown == whole else f"seen with {shown} in place of {whole}: {why}"
        request = prompt.make_request(task.chunk, kept, task.words, task.context)

        def lessen(error: EngineError) -> Prepared | None:
            if error.perhaps_too_much:
                task.fewer = guess_fewer(View(len(kept), view.side), error)
                return self._show(task, frames, look) if task.fewer else None
            if task.fewer:
                self._views.keep_to(task.fewer, self.engine.name)
                task.fewer = None
            while (less := self._show(task, frames, look)).request == request:
                if not self._views.step_down(error, self.engine.name):
                    # Not even a single small frame: its size is not the cause, and others may do.
                    self._views = Views(self.view)
                    return None
            return less

        return Prepared(request, look=look, remark=remark, lessen=lessen)


def _is_reuse(outcome: Outcome) -> bool:
    """Whether the description of another chunk is to stand for this one, too."""
    return isinstance(outcome, Prepared | Answer) and bool(outcome.same_as)


def _as_description(
    chunk: Chunk, engine: Engine, outcome: Outcome, stored: bool, context_tokens: int
) -> Description:
    if isinstance(outcome, Answer):
        return Description(
            chunk,
            "described",
            engine.name,
            text=outcome.text,
            remark=outcome.remark,
            cost=spent(outcome),
            context_tokens=context_tokens,
            tags=unpack_tags(outcome.tags),
            stored=stored,
        )
    assert isinstance(outcome, LongtakeError)
    return Description(
        chunk, "failed", engine.name, error=outcome.message, cost=spent(outcome), cause=outcome
    )
