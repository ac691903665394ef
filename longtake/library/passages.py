"""What of a result can be found again: its sentences, each with its times and whose words it is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from longtake.digest.quotes import list_quotes
from longtake.records import Material, Source, Summary
from longtake.timecode import Span

KINDS = ("seen", "said", "read", "told", "action")
"""How a passage is known: described or detected, spoken, written in the picture, summarised, named
by a model of actions. Indexes keep a kind by its place here.
"""
TOLD_TO_MODELS = ("seen", "said", "read", "told")
"""What answers rest on: a label that a model of actions gave is found, and is no proof."""
_KIND_OF: dict[Source, str] = {"description": "seen", "voice": "said", "screen": "read"}


@dataclass(frozen=True)
class Passage:
    """A sentence of one of the kinds, and the stretch of the video that it is of."""

    kind: str
    span: Span
    text: str


def list_passages(material: Material, summary: Summary | None, language: str) -> list[Passage]:
    """All that is described, said and written, and what the summary tells, in time order.

    Behind it what is done: between two sentences it would keep them from being neighbours.
    """
    quotes = list_quotes(material.descriptions, material.words, language)
    known = [Passage(_KIND_OF[q.source], q.span, q.text) for q in quotes]
    tagged = [
        Passage("seen", d.chunk.span, ", ".join(tag.label for tag in d.tags))
        for d in material.descriptions
        if d.tags and not d.is_prose
    ]
    done = {Passage("action", a.span, a.label) for d in material.descriptions for a in d.actions}
    told = _list_told(summary, material) if summary else ()
    return [*_sort({*known, *tagged, *told}), *_sort(done)]


def _sort(passages: Iterable[Passage]) -> list[Passage]:
    return sorted(passages, key=lambda p: (p.span, KINDS.index(p.kind), p.text))


def _list_told(summary: Summary, material: Material) -> Iterator[Passage]:
    """Headline, chapters and sentences of a summary's own; what it quotes is known already."""
    whole = Span(0.0, material.video.duration)
    if summary.headline != Path(material.video.name).stem:
        yield Passage("told", whole, summary.headline)
    for chapter in summary.chapters:
        yield Passage("told", chapter.span, chapter.title)
    spans = {d.chunk.number: d.chunk.span for d in material.descriptions}
    for sentence in summary.sentences:
        if sentence.wording == "model" and sentence.support != "unsupported":
            yield Passage("told", _join(sentence.evidence, spans) or whole, sentence.text)


def _join(chunks: Sequence[int], spans: dict[int, Span]) -> Span | None:
    found = [spans[number] for number in chunks if number in spans]
    return Span(found[0].start, max(s.end for s in found)) if found else None
