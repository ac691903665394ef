"""A question answered from passages of the library: routed, asked, checked, with what proves it.

Asks nobody itself: it yields questions and is sent the answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from longtake.check import judge
from longtake.inference.engine import Capabilities, Reply, Request
from longtake.inference.questions import CountTokens, Question, Talk
from longtake.library.index import KnownPassage, LibraryVideo
from longtake.library.search import MOST_QUERY_LETTERS, FoundMoment
from longtake.prompts import read_prompt
from longtake.reconcile.replies import answer_schema, read_answer, read_route, route_schema
from longtake.reconcile.tree import Budget
from longtake.records import Sentence, Summary, Support
from longtake.text.untrusted import defuse, one_line
from longtake.timecode import Span

VERSION = 1
"""Part of each answer's key: raised whenever questions or replies are read in another way."""
ROUTE_TOKENS, REPLY_TOKENS = 16, 400
MOST_SENTENCES = 6
NEIGHBOUR_SECONDS = 15.0
"""Passages no farther from a moment are told with it."""
LEAST_LINES = 3
"""With room for fewer there is no use in asking."""

MOST_EARLIER, EARLIER_LETTERS = 3, 400
"""Earlier questions that are told with one that may follow upon them, and letters of each text."""

Around = Callable[[int], Sequence[KnownPassage]]
"""All passages of a video, in time order."""


@dataclass(frozen=True)
class Proof:
    """A passage that a sentence rests on, and its video."""

    video: LibraryVideo
    span: Span
    kind: str
    text: str


@dataclass(frozen=True)
class AnswerSentence:
    """A sentence of an answer, what came of its check, and what proves it."""

    text: str
    support: Support
    proofs: tuple[Proof, ...]


@dataclass(frozen=True)
class Told:
    """What a model told: sentences that cite lines by their numbers from 1."""

    sentences: tuple[Sentence, ...]
    lines: tuple[KnownPassage, ...]


@dataclass(frozen=True)
class Earlier:
    """A question that was asked before, and what was answered."""

    question: str
    answer: str


def follow(question: str, earlier: Sequence[Earlier]) -> str:
    """What to look for: the words of the question, and of the one that it follows upon."""
    words = [question, *(_shorten(last.question) for last in earlier[-1:])]
    return " ".join(words)[:MOST_QUERY_LETTERS] if earlier else question


def tell_earlier(question: str, earlier: Sequence[Earlier]) -> str:
    """The question on one line, after the newest of those that it may follow upon."""
    told = [
        f'Asked before: "{_shorten(e.question)}" Answered: "{_shorten(e.answer) or "not known"}"'
        for e in earlier[-MOST_EARLIER:]
    ]
    return " ".join([*told, *(["Asked now:"] if told else []), one_line(question)])


def _shorten(text: str) -> str:
    return one_line(text)[:EARLIER_LETTERS].replace('"', "'")


def answer(
    question: str,
    moments: Sequence[FoundMoment],
    videos: Mapping[int, LibraryVideo],
    around: Around,
    able: Capabilities,
    count_tokens: CountTokens,
) -> Talk[Told]:
    """The sentences that answer a question; none where the passages don't tell."""
    needs = yield from _route(question)
    budget = Budget(able.context_tokens, count_tokens)
    prompt = read_prompt("ask")
    room = budget.room(prompt, REPLY_TOKENS)
    chosen = _choose(needs, moments, list(videos), around)
    lines = _fit(chosen, videos, question, lambda text: budget.fits(text, room))
    if len(lines) < min(LEAST_LINES, len(chosen)) or not lines:
        return Told((), tuple(lines))
    citable = frozenset(range(1, len(lines) + 1))
    request = Request(
        prompt.system,
        (_show(lines, videos, question),),
        REPLY_TOKENS,
        examples=prompt.examples,
        schema=answer_schema(MOST_SENTENCES),
    )

    def accept(reply: Reply) -> None:
        read_answer(reply.text, citable, MOST_SENTENCES, reply.complete)

    (reply,) = yield [Question(request, accept)]
    cited = read_answer(reply, citable, MOST_SENTENCES) if reply else ()
    return Told(tuple(Sentence(text, numbers) for text, numbers in cited), tuple(lines))


