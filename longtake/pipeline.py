"""The one place where the stages meet: a video, two engines and the store in; progress out.

Front ends iterate `run`; they hold no logic of their own. Requests run side by side in `asking.py`.
"""

import json
import logging
import re
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from longtake import describe, reconcile, report
from longtake.asking import Job, Outcome, Prepared, Sleep, Work, answer_all, spent
from longtake.engines import open_engine
from longtake.engines.base import Engine, byte_bound
from longtake.engines.retry import insist
from longtake.engines.visual import frame_tokens
from longtake.errors import (
    BadReply,
    EngineError,
    LongtakeError,
    OutOfMemory,
    RequestTooLarge,
    SourceError,
    UsageError,
)
from longtake.fit import FRAME_WORD_TOKENS, SMALLEST_SIDE, View, fit_view, scale, steps_down
from longtake.plain import one_line
from longtake.questions import Found, Question, Talk
from longtake.records import (
    NO_WORDS,
    Chunk,
    Description,
    Frame,
    Overview,
    Progress,
    Result,
    Scan,
    StageUsage,
    Summary,
    Transcript,
    Video,
    Words,
    keep_ledger,
)
from longtake.settings import Settings, load_settings
from longtake.store import Answer, Store, make_key, store_path
from longtake.timecode import Span
from longtake.video.chunks import plan_chunks
from longtake.video.frames import FrameReader, Picture, open_frames, shrink_frame
from longtake.video.picks import (
    Slot,
    drop_repeats,
    is_still,
    most_motion,
    plan_slots,
    spread_evenly,
    spread_places,
)
from longtake.video.probe import Index, probe
from longtake.video.repeats import ChunkLook, Repeats, make_coarse
from longtake.video.scan import scan, scan_as_json, scan_from_json, scan_key
from longtake.video.source import check_file, hash_file
from longtake.words import END, ChunkWords, check_settings, open_speech, open_words

LOG = logging.getLogger("longtake")

FEW_TOKENS = 1120
"""A frame up to 512 px takes no more in any known family: Qwen-VL in Ollama does."""

SHEET_SIDE = 240
SHEET_FRAMES, SHEET_SECONDS = 6, 2.0
"""As for an engine whose own numbers are not known."""

CONTEXT_PER_WORDS = 8
"""Of a small context, what is said takes no more than this part, nor what is written."""
LISTEN_STEP_SECONDS = 10.0
"""How often the progress of listening alone is told, in seconds of the video."""
MOST_NAME = 60
"""Characters of a file's name that its folder takes over."""


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
        describer.check_sight()
    if reconciler and not reconciler.capabilities.text:
        raise UsageError(
            f"the engine {reconciler.name!r} only looks at frames, so it can't summarise",
            "Name one that reads text with --reconciler; see `longtake engines`.",
        )
    check_settings(settings)
    video, index, seen = yield from look_at(source, store)
    out = Path(settings.out) if settings.out else default_folder(video)
    report.prepare_folder(out)
    usage: list[StageUsage] = []
    work = Work(settings, store, sleep, usage)
    chunks = plan_chunks(video, seen, settings.chunk_seconds, settings.chunking)
    with open_words(settings, store, video, index, seen, chunks) as words:
        descriptions = yield from _describe(work, describer, video, index, seen, chunks, words)
        speech, text = words.say_speech(), words.say_text()
        usage += words.usage()
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
        ledger=keep_ledger(descriptions, summary, speech, text),
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
            stored=known.stored + part.stored,
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
    work: Work,
    engine: Engine,
    video: Video,
    index: Index,
    seen: Scan,
    chunks: Sequence[Chunk],
    words: ChunkWords,
) -> Generator[Progress, None, list[Description]]:
    """A description, or the reason why there is none, for every chunk."""
    done = {
        c.number: Description(c, "failed", engine.name, error=c.missing)
        for c in chunks
        if c.missing
    }
    with open_frames(video.path, index) as reader:
        asking = _Asking(work, engine, video, index, seen, reader, chunks, words)
        note = f"describing with {engine.name}, at most {asking.view} a chunk"
        yield Progress("describe", len(done), len(chunks), note)
        yield from _tell_listening(words, video)
        readable = [chunk for chunk in chunks if not chunk.missing]
        for description in map(words.add_to, asking.describe(readable)):
            done[description.chunk.number] = description
            yield Progress("describe", len(done), len(chunks), description=description)
            yield from _tell_listening(words, video)
    lost = [words.add_to(done[chunk.number]) for chunk in chunks if chunk.missing]
    done.update((description.chunk.number, description) for description in lost)
    return [done[number] for number in sorted(done)]


