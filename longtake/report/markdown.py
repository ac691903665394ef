"""summary.md: the summary for a reader, with the chunks and times that each sentence rests on.

What comes from the video or a model is escaped: it can't become a link, an image or markup.
"""

import re
from collections.abc import Sequence

from longtake.plain import one_line
from longtake.records import Ledger, Result, StageUsage, Summary
from longtake.timecode import format_time


def as_markdown(result: Result) -> str:
    """The whole file."""
    video = result.video
    title = result.summary.headline if result.summary else "No summary"
    lines = [f"# {_plain(title)}", ""]
    lines += [f"{_plain(video.path.name)}, {format_time(video.duration)}", ""]
    lines += _summary(result) if result.summary else ["Nothing could be described.", ""]
    lines += _ledger(result.ledger)
    lines += [f"{_plain(note)}\n" for note in say_failures(result.usage)]
    lines += [f"Described by {_plain(_engines(result))}."]
    return "\n".join(lines) + "\n"


def _summary(result: Result) -> list[str]:
    summary = result.summary
    assert summary
    spans = {d.chunk.number: d.chunk.span for d in result.descriptions}
    lines = []
    for sentence in summary.sentences:
        start = format_time(min(spans[n].start for n in sentence.evidence))
        end = format_time(max(spans[n].end for n in sentence.evidence))
        mark = "" if sentence.wording == "model" else " ·"
        chunks = name_chunks(sentence.evidence)
        lines.append(f"- {_plain(sentence.text)} ({start}–{end}, {chunks}){mark}")
    lines += ["", *_marks(summary)]
    lines += ["## Chapters", ""]
    lines += [f"- {format_time(c.span.start)} {_plain(c.title)}" for c in summary.chapters]
    return [*lines, ""]


def _marks(summary: Summary) -> list[str]:
    if all(sentence.wording == "model" for sentence in summary.sentences):
        return []
    return ["· made of the descriptions' own words, without a model.", ""]


def _ledger(ledger: Ledger) -> list[str]:
    lines = ["## Ledger", "", say_ledger(ledger), ""]
    if ledger.reuses:
        lines += [f"{say_reuses(ledger)}.", ""]
    lines += [f"{_plain(said)}.\n" for said in (*say_words(ledger), *say_remarks(ledger))]
    if ledger.gaps:
        lines += ["What the summary does not know:", ""]
        lines += [f"- {g.span} (chunk {g.chunk}): {_plain(g.reason)}" for g in ledger.gaps]
        lines += [""]
    return lines


def say_ledger(ledger: Ledger) -> str:
    """The counts in one sentence."""
    chunks = "chunk" if ledger.planned == 1 else "chunks"
    reused = f" {ledger.reused} reused," if ledger.reused else ""
    return (
        f"{ledger.planned} {chunks} planned, {ledger.described} described,{reused}"
        f" {ledger.failed} failed, {ledger.summarized} in the summary."
    )


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
    said = (("Speech", ledger.speech), ("On-screen text", ledger.text))
    return [f"{name}: {what}" for name, what in said if what]


def say_remarks(ledger: Ledger) -> list[str]:
    """`Chunks 3–5: seen with …`, one for each remark."""
    chunks: dict[str, list[int]] = {}
    for chunk, remark in ledger.remarks:
        chunks.setdefault(remark, []).append(chunk)
    return [f"{name_chunks(numbers).capitalize()}: {remark}" for remark, numbers in chunks.items()]


def say_failures(usage: Sequence[StageUsage]) -> list[str]:
    """What the reconciler left unanswered; of the describer's failures the gaps tell."""
    return [
        f"{part.failed} {'question' if part.failed == 1 else 'questions'} to {part.engine} got no"
        " reply that could be used; the descriptions' own words stand there. Commonest reason:"
        f" {part.reason}"
        for part in usage
        if part.stage == "reconcile" and part.failed
    ]


def name_chunks(numbers: Sequence[int]) -> str:
    """`chunk 5`, `chunks 1–3, 7`."""
    return f"chunk{'s' if len(numbers) > 1 else ''} {join_numbers(numbers)}"


def join_numbers(numbers: Sequence[int]) -> str:
    """`1–3, 7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)


def _engines(result: Result) -> str:
    asked = [usage for usage in result.usage if usage.stage in ("describe", "reconcile")]
    names = dict.fromkeys(usage.engine for usage in asked)
    return ", summarised by ".join(names)


def _plain(text: str) -> str:
    """On one line, with everything escaped that Markdown or HTML would read as more than text."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]()#!|~$@])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"\b(https?(?=:)|ftp(?=:)|www(?=\.))", r"\1\\", line)
