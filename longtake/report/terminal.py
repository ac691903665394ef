"""What a person reads in the terminal: of a result, and of a scan."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from longtake.records import Overview, Result, Sentence, Summary
from longtake.report import phrases
from longtake.text.untrusted import join_numbers, one_line
from longtake.timecode import Span, format_tenths, format_time

WIDTH = 96
"""Letters in a line of prose, where the terminal holds as many."""


def say_overview(overview: Overview) -> str:
    """The shots, what stands still or is dark, and how many chunks they make."""
    scan = overview.scan
    lines = [f"{overview.video.name}: {format_time(overview.video.duration)}", ""]
    for number, shot in enumerate(scan.shots, start=1):
        how = "" if shot.begins in ("start", "cut") else f", begins with a {shot.begins}"
        lines.append(f"{number:>5} {_exact(shot.span)} ({shot.span.seconds:.2f} s{how})")
    lines.append("")
    lines += [f"   note: {note}" for note in phrases.say_file(overview.video)]
    for name in ("black", "blank", "frozen"):
        spans = getattr(scan, name)
        if spans:
            seconds = sum(span.seconds for span in spans)
            lines.append(f"{name:>7}: {seconds:.1f} s in {len(spans)}, first {_exact(spans[0])}")
    lines.append(f" counts: {len(scan.shots)} shots, {len(overview.chunks)} chunks")
    lines += [f"    gap: {c.span}: {c.missing}" for c in overview.chunks if c.missing]
    lines += ["", *say_place(overview.files)] if overview.files else []
    return "".join(f"{safe_line(line)}\n" for line in lines)


def _exact(span: Span) -> str:
    return f"{format_tenths(span.start)}–{format_tenths(span.end)}"


def say_result(result: Result, *, verbose: bool = False) -> str:
    """The summary as a person reads it, or the descriptions; then what was lost, and where it lies.

    With `verbose`, how it was made, too.
    """
    summary = result.summary
    lines = _say_summary(result, summary) if summary else _say_descriptions(result)
    lines += ["", *_say_making(result)] if verbose else [""]
    lines += [f"note: {note}" for note in phrases.say_file(result.video)]
    lines += [
        f"gap: {span} ({phrases.name_chunks(chunks)}): {reason}"
        for span, chunks, reason in phrases.join_gaps(result.ledger.gaps)
    ]
    lines += [f"note: {remark}" for remark in phrases.say_remarks(result.ledger)]
    return "".join(f"{safe_line(line)}\n" for line in (*lines, *say_place(result.files)))


def say_place(files: Sequence[Path]) -> list[str]:
    """The last line: the folder of these files, and their names; none where there are none."""
    names = ", ".join(path.name for path in files)
    return [safe_line(f"{files[0].parent}: {names}")] if files else []


def _say_making(result: Result) -> list[str]:
    """What became of every chunk, of the check, and of what is said and written."""
    ledger = result.ledger
    said = (
        ("ledger", phrases.say_ledger(ledger)),
        ("check", phrases.say_checks(result.summary) if result.summary else ""),
        ("speech", ledger.speech),
        ("text", ledger.text),
        ("topics", ledger.topics and f"told apart by {ledger.topics}"),
        ("context", ledger.context),
        ("servers", "; ".join(phrases.say_servers(result.usage))),
    )
    return [f"{name:>7}: {what}" for name, what in said if what]


def _say_descriptions(result: Result) -> list[str]:
    return [f"{d.chunk.span!s:>12}  {d.text or f'({d.error})'}" for d in result.descriptions]


def _say_summary(result: Result, summary: Summary) -> list[str]:
    """Headline, what made it, points under their chapters, what detectors saw."""
    spans = {d.chunk.number: d.chunk.span for d in result.descriptions}
    support = phrases.say_support(phrases.headline_support(summary))
    lines = [f"{summary.headline} {support}".rstrip()]
    lines += [f"{result.video.name}, {format_time(result.video.duration)}", ""]
    lines += _wrap(phrases.say_made(result), "")
    for section in phrases.divide(summary):
        lines.append("")
        if section.chapter:
            lines.append(f"{format_time(section.chapter.span.start):>7}  {section.chapter.title}")
        for sentence in section.sentences:
            lines += _say_sentence(sentence, spans)
    if summary.chapters and not any(section.chapter for section in phrases.divide(summary)):
        lines += ["", "chapters"]
        lines += [f"{format_time(c.span.start):>7}  {c.title}" for c in summary.chapters]
    seen = phrases.say_seen(result)
    return [*lines, "", *[line for said in seen for line in _wrap(said, "")]] if seen else lines


def _say_sentence(sentence: Sentence, spans: Mapping[int, Span]) -> list[str]:
    """With its time, its chunks, and a mark where the check did not find it supported."""
    span = phrases.place(sentence, spans)
    support = phrases.say_support(sentence.support, sentence.why)
    when = format_time(span.start) if span else ""
    numbers = join_numbers(sentence.evidence)
    return _wrap(f"{phrases.say(sentence)} [{numbers}] {support}".rstrip(), f"{when:>7}  ")


def _wrap(text: str, head: str) -> list[str]:
    """The text in lines of the terminal's width, behind the head."""
    line = one_line(text)
    return textwrap.wrap(
        line,
        max(min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns), len(head) + 20),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def safe_line(line: str) -> str:
    """The line as it stands, its indent kept, without characters that act on a terminal."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + one_line(line)
