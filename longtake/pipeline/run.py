"""The one place where the stages meet: a video, two engines and the store in; progress out.

Front ends iterate `run`; they hold no logic of their own. Requests run side by side in `asking.py`.
"""

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longtake import report
from longtake.ask.engine import Engine
from longtake.ask.scheduler import Sleep, Work
from longtake.describe.flows import Describing
from longtake.embed import bring_embedder, check_embedder
from longtake.engines import DIGEST, open_engine
from longtake.links.cache import hold
from longtake.links.fetch import Loaded, Wish
from longtake.models.table import fetch_model
from longtake.pipeline.sources import Source, bring, default_folder, make_wish
from longtake.pipeline.summary import (
    Told,
    Writer,
    check_reads,
    choose_judge,
    name_writer,
    open_judge,
    open_writer,
    raise_if_nothing_came,
    sum_up,
)
from longtake.records import (
    Chunk,
    Description,
    Entity,
    Frame,
    Overview,
    Progress,
    Result,
    Scan,
    StageUsage,
    Transcript,
    Video,
    keep_ledger,
)
from longtake.report.read_back import name_describer, read_edited, say_cells
from longtake.settings import Settings, load_settings
from longtake.store import Store, store_path
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.picks import plan_slots
from longtake.video.probe import Index, probe
from longtake.video.scan import scan, scan_as_json, scan_from_json, scan_key
from longtake.video.source import check_file, hash_file
from longtake.words.chunks import END, ChunkWords, check_settings, open_speech, open_words

LOG = logging.getLogger("longtake")

SHEET_SIDE = 240
SHEET_FRAMES, SHEET_SECONDS = 6, 2.0
"""As for an engine whose own numbers are not known."""

