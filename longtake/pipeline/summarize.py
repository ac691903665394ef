"""The one place where the stages meet: a video, two engines and the store in; progress out.

Front ends go through `run` to its end; they hold no logic of their own.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from longtake import report
from longtake.describe.flows import Describing
from longtake.embed import check_embedder
from longtake.inference.engine import Engine
from longtake.inference.questions import raise_if_nothing_came
from longtake.inference.scheduler import Sleep, Work
from longtake.links.cache import hold
from longtake.pipeline.ledger import keep_ledger, merge_usage
from longtake.pipeline.open_engines import Writer, check_reads, choose_judge
from longtake.pipeline.scan import draw_overview, read_thumbs
from longtake.pipeline.sources import Source, bring, choose_needs, look_at, open_folder
from longtake.pipeline.write_summary import sum_up
from longtake.records import (
    Chunk,
    Description,
    Entity,
    Material,
    Overview,
    Progress,
    Result,
    Scan,
    SourceFile,
    StageUsage,
    Steps,
    Video,
)
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.chunks import plan_chunks
from longtake.video.probe import Index
from longtake.words.chunks import ChunkWords, open_words
from longtake.words.speech.transcript import check_settings


@dataclass(frozen=True)
class _Described:
    """What the describe step leaves: whom it knows by their marks, and what context there was."""

    descriptions: list[Description]
    entities: tuple[Entity, ...]
    context: str
    shown: str


def run(
    source: Source,
    settings: Settings,
    store: Store,
    describer: Engine,
    reconciler: Writer | None,
    sleep: Sleep = time.sleep,
    other_judge: Engine | None = None,
) -> Steps[Result]:
    """Describe and (with a reconciler) summarise one video; returns the result.

    In place of a reconciler, DIGEST has what is said and written quoted without a model.

    Each answer is in the store as soon as it is known: a run that is killed goes on where it was.
    `other_judge` is the engine that the settings name as a judge; `sleep` waits between two tries.
    Raises LongtakeError where nothing can be said of the video.
    """
    if describer.capabilities.images == 0:
        describer.check_sight()
    if reconciler:
        check_reads(reconciler)
    judging = choose_judge(settings, reconciler, other_judge) if reconciler else None
    check_settings(settings)
    check_embedder(settings.embedder)
    needs = choose_needs(settings, describer.capabilities.frame_side)
    file = yield from bring(source, settings, needs)
    with hold(file.path):
        engines = (describer, reconciler, judging)
        return (yield from _go_through(file, settings, store, engines, sleep))


def _go_through(
    file: SourceFile,
    settings: Settings,
    store: Store,
    engines: tuple[Engine, Writer | None, Engine | None],
    sleep: Sleep,
) -> Steps[Result]:
    """Each stage in turn, with describer, reconciler and judge."""
    describer, reconciler, judging = engines
    video, index, seen = yield from look_at(file, store)
    out = open_folder(settings, video)
    usage: list[StageUsage] = []
    work = Work(settings, store, sleep, usage)
    chunks = plan_chunks(video, seen, settings.chunk_seconds, settings.chunking)
    yield Progress("describe", 0, len(chunks), video=video)
    with open_words(settings, store, video, index, seen, chunks) as words:
        found = yield from _describe(work, describer, video, index, seen, chunks, words)
        speech, text = words.say_speech(), words.say_text()
        material = Material(
            video, found.descriptions, words.known, words.language, words.speech.heard_by
        )
        usage += words.usage()
    descriptions = found.descriptions
    files = [report.write_descriptions(out, descriptions)]
    if not any(d.text for d in descriptions):
        raise_if_nothing_came(d.cause for d in descriptions)
    summary = None
    if reconciler:
        summary = yield from sum_up(work, reconciler, judging, material)
    overview = Overview(video, seen, tuple(chunks))
    if summary and summary.sparse:
        files += yield from draw_overview(overview, index, out)
    result = Result(
        video=video,
        scan=seen,
        descriptions=tuple(descriptions),
        summary=summary,
        ledger=keep_ledger(descriptions, summary, speech, text, found.context),
        usage=merge_usage(usage),
        out=out,
        files=tuple(files),
        entities=found.entities,
        shown=found.shown,
    )
    if reconciler:
        thumbs = yield from read_thumbs(overview, index)
        files += report.write_summary(out, result, thumbs)
    return replace(result, files=tuple(files))


def _describe(
    work: Work,
    engine: Engine,
    video: Video,
    index: Index,
    seen: Scan,
    chunks: Sequence[Chunk],
    words: ChunkWords,
) -> Steps[_Described]:
    """A description, or the reason why there is none, for every chunk."""
    done = {
        c.number: Description(c, "failed", engine.name, error=c.missing)
        for c in chunks
        if c.missing
    }
    with closing(Describing(work, engine, video, index, seen, chunks, words)) as describing:
        note = f"describing with {engine.name}, at most {describing.view} a chunk"
        yield Progress("describe", len(done), len(chunks), note)
        yield from _tell_listening(words, video)
        for description in map(words.add_to, describing.describe()):
            done[description.chunk.number] = description
            yield Progress("describe", len(done), len(chunks), description=description)
            yield from _tell_listening(words, video)
    lost = [words.add_to(done[chunk.number]) for chunk in chunks if chunk.missing]
    done.update((description.chunk.number, description) for description in lost)
    descriptions, entities = describing.merge([done[number] for number in sorted(done)])
    return _Described(descriptions, entities, describing.say(), str(describing.view))


def _tell_listening(words: ChunkWords, video: Video) -> Iterator[Progress]:
    """How far the speech is known, where somebody listens."""
    if words.speech.finder:
        total = max(1, int(video.duration))
        yield Progress("listen", int(min(words.speech.until, total)), total, "listening")
