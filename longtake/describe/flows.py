"""Every chunk of a video to its description: flow I side by side, flow II in order.

Flow II goes through the chunks of one stretch one after the other, and through several stretches
side by side. Chunks that look and say the same are asked about once.
"""

import json
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from longtake.ask.engine import Engine
from longtake.ask.retry import insist
from longtake.ask.scheduler import Job, Outcome, Prepared, Work, answer_all, spent
from longtake.describe import memory, prompt
from longtake.describe.budget import (
    Prices,
    context_budget,
    context_room,
    plan_frames,
    recall_prices,
    recall_view,
    say_frames,
    word_budgets,
)
from longtake.describe.context import KINDS, Alone, Carried, Remembered
from longtake.describe.prompt import Context
from longtake.describe.view import View, steps_down
from longtake.errors import EngineError, LongtakeError, OutOfMemory, RequestTooLarge, SourceError
from longtake.records import NO_WORDS, Chunk, Description, Entity, Frame, Scan, Video, Words
from longtake.settings import Settings
from longtake.store import Answer, make_key, unpack_tags
from longtake.text.safe import one_line
from longtake.video.frames import FrameReader, Picture, open_frames, scale, shrink_frame
from longtake.video.picks import (
    drop_repeats,
    is_still,
    most_motion,
    plan_still,
    spread_places,
)
from longtake.video.probe import Index
from longtake.video.repeats import CELL_DIFFERENCE, ChunkLook, Repeats, make_coarse
from longtake.video.similar import is_same
from longtake.video.stretches import plan_stretches
from longtake.words.chunks import ChunkWords

if TYPE_CHECKING:
    import numpy as np

LOG = logging.getLogger("longtake")

MOST_COUNTED = 10_000
"""Lines whose tokens are kept in mind, so that memory stays flat."""


@dataclass(eq=False)
class _Stretch:
    """Chunks that one reader of frames goes through, and what they carry from one to the next."""

    chunks: Sequence[Chunk]
    carried: Carried
    repeats: Repeats
    opened: ExitStack = field(default_factory=ExitStack)
    reader: FrameReader | None = None
    done: int = 0
    """So many of its chunks are settled; in flow II `busy` says that the next one is under way."""
    busy: bool = False

    @property
    def next(self) -> Chunk | None:
        """The chunk that is due and may be asked about."""
        return None if self.busy or self.done == len(self.chunks) else self.chunks[self.done]


def in_context(settings: Settings, engine: Engine) -> bool:
    """Whether chunks are described with context: an engine that reads no text can't use any."""
    return settings.flow == "context" and engine.capabilities.text