LISTEN_STEP_SECONDS = 10.0
"""How often the progress of listening alone is told, in seconds of the video."""


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
) -> Iterator[Progress]:
    """Describe and (with a reconciler) summarise one video; the last Progress holds the result.

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
    wish = make_wish(settings, describer.capabilities.frame_side)
    loaded = yield from bring(source, settings, wish)
    with hold(loaded.path):
        engines = (describer, reconciler, judging)
        yield from _go_through(loaded, settings, store, engines, sleep)


def _go_through(
    loaded: Loaded,
    settings: Settings,
    store: Store,
    engines: tuple[Engine, Writer | None, Engine | None],
    sleep: Sleep,
) -> Iterator[Progress]:
    """Each stage in turn, with describer, reconciler and judge."""
    describer, reconciler, judging = engines
    video, index, seen = yield from look_at(loaded, store)
    out = Path(settings.out) if settings.out else default_folder(video)
    report.prepare_folder(out)
    usage: list[StageUsage] = []
    work = Work(settings, store, sleep, usage)
    chunks = plan_chunks(video, seen, settings.chunk_seconds, settings.chunking)
    yield Progress("describe", 0, len(chunks), video=video)
    with open_words(settings, store, video, index, seen, chunks) as words:
        found = yield from _describe(work, describer, video, index, seen, chunks, words)
        speech, text = words.say_speech(), words.say_text()
        told = Told(video, found.descriptions, words.known, words.language, words.speech.heard_by)
        usage += words.usage()
    descriptions = found.descriptions
    files = [report.write_descriptions(out, descriptions)]
    if not any(d.text for d in descriptions):
        raise_if_nothing_came(d.cause for d in descriptions)
    summary = None
    if reconciler:
        summary = yield from sum_up(work, reconciler, judging, told)
    if summary and summary.sparse:
        overview = Overview(video, seen, tuple(chunks))
        files += yield from _draw(overview, index, out)
    result = Result(
        video=video,
        scan=seen,
        descriptions=tuple(descriptions),
        summary=summary,
        ledger=keep_ledger(descriptions, summary, speech, text, found.context),
        usage=_merge(usage),
        out=out,
        files=tuple(files),
        entities=found.entities,
        shown=found.shown,
    )
    if reconciler:
        files += report.write_summary(out, result)
    yield Progress("done", 1, 1, result=replace(result, files=tuple(files)))


def scan_video(source: Source, settings: Settings, store: Store, draw: bool) -> Iterator[Progress]:
    """What a video looks like, and with `draw` pictures of it; the last Progress holds it."""
    loaded = yield from bring(source, settings, Wish(SHEET_SIDE, sound=False, captions=False))
    with hold(loaded.path):
        yield from _scan(loaded, settings, store, draw)


def _scan(loaded: Loaded, settings: Settings, store: Store, draw: bool) -> Iterator[Progress]:
    video, index, seen = yield from look_at(loaded, store)
    chunks = plan_chunks(video, seen, settings.chunk_seconds, settings.chunking)
    overview = Overview(video, seen, tuple(chunks))
    if draw:
        out = Path(settings.out) if settings.out else default_folder(video)
        report.prepare_folder(out)
        files = yield from _draw(overview, index, out)
        overview = replace(overview, files=files)
    yield Progress("done", 1, 1, overview=overview)


def _draw(
    overview: Overview, index: Index, out: Path
) -> Generator[Progress, None, tuple[Path, ...]]:
    """The contact sheet and the strip in this folder."""
    frames: list[Frame | None] = []
    with open_frames(overview.video.path, index) as reader:
        for chunk in overview.chunks:
            slots = plan_slots(chunk, overview.scan, SHEET_FRAMES, SHEET_SECONDS)
            pictures = [] if chunk.missing else reader.read(chunk.span, slots[:1], SHEET_SIDE)
            frames.append(pictures[0].as_frame() if pictures else None)
            note = "drawing the contact sheet"
            yield Progress("draw", len(frames), len(overview.chunks), note)
    return report.write_pictures(out, overview, frames)


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


def look_at(loaded: Loaded, store: Store) -> Generator[Progress, None, tuple[Video, Index, Scan]]:
    """What a file is and what it looks like; what the store knows of it is not done again."""
    video, index = yield from _open(loaded)
    if kept := store.get_scan(scan_key(video)):
        return video, index, scan_from_json(kept)
    seen = yield from scan(video, index)
    store.put_scan(scan_key(video), scan_as_json(seen))
    return video, index, seen


def _open(loaded: Loaded) -> Generator[Progress, None, tuple[Video, Index]]:
    """What a file is, and what its site says of it."""
    sha256 = yield from hash_file(loaded.path)
    video, index = probe(loaded.path, sha256)
    told = replace(
        video,
        title=loaded.title,
        link=loaded.link,
        captions=loaded.captions,
        captions_source=loaded.captions_source,
    )
    return told, index


def _describe(
    work: Work,
    engine: Engine,
    video: Video,
    index: Index,
    seen: Scan,
    chunks: Sequence[Chunk],
    words: ChunkWords,
) -> Generator[Progress, None, _Described]:
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
    if words.speech.beside:
        total = max(1, int(video.duration))
        yield Progress("listen", int(min(words.speech.until, total)), total, "listening")


def transcribe(source: Source, settings: Settings, store: Store) -> Iterator[Progress]:
    """What is said in a video, written as subtitles; the last Progress holds it and its files."""
    check_settings(settings)
    wish = replace(make_wish(settings, 0), side=0)
    loaded = yield from bring(source, settings, wish)
    with hold(loaded.path):
        yield from _transcribe(loaded, settings, store)


def _transcribe(loaded: Loaded, settings: Settings, store: Store) -> Iterator[Progress]:
    video, index = yield from _open(loaded)
    out = Path(settings.out) if settings.out else default_folder(video)
    report.prepare_folder(out)
    with open_speech(settings, store, video, index) as speech:
        while (until := speech.until) < END:
            yield Progress("listen", int(until), int(video.duration), "listening")
            speech.wait(min(until + LISTEN_STEP_SECONDS, END))
        transcript = speech.finish()
    files = tuple(report.write_transcript(out, transcript))
    yield Progress("done", 1, 1, transcript=transcript, files=files)


def reconcile_file(
    path: str | Path,
    settings: Settings,
    store: Store,
    reconciler: Writer,
    other_judge: Engine | None = None,
    sleep: Sleep = time.sleep,
) -> Iterator[Progress]:
    """A summary from a (perhaps edited) descriptions.csv, which stays as it is.

    Asks only what the edits change. The last Progress holds the result.
    """
    check_reads(reconciler)
    judging = choose_judge(settings, reconciler, other_judge)
    check_embedder(settings.embedder)
    edited = read_edited(path)
    descriptions = list(edited.descriptions)
    table = check_file(path, "descriptions.csv")
    out = Path(settings.out) if settings.out else table.parent
    report.prepare_folder(out)
    usage: list[StageUsage] = []
    work = Work(settings, store, sleep, usage)
    summary = yield from sum_up(work, reconciler, judging, Told(edited.video, descriptions, {}))
    speech = say_cells([d.speech for d in descriptions], table.name)
    text = say_cells([d.on_screen for d in descriptions], table.name)
    result = Result(
        video=edited.video,
        descriptions=edited.descriptions,
        summary=summary,
        ledger=keep_ledger(descriptions, summary, speech, text),
        usage=(StageUsage("describe", name_describer(descriptions, table.name)), *_merge(usage)),
        out=out,
        entities=edited.entities,
    )
    files = tuple(report.write_summary(out, result))
    yield Progress("done", 1, 1, result=replace(result, files=files))


def resummarize(path: str | Path, values: Mapping[str, Any]) -> Result:
    """`reconcile_file` with the user's store and the engines of the settings; its result."""
    settings = load_settings(values)
    with (
        _open_writer(settings, None) as (reconciler, other_judge),
        Store(store_path()) as store,
    ):
        *_, last = reconcile_file(path, settings, store, reconciler, other_judge)
    assert last.result
    return last.result


@contextmanager
def _open_writer(
    settings: Settings, describer: Engine | None
) -> Iterator[tuple[Writer, Engine | None]]:
    """Who writes the summary, and the judge that is named beside it; what they need is fetched."""
    name, _ = name_writer(settings, describer)
    if name == DIGEST:
        bring_embedder(settings, fetch_model)
    with (
        open_writer(name, settings, describer) as writer,
        open_judge(settings, name) as other_judge,
    ):
        yield writer, other_judge


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
        _open_writer(settings, describer) as (reconciler, other_judge),
        Store(store_path()) as store,
    ):
        *_, last = run(source, settings, store, describer, reconciler, other_judge=other_judge)
    assert last.result
    return last.result
