"""The small path: one simple thing at a time, for models that lose track of more.

A group of a few neighbouring notes becomes one sentence; too many sentences are grouped again. A
model's sentence stands only if the check finds its clauses in the notes, and something of each note
in it; else the notes' own words do. It rests on the notes that it tells something of.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from longtake.check import find_missing, holds, list_claims
from longtake.clauses import (
    CLAUSE_END,
    ELLIPSIS,
    MUCH,
    first_sentence,
    lower_start,
    make_title,
    own_words,
    split_text,
)
from longtake.engines.base import Reply, Request
from longtake.errors import BadReply
from longtake.plain import one_line, restore
from longtake.prompts import Prompt, read_prompt
from longtake.questions import Question, Talk
from longtake.reconcile.evidence import cite_told
from longtake.reconcile.notes import (
    TITLE_WORDS,
    Note,
    join_notes,
    list_evidence,
    make_chapters,
    merge_equal,
    merge_titles,
    set_apart_common,
    show_notes,
    show_plain,
)
from longtake.reconcile.tree import CORRECTION_BYTES, Budget, ask_all, cut_note, group_notes
from longtake.reconcile.wish import Wish
from longtake.records import Moment, Sentence, Summary

GROUP_NOTES = 3
"""Neighbours that one sentence speaks for, at most: small models lose track of more."""
BLOCK_CHUNKS = 4 * GROUP_NOTES
"""The width of a block of the first level: its halves' halves hold a group where all differ."""
MAX_SENTENCES = {"short": 4, "medium": 12, "long": 24}
"""A summary longer than this is folded: its sentences become notes of their own."""
MOST_CHAPTERS = 12
"""However short the summary is, so many chapters are not too many."""
REPLY_TOKENS = 64
LEAST_ROOM = 128
"""Tokens for notes; where the examples leave less, they are left out."""
LEAST_PIECE = 16
"""With less than that, nothing is asked: all stands in its own words."""
SENTENCE_WORDS = 45
OWN_WORDS = 60
HEADLINE_WORDS = 12
HEADLINE_CLAIMS = 3
MOST_MOMENTS = 5
MOMENT_WORDS = 20
SHOWN = 60
"""Letters of a wish that a remark repeats."""


def summarize(told: Sequence[Note], budget: Budget, wish: Wish, why: str) -> Talk[Summary]:
    """The summary of the notes; every chunk is told in a question.

    `why` says what is too small for more: it stands in the remarks.
    """
    rest, common = set_apart_common(told)
    sentences = yield from reduce_notes(rest, budget, MAX_SENTENCES[wish.length])
    if set(list_evidence(common)) - set(list_evidence(rest)):
        common = yield from _ask_common(common[0], budget)
    summary = yield from put_together(
        [*sentences, *common], merge_equal(rest) or common, budget, wish
    )
    moments = find_moments(merge_equal(told), told, wish.focus)
    return replace(summary, moments=moments, remarks=tuple(_remark(wish, why)))


def put_together(
    sentences: Sequence[Note], told: Sequence[Note], budget: Budget, wish: Wish
) -> Talk[Summary]:
    """These sentences as a summary, with a headline and with chapters of what is told, by code."""
    outline = merge_titles(told)
    if len(outline) > max(MOST_CHAPTERS, MAX_SENTENCES[wish.length]):
        outline = merge_titles(sentences)
    headline = yield from _find_headline(outline, budget)
    return Summary(
        headline=headline,
        sentences=tuple(Sentence(n.text, n.evidence, n.wording) for n in sentences),
        chapters=make_chapters(outline),
    )


def reduce_notes(
    notes: Sequence[Note], budget: Budget, most: int, level: int = 1
) -> Talk[list[Note]]:
    """The notes as at most so many sentences; each note is asked about, whole.

    Sentences are grouped again without a question where they don't fit into one.
    """
    asking = _pick_prompt("sentence", budget)
    found = [piece for note in merge_equal(notes) for piece in cut_note(note, asking.fits)]
    width, lowest = BLOCK_CHUNKS, level
    while found and (level == lowest or len(found) > most):
        fits = asking.fits if level == lowest else _are_few
        groups = group_notes(found, width, fits)
        found = merge_equal((yield from _fold(groups, asking, most, level, level == lowest)))
        width, level = GROUP_NOTES * width, level + 1
    return [cite_told(sentence, notes) for sentence in found]