class Describing:
    """Describes the chunks of one video with one engine; to be closed at the end."""

    def __init__(
        self,
        work: Work,
        engine: Engine,
        video: Video,
        index: Index,
        seen: Scan,
        chunks: Sequence[Chunk],
        words: ChunkWords,
    ) -> None:
        settings = work.settings
        self._work, self._engine, self._scan = work, engine, seen
        self._video, self._index, self._words = video, index, words
        self._starts: list[float] = index.keys.tolist()
        """Where decoding can start."""
        self._in_context = in_context(settings, engine)
        if settings.flow == "context" and not self._in_context:
            LOG.info("%s reads no text: it describes as in flow independent", engine.name)
        carry = KINDS[settings.context] if self._in_context else Alone
        self._speech_tokens, self._text_tokens = word_budgets(
            settings, engine, words.speech.may_come, words.reading is not None
        )
        self._word_tokens = self._speech_tokens + self._text_tokens
        room = context_room(settings, engine, carry.empty) if self._in_context else carry.empty
        self.view = recall_view(work, engine, index.size, self._word_tokens, room)
        self._prices: Prices | None = None
        if self._in_context:
            self._prices = recall_prices(work, engine, scale(*index.size, self.view.side))
        self._views = deque(steps_down(self.view))
        """What is shown now, and after it less and less; `_why` no more is."""
        self._why = ""
        self._sighted = False
        readable = [chunk for chunk in chunks if not chunk.missing]
        self._slots = {
            chunk.number: plan_frames(settings, engine, chunk, seen, self.view.frames)
            for chunk in readable
        }
        parts = (
            plan_stretches(readable, seen, settings.segments) if self._in_context else [readable]
        )
        self._stretches = [
            _Stretch(part, carry(self._count_lines), Repeats(self._looks)) for part in parts if part
        ]
        self._homes = {c.number: stretch for stretch in self._stretches for c in stretch.chunks}
        self._chunks = {chunk.number: chunk for chunk in readable}
        self._shown: dict[int, tuple[Words, Context]] = {}
        """The words and the context that each chunk's prompt holds."""
        self._keys: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._done: dict[int, Description] = {}
        self._counted: dict[str, int] = {}

    def close(self) -> None:
        """Close the files."""
        for stretch in self._stretches:
            stretch.opened.close()

    def describe(self) -> Iterator[Description]:
        """Each chunk's description as it becomes known."""
        return self._in_order() if self._in_context else self._side_by_side()

    def say(self) -> str:
        """In one sentence, what context the chunks had; nothing, of flow I."""
        if self._work.settings.flow != "context":
            return ""
        if not self._in_context:
            return f"none: {self._engine.name} reads no text"
        count = len(self._stretches)
        stretches = "one stretch" if count == 1 else f"{count} stretches, a context each"
        asked = [d for d in self._done.values() if not d.same_as]
        tokens = sum(self._shown[d.chunk.number][1].tokens for d in asked)
        prompts = f"{len(asked)} prompt{'' if len(asked) == 1 else 's'}"
        kinds = {"previous": "the description before", "full": "all descriptions before"}
        kind = kinds.get(self._work.settings.context, "a memory")
        return f"{kind}, in {stretches}: {tokens:,} tokens in {prompts}"

    def merge(
        self, descriptions: Sequence[Description]
    ) -> tuple[list[Description], tuple[Entity, ...]]:
        """The descriptions with marks that hold for the whole video, and whose they are."""
        kept = [s.carried.memory for s in self._stretches if isinstance(s.carried, Remembered)]
        entities, marks = memory.merge(kept)
        if not kept:
            return list(descriptions), ()
        renamed = {
            chunk.number: marks[place]
            for place, stretch in enumerate(self._stretches)
            for chunk in stretch.chunks
        }
        return [
            replace(d, text=memory.rename(d.text, renamed.get(d.chunk.number, {})))
            for d in descriptions
        ], entities

    def _side_by_side(self) -> Iterator[Description]:
        """Flow I; a twin comes after its original."""
        chunks = [chunk for stretch in self._stretches for chunk in stretch.chunks]
        waiting: list[tuple[Chunk, int, bool]] = []
        jobs = (self._job(chunk, alone=False) for chunk in chunks)
        for place, outcome, stored in answer_all(self._work, "describe", self._engine, jobs):
            chunk = chunks[place]
            if (twin := self._twin_of(outcome)) is not None:
                waiting.append((chunk, twin, stored))
            else:
                yield self._settle(chunk, outcome, stored)
            for found in [found for found in waiting if self._is_described(found[1])]:
                waiting.remove(found)
                yield self._reuse(*found)
        # Those whose original got no description are asked about themselves.
        left = [chunk for chunk, _, _ in waiting]
        jobs = (self._job(chunk, alone=True) for chunk in left)
        for place, outcome, stored in answer_all(self._work, "describe", self._engine, jobs):
            yield self._settle(left[place], outcome, stored)

    def _in_order(self) -> Iterator[Description]:
        """Flow II: of each stretch one chunk at a time, as soon as the one before is settled."""
        issued: list[Chunk] = []
        alone: set[int] = set()

        def find_jobs() -> Iterator[Job | None]:
            while any(stretch.done < len(stretch.chunks) for stretch in self._stretches):
                chunk = self._find_due()
                if chunk is None:
                    yield None
                    continue
                self._homes[chunk.number].busy = True
                issued.append(chunk)
                yield self._job(chunk, alone=chunk.number in alone)

        for place, outcome, stored in answer_all(self._work, "describe", self._engine, find_jobs()):
            chunk = issued[place]
            stretch = self._homes[chunk.number]
            stretch.busy = False
            twin = self._twin_of(outcome)
            if twin is not None and not self._is_described(twin):
                alone.add(chunk.number)
                continue
            stretch.done += 1
            if stretch.done == len(stretch.chunks):
                stretch.opened.close()
            if twin is None:
                yield self._settle(chunk, outcome, stored)
            else:
                yield self._reuse(chunk, twin, stored)

    def _find_due(self) -> Chunk | None:
        """A chunk that may be asked about, the earliest; rather one whose words are known."""
        due = [chunk for stretch in self._stretches if (chunk := stretch.next)]
        ready = [chunk for chunk in due if self._words.are_known(chunk)]
        if ready:
            return ready[0]
        # Where some are under way, their replies may come before the words do.
        return None if any(stretch.busy for stretch in self._stretches) else next(iter(due), None)

    def _twin_of(self, outcome: Outcome) -> int | None:
        """The number of the chunk that stands for this one, 0 where it is not among these."""
        if isinstance(outcome, Prepared):
            return outcome.same_as
        if isinstance(outcome, Answer) and outcome.same_as:
            return self._numbers.get(outcome.same_as, 0)
        return None

    def _is_described(self, number: int) -> bool:
        return number in self._done and bool(self._done[number].text)

    def _settle(self, chunk: Chunk, outcome: Outcome, stored: bool) -> Description:
        """The description, or the reason why there is none; a description is carried on."""
        context = self._shown[chunk.number][1]
        found = _as_description(chunk, self._engine, outcome, stored, context.tokens)
        if isinstance(outcome, Answer):
            self._homes[chunk.number].carried.take(chunk, outcome.text, outcome.noted)
        self._done[chunk.number] = found
        return found

    def _reuse(self, chunk: Chunk, twin: int, stored: bool) -> Description:
        original = self._done[twin]
        if not stored:
            answer = Answer(self._engine.name, requests=0, same_as=self._keys[twin])
            self._work.store.put(self._keys[chunk.number], "describe", answer)
        self._homes[chunk.number].carried.take(chunk, original.text, "")
        self._done[chunk.number] = found = Description(
            chunk,
            "reused",
            self._engine.name,
            text=original.text,
            same_as=twin,
            remark=original.remark,
            tags=original.tags,
            stored=stored,
        )
        return found

    def _job(self, chunk: Chunk, *, alone: bool) -> Job:
        frames: list[Frame] = []
        carried = self._homes[chunk.number].carried
        return Job(
            self._make_key(chunk),
            prepare=partial(self._prepare, chunk, frames, alone),
            accept=carried.accept,
            clean=lambda reply: carried.read(chunk, reply)[0],
            note=lambda reply: carried.read(chunk, reply)[1],
            recall=partial(self._recall, chunk),
            lessen=partial(self._lessen, chunk, frames),
            alone=alone,
        )

    def _make_key(self, chunk: Chunk) -> str:
        """The chunk's key, once its words are known and the chunks that it rests on are settled."""
        number = chunk.number
        words = prompt.fit_words(
            self._words_of(chunk), self._speech_tokens, self._text_tokens, self._count_lines
        )
        context = self._homes[number].carried.context(chunk, self._context_budget(chunk, words))
        self._shown[number] = words, context
        facts = prompt.key_facts(
            self._video, chunk, self._engine, self._slots[number], self.view.side, words, context
        )
        self._keys[number] = key = make_key(facts)
        self._numbers[key] = number
        return key

    def _words_of(self, chunk: Chunk) -> Words:
        """What is said and written in it; nothing, for an engine that reads no text."""
        return self._words.of(chunk) if self._engine.capabilities.text else NO_WORDS

    def _context_budget(self, chunk: Chunk, words: Words) -> int:
        if not self._prices:
            return 0
        return context_budget(
            self._work.settings,
            self._engine,
            self._prices,
            len(self._slots[chunk.number]),
            self._word_tokens,
            words,
        )

    def _count_lines(self, lines: Sequence[str]) -> list[int]:
        """The tokens of each line; the engine is asked once for the same line."""
        new = [line for line in dict.fromkeys(lines) if line not in self._counted]
        if new:
            self._counted |= zip(new, self._count_new(new), strict=True)
        counts = [self._counted[line] for line in lines]
        if len(self._counted) > MOST_COUNTED:
            self._counted.clear()
        return counts

    def _count_new(self, lines: Sequence[str]) -> list[int]:
        """As the store knows it from an earlier run, else as the engine says."""
        engine = self._engine
        facts = {
            "stage": "words",
            "lines": list(lines),
            "engine": engine.name,
            "options": dict(engine.options),
        }
        key = make_key(facts)
        kept = self._work.store.get(key)
        if not kept:
            text = json.dumps([engine.count_tokens(line) for line in lines])
            kept = Answer(engine.name, text=text, requests=0)
            self._work.store.put(key, "words", kept)
        return list(map(int, json.loads(kept.text)))

    def _prepare(self, chunk: Chunk, frames: list[Frame], alone: bool) -> Prepared:
        """The request, whose frames are kept in `frames`; or the earlier chunk that will do."""
        self._check_sight()
        pictures = self._read(chunk)
        if not pictures:
            raise SourceError(
                f"no picture can be decoded from {chunk.span}",
                "Check that it plays in a video player; convert it to H.264 if it does.",
            )
        repeats = self._homes[chunk.number].repeats
        looks = [picture.look for picture in pictures]
        look = self._look(chunk, make_coarse(looks))
        if not alone and (twin := repeats.find(look, looks)):
            return Prepared(None, same_as=twin)
        repeats.add(look)
        frames[:] = [picture.as_frame() for picture in pictures]
        return self._show(chunk, frames, look.coarse)

    def _recall(self, chunk: Chunk, answer: Answer) -> None:
        if answer.look:
            self._homes[chunk.number].repeats.add(self._look(chunk, answer.look))

    def _lessen(
        self, chunk: Chunk, frames: Sequence[Frame], ready: Prepared, error: EngineError
    ) -> Prepared | None:
        while (less := self._show(chunk, frames, ready.look)) == ready:
            if not self._step_down(error):
                # Not even a single small frame: its size is not the cause, and others may do.
                self._views = deque(steps_down(self.view))
                return None
        return less

    def _check_sight(self) -> None:
        """Once, before the first frames are sent: a run that the store answers asks nothing."""
        if not self._sighted:
            insist(self._engine.check_sight, sleep=self._work.sleep)
            self._sighted = True

    def _show(self, chunk: Chunk, frames: Sequence[Frame], look: bytes) -> Prepared:
        """The request with as much of the frames as is shown now."""
        view = self._views[0]
        kept = [frames[place] for place in spread_places(len(frames), view.frames)]
        kept = [shrink_frame(frame, view.side) for frame in kept]
        shown, whole = say_frames(kept), say_frames(frames)
        remark = "" if shown == whole else f"seen with {shown} in place of {whole}: {self._why}"
        request = prompt.make_request(chunk, kept, *self._shown[chunk.number])
        return Prepared(request, look=look, remark=remark)

    def _step_down(self, error: EngineError) -> bool:
        """From now on show less: what one chunk needs, its neighbours need as well.

        False where there is no less.
        """
        if len(self._views) == 1:
            return False
        shown = self._views.popleft()
        most = error.most_images if isinstance(error, RequestTooLarge) else 0
        if 0 < most < shown.frames:
            self._views = deque(steps_down(View(most, shown.side)))
        memory = isinstance(error, OutOfMemory)
        self._why = "memory did not suffice" if memory else "more was too large for the engine"
        said = one_line(error.message)[:200]
        LOG.info("%s: %s: from here on at most %s a chunk", self._engine.name, said, self._views[0])
        return True

    def _look(self, chunk: Chunk, coarse: bytes) -> ChunkLook:
        words = self._words_of(chunk)
        return ChunkLook(
            chunk.number,
            chunk.span.seconds,
            is_still(chunk, self._scan),
            most_motion(chunk, self._scan),
            coarse,
            (*(said.text for said in words.speech), *(line.text for line in words.text)),
        )

    def _looks(self, number: int) -> Sequence["np.ndarray"]:
        return [picture.look for picture in self._read(self._chunks[number])]

    def _read(self, chunk: Chunk) -> list[Picture]:
        """The pictures of a chunk that are sent."""
        stretch = self._homes[chunk.number]
        if stretch.reader is None:
            stretch.reader = stretch.opened.enter_context(
                open_frames(self._video.path, self._index)
            )
        if self._engine.capabilities.repeats and (still := self._read_still(chunk, stretch.reader)):
            return still
        pictures = stretch.reader.read(chunk.span, self._slots[chunk.number], self.view.side)
        if self._engine.capabilities.repeats:
            return pictures
        return [pictures[place] for place in drop_repeats([p.look for p in pictures])]

    def _read_still(self, chunk: Chunk, reader: FrameReader) -> list[Picture]:
        """Two pictures that prove that it stands still, where the scan says so and it is true."""
        if not is_still(chunk, self._scan):
            return []
        slots = plan_still(chunk, self._scan, self._starts)
        pictures = reader.read(chunk.span, slots, self.view.side)
        if len(pictures) != 2:
            return []
        same = is_same(pictures[0].look, pictures[1].look, CELL_DIFFERENCE)
        return pictures if same else []


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
