"""Holds a summary against the descriptions it cites: by words always, by a model where one is.

A model's yes or no counts only after it has told true sentences from false ones in a trial. Asks
nobody itself: it yields questions and is sent the answers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from longtake.check.word_for_word import weigh
from longtake.errors import BadReply
from longtake.inference.engine import Capabilities, Reply, Request
from longtake.inference.questions import CountTokens, Question, Talk
from longtake.prompts import read_prompt
from longtake.records import Chapter, Moment, Sentence, Summary, Support
from longtake.text.clauses import QUOTES, TEXT, VOICE, halve, make_title
from longtake.text.entity_marks import unmark
from longtake.text.plurals import say_count
from longtake.text.untrusted import defuse
from longtake.timecode import Span

VERSION = 1
"""Part of each answer's key: raised whenever questions or verdicts are read in another way."""
REPLY_TOKENS = 32
RESERVE_TOKENS = 768
"""Kept free of descriptions: the prompt and its examples, the chat template, the reply."""
LEAST_TRUST = 0.5
"""Of the share of false sentences caught and of true ones kept, less one: chance is 0."""
TITLE_WORDS, HEADLINE_WORDS = 10, 12
WORDS_ALONE = "the words alone"

Claim = Sentence | Moment


@dataclass(frozen=True)
class Trial:
    """What a judge is tried on: a sentence about descriptions, and whether it is true."""

    sources: tuple[str, ...]
    sentence: str
    true: bool


@dataclass(frozen=True)
class Rates:
    """How a judge did: false sentences caught of all, true ones kept of all."""

    caught: int
    false: int
    kept: int
    true: int

    @property
    def trusted(self) -> bool:
        """Whether its verdicts say enough to count."""
        return self.caught / self.false + self.kept / self.true - 1 >= LEAST_TRUST

    def __str__(self) -> str:
        return (
            f"caught {self.caught} of {self.false} false sentences"
            f" and kept {self.kept} of {self.true} true ones"
        )


def hold(
    summary: Summary,
    sources: Mapping[int, str],
    *,
    able: Capabilities | None,
    count_tokens: CountTokens | None,
    judge: str = "",
    strict: bool = False,
    spans: Mapping[int, Span] | None = None,
) -> Talk[Summary]:
    """The summary with a verdict on each sentence and key moment, and who gave it.

    `sources` are the descriptions by chunk, `spans` their times: without them titles are not held.
    Words settle what they can; a model is asked about the rest. With `strict`, what is unsupported
    is left out. Yields no question where `able` is None.
    """
    sources = dict(sorted(sources.items()))
    claims: list[Claim] = [*summary.sentences, *summary.moments]
    titles = [_cite_chapter(chapter, sources, spans or {}) for chapter in summary.chapters]
    held = [_weigh(claim, sources) for claim in claims]
    held += [_weigh_title(title, sources) for title in titles]
    headline: Claim = _weigh_title(Sentence(summary.headline, tuple(sources)), sources)
    open_ = [place for place, claim in enumerate(held) if claim.support == "unchecked"]
    said = WORDS_ALONE
    if able and count_tokens and (open_ or headline.support == "unchecked"):
        rates = yield from try_judge(able)
        said = f"{WORDS_ALONE}: {judge} {rates} in a trial, too few for its verdicts to count"
        if rates.trusted:
            said = f"{judge}, which {rates}"
            verdicts = yield from ask_about(
                [_cited(held[place], sources) for place in open_], able, count_tokens
            )
            for place, verdict in zip(open_, verdicts, strict=True):
                held[place] = _with_verdict(held[place], verdict, judge)
            standing = [claim.text for claim in held[: len(claims)] if claim.support == "supported"]
            if headline.support == "unchecked" and standing:
                asked = [(headline.text, standing)]
                (verdict,) = yield from ask_about(asked, able, count_tokens)
                headline = _with_verdict(headline, verdict, judge)
    sentences = tuple(c for c in held[: len(claims)] if isinstance(c, Sentence))
    summary = replace(
        summary,
        sentences=sentences,
        moments=tuple(claim for claim in held if isinstance(claim, Moment)),
        chapters=tuple(
            _mend_chapter(chapter, title, sources)
            for chapter, title in zip(summary.chapters, held[len(claims) :], strict=True)
        ),
        judge=said,
    )
    return _leave_out(_mend_headline(summary, headline, sources), strict=strict)