def check(
    told: Told,
    videos: Mapping[int, LibraryVideo],
    able: Capabilities | None,
    count_tokens: CountTokens | None,
    checked_by: str,
) -> Talk[tuple[AnswerSentence, ...]]:
    """The sentences that hold against the lines they cite, as those of a summary are held.

    How many lines a sentence cites is known, too: it may say that number.
    """
    if not told.sentences:
        return ()
    sources = {number: p.text for number, p in enumerate(told.lines, 1)}
    counted = []
    for place, sentence in enumerate(told.sentences, 1):
        sources[-place] = f"There are {len(sentence.evidence)} of these."
        counted.append(replace(sentence, evidence=(*sentence.evidence, -place)))
    summary = yield from judge.hold(
        Summary(counted[0].text, tuple(counted)),
        sources,
        able=able,
        count_tokens=count_tokens,
        judge=checked_by,
        strict=True,
    )
    return tuple(
        AnswerSentence(s.text, s.support, tuple(_prove(told.lines[n - 1], videos) for n in cited))
        for s in summary.sentences
        for cited in [[n for n in s.evidence if n > 0]]
    )


def _route(question: str) -> Talk[str]:
    """What is needed to answer: one moment, the whole, or all of it."""
    prompt = read_prompt("ask_route")
    request = Request(
        prompt.system,
        (_say(question),),
        ROUTE_TOKENS,
        examples=prompt.examples,
        schema=route_schema(),
    )
    (reply,) = yield [Question(request, lambda found: None)]
    return read_route(reply or "")


def _choose(
    needs: str, moments: Sequence[FoundMoment], videos: Sequence[int], around: Around
) -> list[KnownPassage]:
    """The passages that are told, the most telling first."""
    near = [passage for moment in moments for passage in _with_neighbours(moment, around)]
    found = [passage for moment in moments for passage in moment.passages]
    outline = [p for video in videos for p in around(video) if p.kind == "told"]
    rest = [p for video in videos for p in around(video)]
    ways = {"whole": [*outline, *near, *rest], "all": [*found, *rest]}
    return list(dict.fromkeys(ways.get(needs, [*near, *outline])))


def _with_neighbours(moment: FoundMoment, around: Around) -> Sequence[KnownPassage]:
    first, last = moment.span.start - NEIGHBOUR_SECONDS, moment.span.end + NEIGHBOUR_SECONDS
    near = [
        p
        for p in around(moment.video.id)
        if p.kind != "told" and p.span.end >= first and p.span.start <= last
    ]
    return [*moment.passages, *near]


def _fit(
    told: Sequence[KnownPassage],
    videos: Mapping[int, LibraryVideo],
    question: str,
    fits: Callable[[str], bool],
) -> list[KnownPassage]:
    """As many of the first ones as a question has room for, in the order of videos and times."""
    low, high = 0, len(told)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_show(told[:middle], videos, question)):
            low = middle
        else:
            high = middle - 1
    return sorted(told[:low], key=lambda p: (p.video, p.span, p.id))


def _show(lines: Sequence[KnownPassage], videos: Mapping[int, LibraryVideo], question: str) -> str:
    shown = [
        f"[{number}] {_say(videos[p.video].name)}, {p.span}, {p.kind}: {_say(p.text)}"
        for number, p in enumerate(lines, 1)
    ]
    return "\n".join(["Lines:", *shown, "", f"Question: {_say(question)}"])


def _say(text: str) -> str:
    """Whatever it holds, it begins no line and closes no turn."""
    return defuse(one_line(text))


def _prove(passage: KnownPassage, videos: Mapping[int, LibraryVideo]) -> Proof:
    return Proof(videos[passage.video], passage.span, passage.kind, passage.text)
