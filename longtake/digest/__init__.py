"""A digest: what is said and written in a video, in its own best words.

Sentences are cut into topics, and of each topic those that stand for it are quoted whole. Knows no
engine and no store: it is given what makes vectors of texts.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from longtake.digest.choose_quotes import choose_quotes, load_chatter, weigh_quotes
from longtake.digest.phrases import find_phrases
from longtake.digest.quotes import Quote, list_quotes
from longtake.digest.topics import add_company, find_topics
from longtake.digest.word_weights import guess_language, weigh_words
from longtake.timecode import Span

__all__ = ["Digest", "Embed", "Quote", "Topic", "list_quotes", "make_digest", "pick_row"]

Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts to unit vectors of shape (texts, size)."""


@dataclass(frozen=True)
class Topic:
    """A stretch of one subject: its title, and the quotes that stand for it, in time order."""

    span: Span
    title: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True)
class Digest:
    """The topics in time order, and the phrases of the whole.

    `focused` says whether anything is near to the focus; also where there is none. `left_out` is
    how many sentences were too many to compare.
    """

    topics: tuple[Topic, ...]
    phrases: tuple[str, ...]
    focused: bool = True
    left_out: int = 0


CUT_PRICE, OWN = 4.0, 2.0
WORDS_CUT_PRICE, WORDS_OWN = 5.0, 1.0
"""What a cut must save of the scatter, and what a sentence itself counts beside its company: of an
embedder's vectors, and of weighted words.

Tried on 56 talks joined of prose on known subjects (`python -m benchmarks.digest`); cheaper cuts
find more of the changes within one book, and more that are none.
"""
MOST_COMPARED = 10_000
"""Sentences; twelve hours of talk have as many. Of more, these lie evenly among all."""
SENTENCES = {"short": 4, "medium": 16, "long": 32}
MOST_SHARE = {"short": 0.15, "medium": 0.6, "long": 0.9}
"""So much of what is said may stand in the digest of a short video."""
MOST_TOPICS = {"short": 12, "medium": 12, "long": 24}
FEWEST_TOLD = 8
"""Of fewer sentences said or described, the text in the pictures may say more."""
HEADLINE_PHRASES = 3
"""Of so many topics, the largest, the first phrase."""
FOCUS_NEAR, WORDS_FOCUS_NEAR = 0.3, 0.1
"""From here on a sentence is near to the focus: by an embedder, and by words."""
HEADING_PRICE = 0.1
"""What a cut costs where a new heading stands on screen, in place of 1."""
LONG_PAUSE_SECONDS = 8.0
"""A silence as long halves the price of a cut."""
LEAD_SECONDS = 6.0
"""A heading belongs to what begins to be said so near to it."""
MOST_HEADING_LETTERS = 80