def say_no_answer(judge: str, why: str) -> str:
    """Who held the sentences where a judge gave no answer at all."""
    return f"{WORDS_ALONE}: {judge} gave no answer: {why}"


def _weigh(claim: Claim, sources: Mapping[int, str]) -> Claim:
    """With the verdict of the words; citations of chunks that do not exist are gone."""
    if isinstance(claim, Sentence):
        claim = replace(claim, evidence=tuple(n for n in claim.evidence if n in sources))
    _, told = _cited(claim, sources)
    if not told:
        return replace(claim, support="unsupported", why="it cites no description that exists")
    support, why = weigh(claim.text, told)
    return replace(claim, support=support, why=why)


def _weigh_title(title: Sentence, sources: Mapping[int, str]) -> Sentence:
    """With the verdict of the words; a title that is one quotation quotes a voice or a text."""
    texts = [unmark(sources[number]) for number in title.evidence]
    made = {
        make_title(text, most) for text in texts if text for most in (TITLE_WORDS, HEADLINE_WORDS)
    }
    quoted = any(weigh(f"{start} {title.text}", texts)[0] == "supported" for start in (VOICE, TEXT))
    if title.text in made or (title.text[:1] in QUOTES and quoted):
        return replace(title, support="supported")
    support, why = weigh(title.text, texts)
    return replace(title, support=support, why=why)


def _cite_chapter(
    chapter: Chapter, sources: Mapping[int, str], spans: Mapping[int, Span]
) -> Sentence:
    """The title, resting on what is described in its chapter."""
    start, end = chapter.span.start, chapter.span.end
    middles = {n: (spans[n].start + spans[n].end) / 2 for n in sources if n in spans}
    inside = (n for n, middle in middles.items() if start <= middle < end)
    return Sentence(chapter.title, tuple(inside))


def _cited(claim: Claim, sources: Mapping[int, str]) -> tuple[str, list[str]]:
    cited = claim.evidence if isinstance(claim, Sentence) else (claim.chunk,)
    return claim.text, [sources[number] for number in sorted(cited) if number in sources]


def _with_verdict(claim: Claim, verdict: Support, judge: str) -> Claim:
    why = f"{judge} finds that its descriptions do not say it"
    return replace(claim, support=verdict, why=why if verdict == "unsupported" else "")


@cache
def load_trials() -> tuple[Trial, ...]:
    """The fixed set that each judge is tried on, half of it false."""
    trials = []
    for question, answer in read_prompt("judge_trial").examples:
        sources, _, sentence = question.rpartition("\n= ")
        texts = tuple(line.removeprefix("- ") for line in sources.splitlines())
        trials.append(Trial(texts, sentence, answer == "yes"))
    return tuple(trials)


def try_judge(able: Capabilities) -> Talk[Rates]:
    """How well a judge tells the true sentences of the trial from the false ones."""
    trials = load_trials()
    answers = yield [make_question(trial.sentence, trial.sources, able) for trial in trials]
    right = [
        (trial.true, read_verdict(answer or "") is trial.true)
        for trial, answer in zip(trials, answers, strict=True)
    ]
    return Rates(
        caught=right.count((False, True)),
        false=sum(not trial.true for trial in trials),
        kept=right.count((True, True)),
        true=sum(trial.true for trial in trials),
    )


def ask_about(
    claims: Sequence[tuple[str, Sequence[str]]], able: Capabilities, count_tokens: CountTokens
) -> Talk[list[Support]]:
    """A verdict on each claim and the texts that it rests on.

    Where these don't fit into one question, it is supported if one part of them says it all; what
    no part says alone, all of them might say together.
    """
    budget = max(64, able.context_tokens - RESERVE_TOKENS)
    asked = [
        (place, make_question(text, part, able))
        for place, (text, sources) in enumerate(claims)
        for part in _fit(sources, budget - count_tokens(text), count_tokens)
    ]
    answers = yield [question for _, question in asked]
    verdicts: list[list[bool | None]] = [[] for _ in claims]
    for (place, _), answer in zip(asked, answers, strict=True):
        verdicts[place].append(read_verdict(answer or ""))
    return [_join_verdicts(found) for found in verdicts]


