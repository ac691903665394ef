"""A summary as a person goes through it: points under chapters, what detectors saw, the shots.

Says all of it in words that every report shows as they are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longtake.records import Chapter, Description, Scan, Sentence, Summary, Tag
from longtake.text.clauses import quote
from longtake.timecode import Span, format_tenths, format_time

MOST_TAGS, MOST_SHOTS = 8, 12
SHORT_SECONDS = 60.0
"""Of a video that is shorter, times have tenths."""


@dataclass(frozen=True)
class Section:
    """A chapter and the sentences that are quoted from it; None: those of no chapter."""

    chapter: Chapter | None
    sentences: tuple[Sentence, ...]


def divide(summary: Summary) -> list[Section]:
    """The sentences under their chapters, where each is quoted from one place; else all as one."""
    quoted = all(sentence.span for sentence in summary.sentences)
    if not (summary.chapters and summary.sentences and quoted):
        return [Section(None, summary.sentences)] if summary.sentences else []
    starts = [chapter.span.start for chapter in summary.chapters]
    found: list[list[Sentence]] = [[] for _ in starts]
    for sentence in summary.sentences:
        start = sentence.span.start if sentence.span else 0.0
        found[max(0, sum(begin <= start for begin in starts) - 1)].append(sentence)
    pairs = zip(summary.chapters, found, strict=True)
    return [Section(chapter, tuple(sentences)) for chapter, sentences in pairs]


def place(sentence: Sentence, spans: Mapping[int, Span]) -> Span | None:
    """When it is said or shown; of a sentence that is not quoted, the stretch of its chunks."""
    cited = [spans[number] for number in sentence.evidence if number in spans]
    if sentence.span or not cited:
        return sentence.span
    return Span(min(span.start for span in cited), max(span.end for span in cited))


def say(sentence: Sentence) -> str:
    """A sentence as it is shown: what was said or written stands in quotation marks."""
    if sentence.source == "voice":
        return quote(sentence.text)
    return f"On screen: {quote(sentence.text)}" if sentence.source == "screen" else sentence.text


def sum_tags(descriptions: Sequence[Description]) -> list[Tag]:
    """What detectors saw in the whole video, by the share of its time, the most first."""
    seconds: dict[str, float] = defaultdict(float)
    for description in descriptions:
        for tag in description.tags:
            seconds[tag.label] += tag.share * description.chunk.span.seconds
    total = sum(description.chunk.span.seconds for description in descriptions) or 1.0
    order = sorted(seconds, key=lambda label: -seconds[label])[:MOST_TAGS]
    return [Tag(label, round(seconds[label] / total, 3)) for label in order]


def say_tags(tags: Sequence[Tag]) -> str:
    """`person 100 %, bicycle 40 %`; what was hardly seen is under one per cent."""
    shares = [(tag.label, round(100 * tag.share)) for tag in tags]
    return ", ".join(f"{label} {f'{share} %' if share else 'under 1 %'}" for label, share in shares)


def say_shots(scan: Scan) -> str:
    """How many shots, and when the first of them begin; whether the picture stands still."""
    length = scan.shots[-1].span.end if scan.shots else 0.0
    write = format_tenths if length < SHORT_SECONDS else format_time
    starts = [write(shot.span.start) for shot in scan.shots]
    more = f" and {len(starts) - MOST_SHOTS} more" if len(starts) > MOST_SHOTS else ""
    said = "one shot"
    if len(starts) > 1:
        said = f"{len(starts)} shots, from {', '.join(starts[:MOST_SHOTS])}{more}"
    for name, spans in (("stands still", scan.frozen), ("is dark", scan.black)):
        share = sum(span.seconds for span in spans) / max(length, 0.001)
        if share >= 0.1:
            said += f"; the picture {name} for {min(100, round(100 * share))} % of the time"
    return said