def _are_few(notes: Sequence[Note]) -> bool:
    return len(notes) <= GROUP_NOTES


@dataclass(frozen=True)
class _Asking:
    """A prompt, and the room that it leaves for notes."""

    prompt: Prompt
    room: int
    budget: Budget

    def fits(self, notes: Sequence[Note]) -> bool:
        """Whether they may stand in one question; where nothing may, all are left as they are."""
        return self.room < LEAST_PIECE or (_are_few(notes) and self.can_ask(notes))

    def can_ask(self, notes: Sequence[Note]) -> bool:
        """Whether a question has room for them."""
        return self.room >= LEAST_PIECE and self.budget.fits(
            show_notes(notes, show_plain), self.room
        )


def _pick_prompt(name: str, budget: Budget) -> _Asking:
    """With its examples, where there is room for them."""
    prompt = read_prompt(name)
    if budget.room(prompt, REPLY_TOKENS) < LEAST_ROOM:
        prompt = Prompt(prompt.system)
    return _Asking(prompt, budget.room(prompt, REPLY_TOKENS), budget)


def _fold(
    groups: Sequence[list[Note]], asking: _Asking, most: int, level: int, every: bool
) -> Talk[list[Note]]:
    """Each group as a model's sentence, or in its own words: note by note, as long as they fit.

    A group of one is asked about where `every` one is, else it stays as it is.
    """
    asked = [g for g in groups if (every or len(g) > 1) and asking.can_ask(g)]
    questions = [_ask(asking.prompt, group, check_sentence) for group in asked]
    for group, question in zip(asked, questions, strict=True):
        asking.budget.record(level, group, question.request.text)
    answers = yield from ask_all(questions)
    known = {id(group): answer for group, answer in zip(asked, answers, strict=True)}
    answered = [(group, known.get(id(group))) for group in groups]
    if sum(1 if answer else len(group) for group, answer in answered) > most:
        return [_reword(group, answer) for group, answer in answered]
    return [
        note
        for group, answer in answered
        for note in ([_reword(group, answer)] if answer else [_reword([n], None) for n in group])
    ]


def _reword(group: Sequence[Note], answer: str | None) -> Note:
    """The group as one note: the model's sentence, else the own words of what it is made of."""
    if answer:
        text = _read_answer(answer)
        text = text if text.endswith((".", "!", "?")) else f"{text}."
        return replace(join_notes(group), text=text, wording="model")
    if len(group) == 1 and group[0].wording == "model":
        return group[0]
    by_model = any(note.wording == "model" for note in group)
    text = own_words([note.text for note in group], OWN_WORDS)
    return replace(join_notes(group), text=text, wording="model" if by_model else "own words")


def _ask_common(common: Note, budget: Budget) -> Talk[list[Note]]:
    """What much of the video shares, as a model says it: some chunks are told of in no other."""
    bare = replace(common, text=common.text.removeprefix(MUCH))
    (said, *_) = yield from reduce_notes([bare], budget, 1)
    if said.wording == "own words":
        return [common]
    return [replace(said, text=MUCH + lower_start(said.text))]


def _find_headline(outline: Sequence[Note], budget: Budget) -> Talk[str]:
    """A model's headline for the outline's titles, else the first of them."""
    titles = [replace(note, text=make_title(note.text, TITLE_WORDS)) for note in outline]
    asking = _pick_prompt("headline", budget)
    if not asking.can_ask(titles):
        return titles[0].text.rstrip(".")
    (answer,) = yield [_ask(asking.prompt, titles, check_headline)]
    clauses = split_text(_read_answer(answer), CLAUSE_END) if answer else []
    return (clauses[0] if clauses else titles[0].text).rstrip(".")