def _tell_listening(words: ChunkWords, video: Video) -> Iterator[Progress]:
    """How far the speech is known, where somebody listens."""
    if words.speech.beside:
        total = max(1, int(video.duration))
        yield Progress("listen", int(min(words.speech.until, total)), total, "listening")


def transcribe(source: str | Path, settings: Settings, store: Store) -> Iterator[Progress]:
    """What is said in a video, written as subtitles; the last Progress holds it and its files."""
    check_settings(settings)
    path = check_file(source)
    sha256 = yield from hash_file(path)
    video, index = probe(path, sha256)
    out = Path(settings.out) if settings.out else default_folder(video)
    report.prepare_folder(out)
    with open_speech(settings, store, video, index) as speech:
        while (until := speech.until) < END:
            yield Progress("listen", int(until), int(video.duration), "listening")
            speech.wait(min(until + LISTEN_STEP_SECONDS, END))
        transcript = speech.finish()
    files = tuple(report.write_transcript(out, transcript))
    yield Progress("done", 1, 1, transcript=transcript, files=files)


class _Asking:
    """Describes the chunks of one video; those that look the same are asked about once."""

    def __init__(
        self,
        work: Work,
        engine: Engine,
        video: Video,
        index: Index,
        seen: Scan,
        reader: FrameReader,
        chunks: Sequence[Chunk],
        words: ChunkWords,
    ) -> None:
        settings = work.settings
        self._work, self._engine, self._scan, self._reader = work, engine, seen, reader
        self._video, self._words = video, words
        self._speech_tokens, self._text_tokens = word_budgets(settings, engine, words)
        word_tokens = self._speech_tokens + self._text_tokens
        self.view = recall_view(work, engine, index.size, word_tokens)
        self._views = deque(steps_down(self.view))
        """What is shown now, and after it less and less; `_why` no more is."""
        self._why = ""
        self._sighted = False
        self._chunks = {chunk.number: chunk for chunk in chunks}
        self._slots = {
            number: plan_frames(settings, engine, chunk, seen, self.view.frames)
            for number, chunk in self._chunks.items()
        }
        self._shown: dict[int, Words] = {}
        """The words that each chunk's prompt holds."""
        self._keys: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._repeats = Repeats(lambda number: [p.look for p in self._read(self._chunks[number])])

    def describe(self, chunks: Sequence[Chunk]) -> Iterator[Description]:
        """Each chunk's description as it becomes known; a twin's after its original's."""
        done: dict[int, Description] = {}
        waiting: list[tuple[Chunk, int, bool]] = []
        jobs = (self._job(chunk, alone=False) for chunk in chunks)
        for place, outcome, stored in answer_all(self._work, "describe", self._engine, jobs):
            chunk = chunks[place]
            if isinstance(outcome, Prepared):
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
        for place, outcome, stored in answer_all(self._work, "describe", self._engine, jobs):
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
            remark=original.remark,
            stored=stored,
        )

    def _make_key(self, chunk: Chunk) -> str:
        """The chunk's key, once its words are known."""
        number = chunk.number
        self._shown[number] = words = self._fit_words(self._words.of(chunk))
        facts = describe.key_facts(
            self._video, chunk, self._engine, self._slots[number], self.view.side, words
        )
        self._keys[number] = key = make_key(facts)
        self._numbers[key] = number
        return key

    def _fit_words(self, words: Words) -> Words:
        """What of the words fits the budgets; an engine is asked once how many tokens they are."""
        engine = self._engine

        def count_lines(lines: Sequence[str]) -> list[int]:
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

        return describe.fit_words(words, self._speech_tokens, self._text_tokens, count_lines)

    def _job(self, chunk: Chunk, *, alone: bool) -> Job:
        frames: list[Frame] = []
        return Job(
            self._make_key(chunk),
            prepare=partial(self._prepare, chunk, frames, alone),
            accept=describe.accept,
            clean=describe.clean,
            recall=partial(self._recall, chunk),
            lessen=partial(self._lessen, chunk, frames),
            alone=alone,
        )

    def _prepare(self, chunk: Chunk, frames: list[Frame], alone: bool) -> Prepared:
        """The request, whose frames are kept in `frames`; or the earlier chunk that will do."""
        self._check_sight()
        pictures = self._read(chunk)
        if not pictures:
            raise SourceError(
                f"no picture can be decoded from {chunk.span}",
                "Check that it plays in a video player; convert it to H.264 if it does.",
            )
        looks = [picture.look for picture in pictures]
        look = self._look(chunk, make_coarse(looks))
        if not alone and (twin := self._repeats.find(look, looks)):
            return Prepared(None, same_as=twin)
        self._repeats.add(look)
        frames[:] = [picture.as_frame() for picture in pictures]
        return self._show(chunk, frames, look.coarse)

    def _recall(self, chunk: Chunk, answer: Answer) -> None:
        if answer.look:
            self._repeats.add(self._look(chunk, answer.look))

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
        request = describe.make_request(chunk, kept, self._shown[chunk.number])
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
        words = self._words.of(chunk)
        return ChunkLook(
            chunk.number,
            chunk.span.seconds,
            is_still(chunk, self._scan),
            most_motion(chunk, self._scan),
            coarse,
            (*(said.text for said in words.speech), *(line.text for line in words.text)),
        )

    def _read(self, chunk: Chunk) -> list[Picture]:
        """The pictures of a chunk that are sent."""
        pictures = self._reader.read(chunk.span, self._slots[chunk.number], self.view.side)
        if self._engine.capabilities.repeats:
            return pictures
        return [pictures[place] for place in drop_repeats([p.look for p in pictures])]


