"""Descriptions to a checked summary: written by a model, or put together as a digest.

Where the model gives no summary that can be used, the digest stands in, and says so.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from longtake import reconcile
from longtake.ask.engine import Engine
from longtake.ask.questions import hold_talk
from longtake.ask.scheduler import Work
from longtake.check import judge
from longtake.digest import Digest, Quote, list_quotes, make_digest, pick_row
from longtake.digest.words import guess_language
from longtake.embed import WORDS, Embedder, choose_embedder, embed_kept, open_embedder
from longtake.engines import AUTO, suggest_vlm
from longtake.errors import (
    EngineError,
    ModelError,
)
from longtake.models.table import find_vlms_here
from longtake.pipeline.engines import Writer
from longtake.records import (
    Chapter,
    Description,
    Node,
    Progress,
    Sentence,
    Steps,
    Summary,
    Video,
    Words,
)
from longtake.settings import Settings
from longtake.text.clauses import shorten
from longtake.text.safe import one_line

EMBED_STEP = 256
"""Sentences whose vectors are kept before the progress is told again."""
MOST_SHOWN_WORDS = 8
SUFFIXES = tuple(".mp4 .m4v .mkv .webm .mov .avi .mpg .mpeg .ts .flv .wmv .ogv .3gp".split())
FEWEST_QUOTES = 8
"""Of fewer, no phrase tells what they are about."""


@dataclass(frozen=True)
class Told:
    """What a summary is made of: descriptions, and the exact words of chunks where they are known.

    `language` is that of the words, as an ISO 639 code, or empty where it is not known; `heard_by`
    names the model that recognised what is said, empty where nobody had to.
    """

    video: Video
    descriptions: Sequence[Description]
    words: Mapping[int, Words]
    language: str = ""
    heard_by: str = ""


def sum_up(work: Work, writer: Writer, judging: Engine | None, told: Told) -> Steps[Summary | None]:
    """The summary, checked; None where there is nothing to tell of."""
    if not any(d.text or d.speech or d.on_screen for d in told.descriptions):
        return None
    if isinstance(writer, Engine):
        summary = yield from _ask_for_summary(work, writer, told.descriptions)
        if summary:
            return (yield from _check(work, judging, summary, told.descriptions))
        why = f"no summary that could be used came from {writer.name}, so there are quotes instead"
        digest = yield from _digest(work, told)
        made = re.sub("^made without a [a-z-]+ model", "made of quotes", digest.made_by)
        return replace(digest, made_by=made, remarks=(why, *digest.remarks))
    return (yield from _digest(work, told))


def _ask_for_summary(
    work: Work, engine: Engine, descriptions: Sequence[Description]
) -> Steps[Summary | None]:
    settings = work.settings
    engine.load()
    wish = reconcile.SummaryOptions(settings.length, settings.language, settings.focus)
    talk = reconcile.reconcile(descriptions, engine.capabilities, engine.count_tokens, wish)
    note = f"summarising with {engine.name}"
    summary = yield from hold_talk(work, "reconcile", reconcile.VERSION, engine, talk, note)
    return summary and replace(summary, made_by=f"written by {engine.name}")


def _digest(work: Work, told: Told) -> Steps[Summary]:
    """What is said, written and described, in its own best words."""
    settings = work.settings
    language = told.language or guess_language(_list_texts(told))
    quotes = list_quotes(told.descriptions, told.words, language)
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
            told.video.duration,
            partial(embed_kept, opened, work.store) if opened else None,
            language=language,
            length=settings.length,
            focus=settings.focus,
        )
    by = opened.name if opened else WORDS
    sparse = len(quotes) < FEWEST_QUOTES and not any(d.is_prose for d in told.descriptions)
    return replace(
        _as_summary(digest, quotes, told),
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


def _as_summary(digest: Digest, quotes: Sequence[Quote], told: Told) -> Summary:
    """The digest in the form that a model's summary has; one topic alone is no chapter."""
    described = any(d.is_prose for d in told.descriptions)
    what = "described, said and written" if described else "said and written"
    lacks = "text model" if described else "vision-language model"
    made = f"made without a {lacks}: what is {what}, in its own words{_say_heard(told, quotes)}"
    topics = [t for t in digest.topics if t.span.start < told.video.duration or not t.span.start]
    chapters = [Chapter(topic.span, topic.title) for topic in topics]
    return Summary(
        headline=_find_headline(digest, quotes, told.video),
        headline_support="quoted",
        sentences=tuple(_as_sentence(q) for topic in digest.topics for q in topic.quotes),
        chapters=tuple(chapters) if len(chapters) > 1 else (),
        nodes=(Node(0, tuple(d.chunk.number for d in told.descriptions if d.text), 0),),
        made_by=made if quotes else f"made without a {lacks}; no words of it are known",
    )


