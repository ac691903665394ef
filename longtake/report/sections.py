"""A summary as a person goes through it: points under chapters, each with its place in time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longtake.records import Chapter, Description, Sentence, Summary, Tag
from longtake.timecode import Span

MOST_TAGS = 8


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


def sum_tags(descriptions: Sequence[Description]) -> list[Tag]:
    """What detectors saw in the whole video, by the share of its time, the most first."""
    seconds: dict[str, float] = defaultdict(float)
    for description in descriptions:
        for tag in description.tags:
            seconds[tag.label] += tag.share * description.chunk.span.seconds
    total = sum(description.chunk.span.seconds for description in descriptions) or 1.0
    order = sorted(seconds, key=lambda label: -seconds[label])[:MOST_TAGS]
    return [Tag(label, round(seconds[label] / total, 3)) for label in order]