def word_budgets(settings: Settings, engine: Engine, words: ChunkWords) -> tuple[int, int]:
    """Tokens that a prompt may hold of what is said and of what is written."""
    most = engine.capabilities.context_tokens // CONTEXT_PER_WORDS
    return (
        min(settings.speech_tokens, most) if words.speech.may_come else 0,
        min(settings.text_tokens, most) if words.writing.may_come else 0,
    )


def recall_view(work: Work, engine: Engine, size: tuple[int, int], word_tokens: int) -> View:
    """The view as it was planned once: an engine is not asked again what a frame costs it."""
    settings = work.settings
    facts = {
        "stage": "view",
        "size": list(size),
        "settings": [settings.frames, settings.frame_side, settings.visual_tokens, word_tokens],
        "context": engine.capabilities.context_tokens,
        "engine": engine.name,
        "options": dict(engine.options),
        "version": describe.VERSION,
    }
    key = make_key(facts)
    if kept := work.store.get(key):
        return View(*json.loads(kept.text))
    view = plan_view(settings, engine, size, word_tokens)
    text = json.dumps([view.frames, view.side])
    work.store.put(key, "view", Answer(engine.name, text=text, requests=0))
    return view


def plan_view(
    settings: Settings, engine: Engine, size: tuple[int, int], word_tokens: int = 0
) -> View:
    """How much of each chunk of a video of that size to show, within what the engine takes.

    `word_tokens` are kept free for what is said and written in a chunk. UsageError where its
    context does not even hold one small frame.
    """
    able = engine.capabilities
    most = settings.frames or able.frames_per_chunk
    most = max(1, min(most, able.images or most))
    side = settings.frame_side or able.frame_side

    def cost(side: int) -> int:
        return engine.frame_tokens(*scale(*size, side))

    if settings.visual_tokens and cost(side):
        most = max(1, min(most, settings.visual_tokens // cost(side)))
    wanted = View(most, side)
    rough = max(FEW_TOKENS, frame_tokens("", *scale(*size, side))) + FRAME_WORD_TOKENS
    words = describe.SOME_WORDS if word_tokens else NO_WORDS
    question = describe.make_question(Chunk(1, Span(0.0, settings.chunk_seconds)), words)
    text = f"{question.system} {question.text}"
    room = able.context_tokens - question.max_tokens - describe.SPARE_TOKENS - word_tokens
    # Bounds ask no model, which might have to be loaded for it, and most contexts hold them.
    if most * rough <= room - byte_bound(text):
        return wanted
    if found := fit_view(wanted, room - engine.count_tokens(text), cost):
        return found
    raise UsageError(
        f"the context of {engine.name} is too small: {able.context_tokens} tokens are to hold a"
        f" question of {engine.count_tokens(text) + word_tokens}, a reply of {question.max_tokens}"
        f" and one frame of {cost(SMALLEST_SIDE)}",
        "Start it with a longer context, or use another model.",
    )


def plan_frames(
    settings: Settings, engine: Engine, chunk: Chunk, seen: Scan, most: int
) -> tuple[Slot, ...]:
    """Where in a chunk to look for frames, at most so many in one of usual length."""
    able = engine.capabilities
    if able.repeats:
        share = min(1.0, chunk.span.seconds / settings.chunk_seconds)
        times = spread_evenly(chunk.span, max(1, round(most * share)))
        return tuple(Slot((time,)) for time in times)
    spacing = able.frame_seconds
    if settings.frames:
        spacing = min(spacing, settings.chunk_seconds / settings.frames)
    return plan_slots(chunk, seen, most, spacing)


def say_frames(frames: Sequence[Frame]) -> str:
    """`3 frames of 384×216`."""
    size = f"{frames[0].width}×{frames[0].height}"
    return f"{len(frames)} {'frame' if len(frames) == 1 else 'frames'} of {size}"


def _as_description(chunk: Chunk, engine: Engine, outcome: Outcome, stored: bool) -> Description:
    if isinstance(outcome, Answer):
        return Description(
            chunk,
            "described",
            engine.name,
            text=outcome.text,
            remark=outcome.remark,
            cost=spent(outcome),
            stored=stored,
        )
    assert isinstance(outcome, LongtakeError)
    return Description(
        chunk, "failed", engine.name, error=outcome.message, cost=spent(outcome), cause=outcome
    )


def _reconcile(
    work: Work, engine: Engine, descriptions: list[Description]
) -> Generator[Progress, None, Summary | None]:
    talk = reconcile.reconcile(
        descriptions, engine.capabilities.context_tokens, engine.count_tokens
    )
    note = f"summarising with {engine.name}"
    return (yield from _hold_talk(work, "reconcile", reconcile.VERSION, engine, talk, note))


def _hold_talk(
    work: Work, stage: str, version: int, engine: Engine, talk: Talk[Found], note: str
) -> Generator[Progress, None, Found]:
    """Ask what a step asks, answer None where no reply could be used; what the step found."""
    asked = 0
    answers: list[str | None] | None = None
    while True:
        try:
            questions = talk.send(answers) if answers is not None else next(talk)
        except StopIteration as stop:
            found: Found = stop.value
            return found
        total = asked + len(questions)
        yield Progress(stage, asked, total, note)
        answers = [None] * len(questions)
        causes: list[Exception | None] = [None] * len(questions)
        jobs = (_question_job(stage, version, engine, question) for question in questions)
        for place, outcome, _ in answer_all(work, stage, engine, jobs):
            if isinstance(outcome, Answer):
                answers[place] = outcome.text or None
            elif isinstance(outcome, LongtakeError):
                causes[place] = outcome
            asked += 1
            yield Progress(stage, asked, total)
        if all(causes):
            _raise_if_nothing_came(causes)


def _question_job(stage: str, version: int, engine: Engine, question: Question) -> Job:
    request = question.request
    facts = {
        "stage": stage,
        "messages": request.messages(request.text),
        "max_tokens": request.max_tokens,
        "schema": request.schema,
        "engine": engine.name,
        "options": dict(engine.options),
        "version": version,
    }
    return Job(
        make_key(facts),
        lambda: Prepared(request),
        question.accept,
        lambda reply: reply.text,
        keep_bad=True,
    )


def survey(source: str | Path, values: Mapping[str, Any]) -> Overview:
    """What a video looks like, with the user's store; nothing is drawn and no model asked."""
    with Store(store_path()) as store:
        *_, last = scan_video(source, load_settings(values), store, draw=False)
    assert last.overview
    return last.overview


def hear(source: str | Path, values: Mapping[str, Any]) -> Transcript:
    """What is said in a video, with the user's store."""
    with Store(store_path()) as store:
        *_, last = transcribe(source, load_settings(values), store)
    assert last.transcript
    return last.transcript


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
