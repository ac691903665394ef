"""summary.md: the summary for a reader, with the chunks and times that each sentence rests on.

And chapters.txt, in the form that a description on YouTube takes.

What comes from the video or a model is escaped: it can't become a link, an image or markup.
"""

import re
from collections.abc import Mapping, Sequence

from longtake.records import Chapter, Entity, Moment, Result, Sentence, Summary, Support
from longtake.report import phrases
from longtake.text.untrusted import one_line
from longtake.timecode import Span, format_time

NO_ANGLES = {ord("<"): "‹", ord(">"): "›"}
"""YouTube takes no title with angle brackets."""


def as_markdown(result: Result) -> str:
    """The whole file."""
    video = result.video
    title = result.summary.headline if result.summary else "No summary"
    support = _support(phrases.headline_support(result.summary)) if result.summary else ""
    lines = [f"# {_plain(title)}{support}", ""]
    lines += [f"{_plain(video.name)}, {format_time(video.duration)}", ""]
    lines += [f"<{video.link}>", ""] if re.fullmatch(r"https?://[!-;=?-~]+", video.link) else []
    lines += _summary(result) if result.summary else ["Nothing could be described.", ""]
    lines += _entities(result.entities)
    lines += _ledger(result)
    lines += [_plain(phrases.say_engines(result))]
    return "\n".join(lines) + "\n"


def as_chapters(summary: Summary | None) -> str:
    """A line a chapter, `1:05 Title`."""
    lines = [
        f"{format_time(c.span.start)} {one_line(c.title).translate(NO_ANGLES)}\n"
        for c in (summary.chapters if summary else ())
    ]
    return "".join(lines)


def _summary(result: Result) -> list[str]:
    """What made it, points under their chapters, what detectors saw, what was not met."""
    summary = result.summary
    assert summary
    spans = {d.chunk.number: d.chunk.span for d in result.descriptions}
    made = phrases.say_made(result)
    lines = [f"*{_plain(made)}*", ""] if made else []
    sections = phrases.divide(summary)
    for section in sections:
        lines += [*_heading(section.chapter), *(_sentence(s, spans) for s in section.sentences), ""]
    legend = phrases.explain_supports([summary])
    lines += [" ".join(f"{words}." for words in legend), ""] if legend else []
    lines += [f"{_plain(said)}\n" for said in phrases.say_seen(result)]
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
    when = phrases.say_place(sentence, spans)
    chunks = phrases.name_chunks(sentence.evidence) if sentence.evidence else "no chunk"
    cited = ", ".join(filter(None, (when, chunks)))
    return f"- {_plain(phrases.say(sentence))} ({cited}){_support(sentence.support, sentence.why)}"


def _moment(moment: Moment) -> str:
    support = _support(moment.support, moment.why)
    return f"- {moment.span} {_plain(moment.text)} (chunk {moment.chunk}){support}"


def _support(support: Support, why: str = "") -> str:
    """Nothing where the check found it supported."""
    said = _plain(phrases.say_support(support, why))
    return f" **{said}**" if support == "unsupported" else f" {said}".rstrip()


def _entities(entities: Sequence[Entity]) -> list[str]:
    """Who the marks in descriptions and summary stand for."""
    lines = [
        f"- {_plain(f'[{e.mark}]')} {_plain(e.look)}"
        + (f" ({phrases.name_chunks(e.chunks)})" if e.chunks else "")
        for e in entities
    ]
    return ["## Who and what", "", *lines, ""] if lines else []


def _ledger(result: Result) -> list[str]:
    """The counts, what is to be known beside them, and the gaps."""
    lines = ["## Ledger", "", phrases.say_ledger(result.ledger), ""]
    lines += [f"{_plain(note)}.\n" for note in phrases.list_notes(result)]
    gaps = [
        f"- {span} ({phrases.name_chunks(chunks)}): {_plain(reason)}"
        for span, chunks, reason in phrases.join_gaps(result.ledger.gaps)
    ]
    return [*lines, "What the summary does not know:", "", *gaps, ""] if gaps else lines


def _plain(text: str) -> str:
    """On one line, with everything escaped that Markdown or HTML would read as more than text."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]()#!|~$@])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"\b(https?(?=:)|ftp(?=:)|www(?=\.))", r"\1\\", line)
