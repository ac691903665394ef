"""What a person reads in the terminal: of a result, and of a scan."""

from collections.abc import Mapping

from longtake.plain import join_numbers, one_line
from longtake.records import Overview, Result, Sentence
from longtake.report.markdown import (
    join_gaps,
    mark_headline,
    name_chunks,
    say_checks,
    say_failures,
    say_ledger,
    say_remarks,
)
from longtake.timecode import Span, format_tenths, format_time


def say_overview(overview: Overview) -> str:
    """The shots, what stands still or is dark, and how many chunks they make."""
    scan = overview.scan
    lines = [f"{overview.video.name}: {format_time(overview.video.duration)}", ""]
    for number, shot in enumerate(scan.shots, start=1):
        how = "" if shot.begins in ("start", "cut") else f", begins with a {shot.begins}"
        lines.append(f"{number:>5} {_exact(shot.span)} ({shot.span.seconds:.2f} s{how})")
    lines.append("")
    for name in ("black", "blank", "frozen"):
        spans = getattr(scan, name)
        if spans:
            seconds = sum(span.seconds for span in spans)
            lines.append(f"{name:>7}: {seconds:.1f} s in {len(spans)}, first {_exact(spans[0])}")
    lines.append(f" counts: {len(scan.shots)} shots, {len(overview.chunks)} chunks")
    lines += [f"    gap: {c.span}: {c.missing}" for c in overview.chunks if c.missing]
    lines += [f"  files: {path}" for path in overview.files]
    return "".join(f"{safe_line(line)}\n" for line in lines)


def _exact(span: Span) -> str:
    return f"{format_tenths(span.start)}–{format_tenths(span.end)}"


def say_result(result: Result) -> str:
    """The summary with its times and marks, or the descriptions; what became of every chunk."""
    lines = []
    if result.summary:
        spans = {d.chunk.number: d.chunk.span for d in result.descriptions}
        lines += [f"{result.summary.headline}{mark_headline(result.summary)}", ""]
        lines += [_say_sentence(sentence, spans) for sentence in result.summary.sentences]
    else:
        lines += [f"{d.chunk.span!s:>12}  {d.text or f'({d.error})'}" for d in result.descriptions]
    lines += ["", f"ledger: {say_ledger(result.ledger)}"]
    lines += [f" check: {say_checks(result.summary)}"] if result.summary else []
    lines += [f"speech: {result.ledger.speech}", f"  text: {result.ledger.text}"]
    lines += [f"context: {result.ledger.context}"] if result.ledger.context else []
    lines += [
        f"   gap: {span} ({name_chunks(chunks)}): {reason}"
        for span, chunks, reason in join_gaps(result.ledger.gaps)
    ]
    remarks = result.summary.remarks if result.summary else ()
    notes = (*remarks, *say_remarks(result.ledger), *say_failures(result.usage))
    lines += [f"  note: {note}" for note in notes]
    lines += [f" files: {path}" for path in result.files]
    return "".join(f"{safe_line(line)}\n" for line in lines)


def _say_sentence(sentence: Sentence, spans: Mapping[int, Span]) -> str:
    """With its time, its chunks, and a mark where the check did not find it supported."""
    cited = [spans[number] for number in sentence.evidence]
    span = Span(min(s.start for s in cited), max(s.end for s in cited)) if cited else ""
    why = f": {sentence.why}" if sentence.why else ""
    mark = {"supported": "", "unchecked": " ?", "unsupported": f" ✗ unsupported{why}"}
    numbers = join_numbers(sentence.evidence)
    return f"{span!s:>12}  {sentence.text} [{numbers}]{mark[sentence.support]}"


def safe_line(line: str) -> str:
    """The line as it stands, its indent kept, without characters that act on a terminal."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + one_line(line)