def _list_texts(told: Told) -> list[str]:
    """All that is said; where that is nothing, all that is written or described."""
    said = [d.speech for d in told.descriptions if d.speech]
    written = [d.on_screen for d in told.descriptions if d.on_screen]
    return said or written or [d.text for d in told.descriptions if d.is_prose]


def _say_heard(told: Told, quotes: Sequence[Quote]) -> str:
    """Who heard what is said, where somebody had to: it may be wrong."""
    if not told.heard_by or not any(quote.source == "voice" for quote in quotes):
        return ""
    alone = " and knows only English" if told.heard_by.endswith(".en") else ""
    return f"; the speech as {told.heard_by} heard it, which mishears some words{alone}"


def _as_sentence(quote: Quote) -> Sentence:
    return Sentence(
        quote.text, quote.chunks, "own words", "quoted", source=quote.source, span=quote.span
    )


def _find_headline(digest: Digest, quotes: Sequence[Quote], video: Video) -> str:
    """Its title, else the first heading on screen, its chief phrases, or the file's name."""
    title = "" if _is_file_name(video) else video.title
    headings = (quote.text for quote in quotes if quote.heading)
    phrases = ", ".join(digest.phrases) if len(quotes) >= FEWEST_QUOTES else ""
    phrases = phrases[:1].upper() + phrases[1:]
    return title or next(headings, "") or phrases or Path(video.name).stem


def _is_file_name(video: Video) -> bool:
    """Whether its title is but that of a file: of an upload, or of a link to a file."""
    return (
        video.title.casefold().endswith(SUFFIXES)
        or video.title == Path(urlsplit(video.link).path).stem
    )


def _say_what_looks() -> tuple[str, str]:
    """What would tell what is seen, and the command that brings it."""
    if here := find_vlms_here():
        return ("to know what is seen in it, let a model look:", f"--engine gguf:{here[0].name}")
    model = suggest_vlm()
    size = f"{model.bytes / 1e9:.1f} GB"
    return (
        f"to know what is seen in it, fetch a vision-language model ({size}) and run this again:",
        f"longtake models pull {model.name}",
    )


def _list_unmet(settings: Settings, quotes: Sequence[Quote], digest: Digest) -> tuple[str, ...]:
    """What of the wishes a digest does not meet."""
    unmet = []
    if settings.language and quotes:
        shown = shorten(one_line(settings.language), MOST_SHOWN_WORDS)
        unmet.append(f"quotes stay in their language, whatever it is: only a model writes {shown}")
    if not digest.focused and quotes:
        shown = shorten(one_line(settings.focus), MOST_SHOWN_WORDS)
        unmet.append(f"nothing in it is near to {shown!r}")
    return tuple(unmet)


def _check(
    work: Work, engine: Engine | None, summary: Summary, descriptions: Sequence[Description]
) -> Steps[Summary]:
    """Each sentence held against the descriptions that it cites."""
    talk = judge.hold(
        summary,
        {d.chunk.number: text for d in descriptions if (text := reconcile.tell(d))},
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