def find_moments(notes: Sequence[Note], told: Sequence[Note], focus: str) -> tuple[Moment, ...]:
    """What has most that its neighbours lack, in time order; what shares words with the focus wins.

    No more than half of the notes: where all differ, none stands out. Of neighbours that are one
    note, the first is told in the words that are told of it alone.
    """
    news = _find_news(notes)
    wanted = set(list_claims(focus))
    shared = [len(wanted & set(list_claims(n.text))) if wanted else 0 for n in notes]
    order = sorted(range(len(notes)), key=lambda k: (shared[k], news[k]), reverse=True)
    most = min(MOST_MOMENTS, len(notes) // 2)
    chosen = sorted(k for k in order[:most] if shared[k] or news[k])
    firsts = {note.evidence[0]: note for note in reversed(told)}
    return tuple(_make_moment(firsts[notes[k].evidence[0]]) for k in chosen)


def _find_news(notes: Sequence[Note]) -> list[float]:
    """Of each note the share of words that neither neighbour has, nor half of the video."""
    words = [set(re.findall(r"\w+", note.text.casefold())) for note in notes]
    counts = Counter(word for some in words for word in some)
    known = [{word for word in some if 2 * counts[word] < len(notes)} for some in words]
    news = []
    for k, own in enumerate(known):
        near = set[str]().union(*known[max(0, k - 1) : k], *known[k + 1 : k + 2])
        news.append(len(own - near) / max(1, len(own | near)))
    return news


def _make_moment(note: Note) -> Moment:
    return Moment(note.evidence[0], note.span, own_words([note.text], MOMENT_WORDS))


def _remark(wish: Wish, why: str) -> Iterator[str]:
    """What of the wishes was not met."""
    if wish.language:
        yield (
            f"the summary was not asked for in {_show(wish.language)}: {why}; the descriptions'"
            " own words stay in their language"
        )
    if wish.focus:
        yield (
            f"the focus {_show(wish.focus)!r} was not given to the model: {why}; only the key"
            " moments follow it"
        )


def _show(text: str) -> str:
    """Its beginning."""
    line = one_line(text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}{ELLIPSIS}"


def _ask(
    prompt: Prompt, notes: Sequence[Note], check: Callable[[str, Sequence[str]], None]
) -> Question:
    """The question of that prompt about these notes."""
    text, sources = show_notes(notes, show_plain), [note.text for note in notes]
    request = Request(prompt.system, (text,), REPLY_TOKENS, prompt.examples)

    def accept(reply: Reply) -> None:
        said = _read_answer(reply.text)
        if not reply.complete and not said.endswith((".", "!", "?")):
            raise BadReply(f"the reply was cut off: {said[:80]!r}")
        check(said, sources)

    return Question(request, accept)


def _read_answer(answer: str) -> str:
    """Its first sentence."""
    return first_sentence(restore(answer))


def check_headline(text: str, titles: Sequence[str]) -> None:
    """BadReply where it is no sentence of the titles, says a thing twice, or next to nothing."""
    check_words(text, titles, HEADLINE_WORDS)
    if text.casefold() in [title.casefold() for title in titles[1:]]:
        raise BadReply(f"the headline is only a later part's title: {text!r}")
    claims = list_claims(text)
    if len(set(claims)) < len(claims):
        raise BadReply(f"the headline says a thing twice: {text!r}")
    if len(claims) < min(HEADLINE_CLAIMS, len(list_claims(titles[0]))):
        raise BadReply(f"the headline says next to nothing: {text!r}")


def check_sentence(text: str, sources: Sequence[str]) -> None:
    """BadReply where it is no sentence of the sources, or says nothing of one of them."""
    check_words(text, sources, SENTENCE_WORDS)
    said = set(list_claims(text))
    mains = [set(list_claims(split_text(source, CLAUSE_END)[0])) for source in sources]
    shared = set.intersection(*mains) if len(mains) > 1 else set()
    for source, main in zip(sources, mains, strict=True):
        if main - shared and not said & (main - shared):
            raise BadReply(
                f"the reply leaves out a note: {source[:80]!r}",
                correction=_cut_bytes(f"Your last answer left this out: {source}"),
            )


def _cut_bytes(text: str) -> str:
    """Its beginning: a correction has its place in the budget."""
    return text.encode("utf-8", "replace")[:CORRECTION_BYTES].decode("utf-8", "ignore")


def check_words(text: str, sources: Sequence[str], most_words: int) -> None:
    """BadReply where it is empty, too long, or says what the sources do not."""
    if not re.search(r"[^\W\d_]{2}", text):
        raise BadReply(f"the reply holds no sentence: {text[:60]!r}")
    if len(text.split()) > most_words:
        raise BadReply(f"the reply is longer than {most_words} words")
    if missing := find_missing(text, sources):
        raise BadReply(
            f"the reply says what its notes lack: {', '.join(missing)}",
            correction="Your last answer said what the notes do not say. Use only their words.",
        )
    if not holds(text, sources):
        raise BadReply(
            f"the reply puts the notes' words together in another way: {text[:80]!r}",
            correction="Your last answer mixed the words of different notes. Keep the words of each"
            " note together and in their order.",
        )