def _join_verdicts(verdicts: Sequence[bool | None]) -> Support:
    if True in verdicts:
        return "supported"
    return "unsupported" if list(verdicts) == [False] else "unchecked"


def _fit(sources: Iterable[str], budget: int, count_tokens: CountTokens) -> Iterator[list[str]]:
    """The texts in groups that fit, whole; one that alone is over the budget is cut in halves."""
    group: list[str] = []
    used = 0
    for piece in (piece for text in sources for piece in _cut(text, budget, count_tokens)):
        tokens = count_tokens(piece) + 2
        if group and used + tokens > budget:
            yield group
            group, used = [], 0
        group.append(piece)
        used += tokens
    yield group


def _cut(text: str, budget: int, count_tokens: CountTokens) -> Iterator[str]:
    if len(text) < 2 or count_tokens(text) + 2 <= budget:
        yield text
        return
    for half in halve(text):
        yield from _cut(half, budget, count_tokens)


def make_question(sentence: str, sources: Sequence[str], able: Capabilities) -> Question:
    """Whether the sources say the sentence; what both hold is data."""
    prompt = read_prompt("judge")
    told = "\n".join(f"- {defuse(source)}" for source in sources)
    text = f"<descriptions>\n{told}\n</descriptions>\n<statement>\n{defuse(sentence)}\n</statement>"
    schema = SCHEMA if able.schemas else None
    request = Request(prompt.system, (text,), REPLY_TOKENS, prompt.examples, schema=schema)
    return Question(request, _accept)


SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


def _accept(reply: Reply) -> None:
    if read_verdict(reply.text) is None:
        raise BadReply(
            f"the reply is neither yes nor no: {reply.text[:60]!r}",
            correction="Answer with one word: yes or no.",
        )


def read_verdict(reply: str) -> bool | None:
    """Whether a reply begins with yes or no, as plain text or as the schema has it; else None."""
    found = re.match(r"\W*(?:answer\W+)?(yes|no)\b", reply, re.IGNORECASE)
    return found[1].casefold() == "yes" if found else None


def _mend_headline(summary: Summary, headline: Claim, sources: Mapping[int, str]) -> Summary:
    """An unsupported headline gives way to words that stand."""
    if headline.support != "unsupported":
        return replace(summary, headline_support=headline.support)
    standing = [s.text for s in summary.sentences if s.support == "supported"]
    standing += [text for text in sources.values() if text]
    if not standing:
        return replace(summary, headline_support="unsupported")
    remark = f"the headline was replaced: {headline.why}"
    return replace(
        summary,
        headline=make_title(standing[0], HEADLINE_WORDS),
        headline_support="supported",
        remarks=(*summary.remarks, remark),
    )


def _mend_chapter(chapter: Chapter, title: Claim, sources: Mapping[int, str]) -> Chapter:
    _, told = _cited(title, sources)
    if title.support != "unsupported" or not any(told):
        return chapter
    return replace(chapter, title=make_title(next(filter(None, told)), TITLE_WORDS))


def _leave_out(summary: Summary, *, strict: bool) -> Summary:
    """Without what is unsupported, and a remark of how much that is."""
    if not strict:
        return summary
    sentences = tuple(s for s in summary.sentences if s.support != "unsupported")
    moments = tuple(m for m in summary.moments if m.support != "unsupported")
    remarks = [
        f"{say_count(count, name)} {'was' if count == 1 else 'were'} left out:"
        " the cited descriptions do not say that"
        for name, count in (
            ("sentence", len(summary.sentences) - len(sentences)),
            ("key moment", len(summary.moments) - len(moments)),
        )
        if count
    ]
    return replace(
        summary, sentences=sentences, moments=moments, remarks=(*summary.remarks, *remarks)
    )