def make_digest(
    quotes: Sequence[Quote],
    duration: float,
    embed: Embed | None,
    *,
    language: str = "",
    length: str = "medium",
    focus: str = "",
) -> Digest:
    """The digest of quotes in time order, of a video of `duration` seconds; none gives no topic.

    Without `embed`, sentences are compared by their weighted words.
    """
    row = pick_row(quotes)
    if not row:
        return Digest((), ())
    language = language or guess_language([quote.text for quote in row])
    vectors, known, nearness = _compare(row, embed, language, focus)
    runs = groupby((quote for quote in quotes if quote.heading), key=lambda q: q.text.casefold())
    headings = [next(run) for _, run in runs]  # each once for as long as no other comes
    price, own = (CUT_PRICE, OWN) if embed else (WORDS_CUT_PRICE, WORDS_OWN)
    prices = price * _price(row, headings)
    starts = find_topics(add_company(vectors, own), prices, MOST_TOPICS[length])
    parts = [range(a, b) for a, b in pairwise([*starts, len(row)])]
    count = min(SENTENCES[length], math.ceil(len(row) * MOST_SHARE[length]))
    count = max(count, len(parts))
    near = FOCUS_NEAR if embed else WORDS_FOCUS_NEAR
    wanted = [k for k in np.argsort(-nearness)[: count // 2].tolist() if nearness[k] >= near]
    chosen = _choose(row, parts, vectors, known, count, wanted)
    phrases = find_phrases([[row[k].text for k in part] for part in parts], language)
    begins = [0.0, *(_find_start(row[part[0]], headings) for part in parts[1:])]
    spans = [Span(a, max(a, b)) for a, b in pairwise([*begins, max(duration, begins[-1])])]
    topics = [
        Topic(span, _make_title(span, headings, found) or f"Part {n}", tuple(row[k] for k in some))
        for n, (span, found, some) in enumerate(zip(spans, phrases, chosen, strict=True), 1)
    ]
    largest = sorted(range(len(parts)), key=lambda k: -len(parts[k]))[:HEADLINE_PHRASES]
    chief = [phrases[k][0] for k in sorted(largest) if phrases[k]]
    left_out = len(_pick_kinds(quotes)) - len(row)
    return Digest(tuple(topics), tuple(chief), not focus or bool(wanted), left_out)


def pick_row(quotes: Sequence[Quote]) -> list[Quote]:
    """What a digest quotes: what is said and described, or all, where text on screen has more.

    At most MOST_COMPARED of it, as time and memory grow with each.
    """
    row = _pick_kinds(quotes)
    count = min(len(row), MOST_COMPARED)
    return [row[(2 * k + 1) * len(row) // (2 * count)] for k in range(count)]


def _pick_kinds(quotes: Sequence[Quote]) -> list[Quote]:
    prose = [quote for quote in quotes if quote.source != "screen"]
    both = [q for q in quotes if q.source != "screen" or q.heading or " " in q.text]
    letters = [sum(len(quote.text) for quote in some) for some in (prose, both)]
    if len(prose) >= FEWEST_TOLD or 2 * letters[0] >= letters[1] > 0:
        return prose
    return both or list(quotes)


def _compare(
    row: Sequence[Quote], embed: Embed | None, language: str, focus: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each quote's vector, and how near it is to chatter, and to the focus: -1 where none is."""
    texts = [quote.text for quote in row]
    beside = [*(load_chatter() if embed else ()), *([focus] if focus else ())]
    both = [*texts, *beside]
    vectors = embed(both) if embed else weigh_words(both, language)
    own, chatter, wanted = np.split(vectors, [len(texts), len(both) - bool(focus)])
    near = [
        (own @ others.T).max(axis=1) if len(others) else np.full(len(texts), -1.0, np.float32)
        for others in (chatter, wanted)
    ]
    return own, near[0], near[1]


def _price(row: Sequence[Quote], headings: Sequence[Quote]) -> np.ndarray:
    """A share for each quote: a cut costs less after a silence, and where a heading is new."""
    prices = np.array([1 / (1 + quote.pause / LONG_PAUSE_SECONDS) for quote in row])
    starts = [quote.span.start for quote in row]
    for heading in headings:
        place = _find_nearest(starts, heading.span.start)
        if abs(starts[place] - heading.span.start) <= LEAD_SECONDS:
            prices[place] *= HEADING_PRICE
    return prices


def _find_nearest(times: Sequence[float], time: float) -> int:
    """The first place of the time that is nearest to this one; `times` are sorted."""
    after = bisect_left(times, time)
    before = bisect_left(times, times[max(0, after - 1)])
    return min((k for k in (before, after) if k < len(times)), key=lambda k: abs(times[k] - time))


def _choose(
    row: Sequence[Quote],
    parts: Sequence[range],
    vectors: np.ndarray,
    known: np.ndarray,
    count: int,
    wanted: Sequence[int],
) -> list[list[int]]:
    """The places of each part's quotes, so many in all; longer parts have more.

    What is `wanted` is among them.
    """
    worth = weigh_quotes(row)
    quoted: list[int] = []
    chosen: list[list[int]] = []
    for part, number in zip(parts, _share(parts, count), strict=True):
        own = [place for place in wanted if place in part]
        chosen.append(choose_quotes(part, vectors, worth, known, number, quoted, own))
        quoted += chosen[-1]
    return chosen


def _share(parts: Sequence[range], count: int) -> list[int]:
    """How many each part has of so many, by its length (Sainte-Laguë); one at least."""
    given = [1] * len(parts)
    for _ in range(count - len(parts)):
        best = max(range(len(parts)), key=lambda k: len(parts[k]) / (2 * given[k] + 1))
        given[best] += 1
    return given


def _find_start(first: Quote, headings: Sequence[Quote]) -> float:
    """When a topic begins: with its first sentence, or with the slide that comes just before."""
    times = [heading.span.start for heading in headings]
    near = [time for time in times if 0 <= first.span.start - time <= LEAD_SECONDS]
    return min([first.span.start, *near[-1:]])


def _make_title(span: Span, headings: Sequence[Quote], phrases: Sequence[str]) -> str:
    """The first heading that comes up in the topic, else the phrases that set it apart."""
    for heading in headings:
        begun = heading.span.start + LEAD_SECONDS
        if span.start <= begun < span.end and len(heading.text) <= MOST_HEADING_LETTERS:
            return heading.text
    title = ", ".join(phrases)
    return title[:1].upper() + title[1:]
