"""Descriptions to a checked summary: written by a model, or put together as a digest.

Where the model gives no summary that can be used, the digest stands in, and says so.
"""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from longtake import reconcile
from longtake.check import judge
from longtake.digest import MOST_COMPARED, Digest, Quote, list_quotes, make_digest, pick_row
from longtake.digest.summary import FEWEST_QUOTES, as_summary, list_texts
from longtake.digest.word_weights import guess_language
from longtake.embed import WORDS, Embedder, choose_embedder, embed_kept, open_embedder
from longtake.engines import AUTO, suggest_vlm
from longtake.errors import (
    EngineError,
    ModelError,
)
from longtake.inference.engine import Engine
from longtake.inference.questions import hold_talk
from longtake.inference.scheduler import Work
from longtake.models.table import find_vlms_here
from longtake.pipeline.open_engines import Writer
from longtake.records import Chapter, Description, Material, Progress, Steps, Summary
from longtake.settings import Settings
from longtake.text.clauses import shorten
from longtake.text.untrusted import one_line
from longtake.timecode import Span

EMBED_STEP = 256
"""Sentences whose vectors are kept before the progress is told again."""
MOST_SHOWN_WORDS = 8
CHAPTER_SECONDS = 10.0


def sum_up(
    work: Work, writer: Writer, judging: Engine | None, material: Material
) -> Steps[Summary | None]:
    """The summary, checked; None where there is nothing to tell of."""
    if not any(d.text or d.speech or d.on_screen for d in material.descriptions):
        return None
    if isinstance(writer, Engine):
        summary = yield from _ask_for_summary(work, writer, material.descriptions)
        if summary:
            chapters = settle_chapters(summary.chapters, material.video.duration)
            summary = replace(summary, chapters=chapters)
            return (yield from _check(work, judging, summary, material.descriptions))
        why = f"no summary that could be used came from {writer.name}, so there are quotes instead"
        digest = yield from _digest(work, material)
        made = re.sub("^made without a [a-z-]+ model", "made of quotes", digest.made_by)
        return replace(digest, made_by=made, remarks=(why, *digest.remarks))
    return (yield from _digest(work, material))


def settle_chapters(chapters: Sequence[Chapter], duration: float) -> tuple[Chapter, ...]:
    """The chapters as all reports tell them: from 0:00 to the end, none shorter than ten seconds.

    What is shorter belongs to the one before it, and one alone is none. YouTube takes no others
    (support.google.com/youtube/answer/9884579).
    """
    starts: list[float] = []
    titles: list[str] = []
    for chapter in chapters:
        start = chapter.span.start if starts else 0.0
        long = not starts or start - starts[-1] >= CHAPTER_SECONDS <= duration - start
        if long:
            starts.append(start)
            titles.append(chapter.title)
    if len(starts) < 2:
        return ()
    spans = map(Span, starts, [*starts[1:], duration])
    return tuple(map(Chapter, spans, titles))


def _ask_for_summary(
    work: Work, engine: Engine, descriptions: Sequence[Description]
) -> Steps[Summary | None]:
    engine.load()
    talk = reconcile.reconcile(
        descriptions, engine.capabilities, engine.count_tokens, work.settings
    )
    note = f"summarising with {engine.name}"
    summary = yield from hold_talk(work, "reconcile", reconcile.VERSION, engine, talk, note)
    return summary and replace(summary, made_by=f"written by {engine.name}")


def _digest(work: Work, material: Material) -> Steps[Summary]:
    """What is said, written and described, in its own best words."""
    settings = work.settings
    language = material.language or guess_language(list_texts(material))
    quotes = list_quotes(material.descriptions, material.words, language)
    name, why = choose_embedder(settings, language)
    opened, why = _open_embedder(settings, name, why) if quotes else (None, why)
    row = pick_row(quotes)
    note = f"finding topics in {len(row)} sentences with {opened.name if opened else WORDS}"
    yield Progress("digest", 0, len(row), note)
    with opened or nullcontext():
        for done in range(0, len(row) if opened else 0, EMBED_STEP):
            assert opened
            embed_kept(opened, work.store, [q.text for q in row[done : done + EMBED_STEP]])
            yield Progress("digest", min(done + EMBED_STEP, len(row)), len(row))
        digest = make_digest(
            quotes,
            material.video.duration,
            partial(embed_kept, opened, work.store) if opened else None,
            language=language,
            length=settings.length,
            focus=settings.focus,
        )
    by = opened.name if opened else WORDS
    sparse = len(quotes) < FEWEST_QUOTES and not any(d.is_prose for d in material.descriptions)
    summary = as_summary(digest, quotes, material)
    return replace(
        summary,
        chapters=settle_chapters(summary.chapters, material.video.duration),
        sparse=sparse,
        compared_by=f"{by}: {why}" if quotes else "",
        remarks=(
            *_list_unmet(settings, quotes, digest),
            *(_say_what_looks() if sparse else ()),
        ),
    )


def _open_embedder(settings: Settings, name: str, why: str) -> tuple[Embedder | None, str]:
    """The embedder, and why it serves; `auto` goes on by words where its files are damaged."""
    try:
        return open_embedder(name, settings, why), why
    except ModelError as error:
        if settings.embedder != AUTO:
            raise
        return None, error.message


def _say_what_looks() -> tuple[str, str]:
    """Which model would describe the pictures, and the command that brings it."""
    if here := find_vlms_here():
        return ("to know what is seen in it, let a model look:", f"--engine gguf:{here[0].name}")
    model = suggest_vlm()
    size = f"{model.bytes / 1e9:.1f} GB"
    return (
        f"to know what is seen in it, fetch a vision-language model ({size}) and run this again:",
        f"longtake models pull {model.name}",
    )


def _list_unmet(settings: Settings, quotes: Sequence[Quote], digest: Digest) -> tuple[str, ...]:
    """What a digest can't meet of the settings or of a long text, a sentence each."""
    unmet = []
    if settings.language and quotes:
        shown = shorten(one_line(settings.language), MOST_SHOWN_WORDS)
        unmet.append(f"quotes stay in their language, whatever it is: only a model writes {shown}")
    if not digest.focused and quotes:
        shown = shorten(one_line(settings.focus), MOST_SHOWN_WORDS)
        unmet.append(f"nothing in it is near to {shown!r}")
    if digest.left_out:
        all_ = digest.left_out + MOST_COMPARED
        unmet.append(f"of {all_:,} sentences {MOST_COMPARED:,} were compared, evenly spread")
    return tuple(unmet)


def _check(
    work: Work, engine: Engine | None, summary: Summary, descriptions: Sequence[Description]
) -> Steps[Summary]:
    """Check each sentence against the descriptions that it cites."""
    talk = judge.hold(
        summary,
        {d.chunk.number: text for d in descriptions if (text := reconcile.say_chunk(d))},
        able=engine.capabilities if engine else None,
        count_tokens=engine.count_tokens if engine else None,
        judge=engine.name if engine else "",
        strict=work.settings.strict,
        spans={d.chunk.number: d.chunk.span for d in descriptions},
    )
    note = f"checking with {engine.name}" if engine else "checking the words"
    try:
        return (yield from hold_talk(work, "check", judge.VERSION, engine, talk, note))
    except EngineError as error:
        assert engine
        held = yield from _check(work, None, summary, descriptions)
        return replace(held, judge=judge.say_no_answer(engine.name, error.message))
