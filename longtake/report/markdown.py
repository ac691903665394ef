"""summary.md: the summary for a reader, with the chunks and times that each sentence rests on.

And chapters.txt, in the form that a description on YouTube takes.

What comes from the video or a model is escaped: it can't become a link, an image or markup.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from longtake.records import (
    Chapter,
    Entity,
    Gap,
    Ledger,
    Moment,
    Result,
    Sentence,
    Summary,
    Support,
)
from longtake.report.sections import divide, place, say, say_shots, say_tags, sum_tags
from longtake.text.safe import join_numbers, one_line
from longtake.timecode import Span, format_time

CHAPTER_SECONDS = 10.0
COMMANDS = ("longtake ", "--")
"""How a remark begins that is to be typed."""


def as_markdown(result: Result) -> str:
    """The whole file."""
    video = result.video
    title = result.summary.headline if result.summary else "No summary"
    lines = [f"# {_plain(title)}{mark_headline(result.summary)}", ""]
    lines += [f"{_plain(video.name)}, {format_time(video.duration)}", ""]
    lines += [f"<{video.link}>", ""] if re.fullmatch(r"https?://[!-;=?-~]+", video.link) else []
    lines += _summary(result) if result.summary else ["Nothing could be described.", ""]
    lines += _entities(result.entities)
    lines += _ledger(result.ledger, result.summary)
    lines += [f"{_plain(_engines(result))}."]
    return "\n".join(lines) + "\n"


def as_chapters(summary: Summary | None) -> str:
    """A line a chapter, `1:05 Title`, the first at 0:00 and none shorter than ten seconds.

    Otherwise YouTube takes none of them (support.google.com/youtube/answer/9884579).
    """
    lines: list[str] = []
    last = 0.0
    for chapter in summary.chapters if summary else ():
        start = chapter.span.start if lines else 0.0
        if not lines or start - last >= CHAPTER_SECONDS:
            title = one_line(chapter.title).translate({ord("<"): "‹", ord(">"): "›"})
            lines.append(f"{format_time(start)} {title}\n")
            last = start
    return "".join(lines)


def _summary(result: Result) -> list[str]:
    """What made it, points under their chapters, what detectors saw, what was not met."""
    summary = result.summary
    assert summary
    spans = {d.chunk.number: d.chunk.span for d in result.descriptions}
    lines = [f"*{_plain(say_made(result))}*", ""]
    sections = divide(summary)
    for section in sections:
        lines += [*_heading(section.chapter), *(_sentence(s, spans) for s in section.sentences), ""]
    lines += _legend(summary)
    lines += [f"{_plain(said)}\n" for said in say_seen(result)]
    if any(path.name == "sheet.png" for path in result.files):
        lines += ["![The first frame of each stretch](sheet.png)", ""]
    if summary.moments:
        lines += ["## Key moments", "", *map(_moment, summary.moments), ""]
    if summary.chapters and not any(section.chapter for section in sections):
        lines += ["## Chapters", ""]
        lines += [f"- {format_time(c.span.start)} {_plain(c.title)}" for c in summary.chapters]
        lines += [""]
    return lines


def _heading(chapter: Chapter | None) -> list[str]:
    return [f"## {format_time(chapter.span.start)} {_plain(chapter.title)}", ""] if chapter else []


def _sentence(sentence: Sentence, spans: Mapping[int, Span]) -> str:
    span = place(sentence, spans)
    when = f"{format_time(span.start) if sentence.span else span}, " if span else ""
    cited = f"{when}{name_chunks(sentence.evidence)}" if sentence.evidence else "no chunk"
    return f"- {_plain(say(sentence))} ({cited}){_mark(sentence.support, sentence.why)}"


def say_made(result: Result) -> str:
    """What made the summary, as a sentence, and how long the video is."""
    summary = result.summary
    made = summary.made_by if summary else ""
    return f"{made[:1].upper()}{made[1:]}." if made else ""


def say_seen(result: Result) -> list[str]:
    """A line each: what a reader has to know beside the points; none where there is nothing."""
    tags = say_tags(sum_tags(result.descriptions))
    said = [f"Seen by detectors, may be wrong: {tags}."] if tags else []
    if result.scan and result.summary and result.summary.sparse:
        said.insert(0, f"{say_shots(result.scan).capitalize()}.")
    remarks = result.summary.remarks if result.summary else ()
    return [*said, *map(end_remark, remarks)]


def end_remark(remark: str) -> str:
    """As a sentence; a command stays as it is typed."""
    if remark.startswith(COMMANDS):
        return remark
    end = "" if remark.endswith(":") else "."
    return f"{remark[:1].upper()}{remark[1:]}{end}"


def _moment(moment: Moment) -> str:
    mark = _mark(moment.support, moment.why)
    return f"- {moment.span} {_plain(moment.text)} (chunk {moment.chunk}){mark}"


def _mark(support: Support, why: str) -> str:
    """Nothing where the check found it supported."""
    if support == "unsupported":
        return f" **✗ unsupported{f': {_plain(why)}' if why else ''}**"
    return " ?" if support == "unchecked" else ""


def mark_headline(summary: Summary | None) -> str:
    """A mark behind a headline that the check could not settle."""
    return _mark(summary.headline_support, "") if summary and summary.judge else ""


def _legend(summary: Summary) -> list[str]:
    """What the marks mean that stand there."""
    supports = {s.support for s in summary.sentences} | {m.support for m in summary.moments}
    supports |= {summary.headline_support} if summary.judge else set()
    said = []
    if "unsupported" in supports:
        said.append("✗ the cited descriptions do not say that.")
    if "unchecked" in supports:
        said.append("? not checked: the words can't settle it, and no model did.")
    return [" ".join(said), ""] if said else []


def _entities(entities: Sequence[Entity]) -> list[str]:
    """Who the marks in descriptions and summary stand for."""
    lines = [
        f"- {_plain(f'[{e.mark}]')} {_plain(e.look)} ({name_chunks(e.chunks)})"
        if e.chunks
        else f"- {_plain(f'[{e.mark}]')} {_plain(e.look)}"
        for e in entities
    ]
    return ["## Who and what", "", *lines, ""] if lines else []


def say_checks(summary: Summary) -> str:
    """`5 sentences: 3 supported, 1 unsupported, 1 unchecked; checked by …`; nothing of quotes."""
    counts = Counter(s.support for s in summary.sentences if s.support != "quoted")
    total = counts.total()
    found = [
        f"{counts[support]} {support}"
        for support in ("supported", "unsupported", "unchecked")
        if counts[support]
    ]
    by = f"; checked by {summary.judge}" if summary.judge else ""
    name = "sentence" if total == 1 else "sentences"
    return f"{total} {name}: {', '.join(found)}{by}" if found else ""


def _ledger(ledger: Ledger, summary: Summary | None) -> list[str]:
    lines = ["## Ledger", "", say_ledger(ledger), ""]
    if summary and (checks := say_checks(summary)):
        lines += [f"{_plain(checks)}.", ""]
    if ledger.reuses:
        lines += [f"{say_reuses(ledger)}.", ""]
    lines += [f"{_plain(said)}.\n" for said in (*say_words(ledger), *say_remarks(ledger))]
    if ledger.gaps:
        lines += ["What the summary does not know:", ""]
        lines += [
            f"- {span} ({name_chunks(chunks)}): {_plain(reason)}"
            for span, chunks, reason in join_gaps(ledger.gaps)
        ]
        lines += [""]
    return lines


def say_ledger(ledger: Ledger) -> str:
    """The counts in one sentence."""
    chunks = "chunk" if ledger.planned == 1 else "chunks"
    reused = f" {ledger.reused} reused," if ledger.reused else ""
    reached = f"{ledger.summarized} in the summary"
    if ledger.cited < ledger.summarized:
        reached = f"{ledger.summarized} read for the summary, {ledger.cited} cited in it"
    return (
        f"{ledger.planned} {chunks} planned, {ledger.described} described,{reused}"
        f" {ledger.failed} failed, {reached}."
    )


def join_gaps(gaps: Sequence[Gap]) -> list[tuple[Span, tuple[int, ...], str]]:
    """Times, chunks and reason of the gaps; neighbours with the same reason are one."""
    joined: list[tuple[Span, tuple[int, ...], str]] = []
    runs = groupby(enumerate(gaps), key=lambda at: (at[1].chunk - at[0], at[1].reason))
    for (_, reason), run in runs:
        same = [gap for _, gap in run]
        span = Span(same[0].span.start, max(gap.span.end for gap in same))
        joined.append((span, tuple(gap.chunk for gap in same), reason))
    return joined


def say_reuses(ledger: Ledger) -> str:
    """`Not asked again: chunks 3–5 look the same as chunk 2`."""
    twins: dict[int, list[int]] = {}
    for chunk, other in ledger.reuses:
        twins.setdefault(other, []).append(chunk)
    said = [
        f"{name_chunks(chunks)} look{'s' if len(chunks) == 1 else ''} the same as chunk {other}"
        for other, chunks in twins.items()
    ]
    return f"Not asked again: {'; '.join(said)}"


def say_words(ledger: Ledger) -> list[str]:
    """What became of what is said and written, a line each."""
    said = (
        ("Speech", ledger.speech),
        ("On-screen text", ledger.text),
        ("Topics", ledger.topics and f"told apart by {ledger.topics}"),
        ("Context", ledger.context),
    )
    return [f"{name}: {what}" for name, what in said if what]


def say_remarks(ledger: Ledger) -> list[str]:
    """`Chunks 3–5: seen with …`, one for each remark."""
    chunks: dict[str, list[int]] = {}
    for chunk, remark in ledger.remarks:
        chunks.setdefault(remark, []).append(chunk)
    return [f"{name_chunks(numbers).capitalize()}: {remark}" for remark, numbers in chunks.items()]


def name_chunks(numbers: Sequence[int]) -> str:
    """`chunk 5`, `chunks 1–3, 7`."""
    return f"chunk{'s' if len(numbers) > 1 else ''} {join_numbers(numbers)}"


def _engines(result: Result) -> str:
    sentences = result.summary.sentences if result.summary else ()
    wrote = any(sentence.wording == "model" for sentence in sentences)
    stages = ("describe", "reconcile") if wrote else ("describe",)
    names = dict.fromkeys(usage.engine for usage in result.usage if usage.stage in stages)
    verb = "Descriptions from"
    if any(description.engine for description in result.descriptions):
        verb = "Described by" if any(d.is_prose for d in result.descriptions) else "Measured by"
    return f"{verb} " + ", summarised by ".join(names)


def _plain(text: str) -> str:
    """On one line, with everything escaped that Markdown or HTML would read as more than text."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]()#!|~$@])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"\b(https?(?=:)|ftp(?=:)|www(?=\.))", r"\1\\", line)
