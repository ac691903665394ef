"""The one place where the stages meet: a video, two engines and the store in; progress out.

Front ends go through `run` to its end; they hold no logic of their own.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from longtake import report
from longtake.actions import ActionRecogniser
from longtake.describe.flows import Describing
from longtake.embed import check_embedder
from longtake.errors import LongtakeError
from longtake.inference.engine import Engine
from longtake.inference.questions import raise_if_nothing_came
from longtake.inference.scheduler import Sleep, Work
from longtake.library.add import add_to_library
from longtake.links.cache import hold
from longtake.pipeline.actions import Recognised, add_actions, recognise_actions
from longtake.pipeline.ledger import keep_ledger, merge_usage
from longtake.pipeline.open_engines import Writer, check_reads, choose_judge
from longtake.pipeline.scan import draw_overview, read_thumbs
from longtake.pipeline.sources import Source, bring, choose_needs, look_at, open_folder
from longtake.pipeline.write_summary import sum_up
from longtake.records import (
    Description,
    Material,
    Overview,
    Progress,
    Result,
    SourceFile,
    StageUsage,
    Steps,
    Summary,
    Video,
)
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.chunks import plan_chunks
from longtake.words.chunks import ChunkWords, open_words
from longtake.words.speech.transcript import check_settings

LOG = logging.getLogger("longtake")


@dataclass(frozen=True)
class Assistants:
    """Who is asked beside describer and reconciler, where the settings name somebody."""

    other_judge: Engine | None = None
    """A judge that is not the reconciler."""
    recogniser: ActionRecogniser | None = None


def run(
    source: Source,
    settings: Settings,
    store: Store,
    describer: Engine,
    reconciler: Writer | None,
    sleep: Sleep = time.sleep,
    assistants: Assistants = Assistants(),
) -> Steps[Result]:
    """Describe and (with a reconciler) summarise one video; returns the result.

    In place of a reconciler, DIGEST has what is said and written quoted without a model.

    Each answer is in the store as soon as it is known: a run that is killed goes on where it was.
    `sleep` waits between two tries.
    Raises LongtakeError where nothing can be said of the video.
    """
    if describer.capabilities.images == 0:
        describer.check_sight()
    if reconciler:
        check_reads(reconciler)
    judging = choose_judge(settings, reconciler, assistants.other_judge) if reconciler else None
    check_settings(settings)
    check_embedder(settings.embedder)
    needs = choose_needs(settings, describer.capabilities.frame_side)
    file = yield from bring(source, settings, needs)
    with hold(file.path):
        engines = (describer, reconciler, judging, assistants.recogniser)
        return (yield from _go_through(file, settings, store, engines, sleep))


def _go_through(
    file: SourceFile,
    settings: Settings,
    store: Store,
    engines: tuple[Engine, Writer | None, Engine | None, ActionRecogniser | None],
    sleep: Sleep,
) -> Steps[Result]:
    """Each stage in turn, with describer, reconciler, judge and recogniser."""
    describer, reconciler, judging, recogniser = engines
    video, index, scan = yield from look_at(file, store)
    names = (report.DESCRIPTIONS, *report.OF_SUMMARY, *report.OF_OVERVIEW)
    out = open_folder(video, settings, names)
    usage: list[StageUsage] = []
    work = Work(settings, store, sleep, usage)
    chunks = plan_chunks(video, scan, settings.chunk_seconds, settings.chunking)
    overview = Overview(video, scan, tuple(chunks))
    yield Progress("describe", 0, len(chunks), video=video)
    with (
        open_words(settings, store, overview, index) as words,
        closing(Describing(work, describer, overview, index, words)) as describing,
    ):
        actions = yield from recognise_actions(work, recogniser, overview, index)
        described = yield from _describe(describing, overview, words, actions)
        speech, text = words.say_speech(), words.say_text()
        transcript = words.speech.finish()
        descriptions, entities = describing.merge(described)
        material = Material(video, descriptions, words.known, words.language, words.speech.heard_by)
        usage += words.usage()
    report.write_descriptions(out, descriptions)
    if not any(d.text for d in descriptions):
        raise_if_nothing_came(d.cause for d in descriptions)
    summary = None
    if reconciler:
        summary = yield from sum_up(work, reconciler, judging, material)
    yield from _index(store, settings, material, summary)
    if summary and summary.sparse:
        yield from draw_overview(overview, index, out)
    result = Result(
        video=video,
        scan=scan,
        descriptions=tuple(descriptions),
        summary=summary,
        ledger=keep_ledger(descriptions, summary, speech, text, describing.say_context()),
        usage=merge_usage(usage),
        transcript=transcript,
        out=out.path,
        files=out.files,
        entities=entities,
        shown=str(describing.view),
    )
    if reconciler:
        thumbs = yield from read_thumbs(overview, index)
        report.write_summary(out, result, thumbs)
    return replace(result, out=out.path, files=out.files)


def _index(
    store: Store, settings: Settings, material: Material, summary: Summary | None
) -> Steps[None]:
    """Have the video found again; a run is no worse where that fails."""
    try:
        yield from add_to_library(store, settings, material, summary)
    except LongtakeError as error:
        LOG.info("%s can't be searched for yet: %s", material.video.name, error.message)


def _describe(
    describing: Describing,
    overview: Overview,
    words: ChunkWords,
    actions: Mapping[int, Recognised],
) -> Steps[list[Description]]:
    """A description, or the reason why there is none, for every chunk."""

    def complete(description: Description) -> Description:
        return add_actions(words.add_to(description), actions)

    name, chunks = describing.engine.name, overview.chunks
    lost = [Description(c, "failed", name, error=c.missing) for c in chunks if c.missing]
    done: dict[int, Description] = {}
    note = f"describing with {name}, at most {describing.view} a chunk"
    yield Progress("describe", len(lost), len(chunks), note)
    yield from _say_listening(words, overview.video)
    for description in map(complete, describing.describe()):
        done[description.chunk.number] = description
        yield Progress("describe", len(lost) + len(done), len(chunks), description=description)
        yield from _say_listening(words, overview.video)
    done.update((d.chunk.number, d) for d in map(complete, lost))
    return [done[number] for number in sorted(done)]


def _say_listening(words: ChunkWords, video: Video) -> Iterator[Progress]:
    """How far the speech is known, where somebody listens."""
    if words.speech.finder:
        total = max(1, int(video.duration))
        yield Progress("listen", int(min(words.speech.until, total)), total, "listening")
