"""The structured path: a tree of questions whose answers are JSON with the chunks they rest on.

Groups of neighbouring notes become a few sentences; those are merged with the descriptions that
they cite beside them, up to the root, which is asked for the whole. A group of which no answer can
be had goes on in its own words. What a sentence says is not checked here, only that it cites what
was told.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Generic, TypeVar

from longtake.inference.engine import Reply, Request
from longtake.inference.questions import Question, Talk
from longtake.prompts import Prompt, read_prompt
from longtake.reconcile.notes import (
    Note,
    join_notes,
    list_evidence,
    merge_same,
    show_note,
    show_notes,
)
from longtake.reconcile.replies import (
    TITLE_WORDS,
    Caps,
    Cited,
    Schema,
    Titled,
    Whole,
    part_schema,
    read_part,
    read_whole,
    whole_schema,
)
from longtake.reconcile.tree import Budget, ask_all, cut_note, group_notes, spread_notes
from longtake.records import Chapter, Moment, Sentence, Summary
from longtake.settings import Settings
from longtake.text.clauses import make_title, own_words, shorten
from longtake.text.untrusted import defuse, one_line
from longtake.timecode import Span

NODE_NOTES = 16
"""Descriptions that one question tells of, at most, and the width of a block of the first level:
models neglect the middle of long inputs.
"""
NODE_BLOCKS = 8
"""Blocks of one level that make one of the next."""
PART_SENTENCES = 6
"""What becomes of a group, at most."""
SENTENCES = {"short": 3, "medium": 8, "long": 16}
"""What the root is asked for, about."""
MOST_CHAPTERS, MOST_MOMENTS = 12, 5
OWN_WORDS = 60
"""Words that a group keeps where no answer was had of it."""
SENTENCE_TOKENS, TITLE_TOKENS = 80, 24
"""What one of them takes in a reply, about."""
EXCESS = 2
"""A reply with more than so many times the sentences that were asked for is refused."""
REPLY_SHARE = 4
"""A reply takes at most this part of the context."""
LEAST_ROOM = 512
"""Tokens for notes in a question: with less there is no use in a tree."""

T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """A kind of question: prompt, schema, room for notes, and how a reply to it is read."""

    budget: Budget
    prompt: Prompt
    schema: Schema
    sentences: int
    reply_tokens: int
    caps: Caps
    reader: Callable[[str, Set[int], Caps, bool], T]

    @property
    def room(self) -> int:
        """Tokens that a question has for notes."""
        return self.budget.room(self.prompt, self.reply_tokens)

    def fits(self, text: str) -> bool:
        """Whether a question has room for this text."""
        return self.budget.fits(text, self.room)

    def read(self, text: str, citable: Set[int], complete: bool = True) -> T:
        """What a reply holds that cites these chunks; BadReply where that is of no use."""
        return self.reader(text, citable, self.caps, complete)

    def ask(self, text: str, citable: Set[int]) -> Question:
        """The question with this text, whose reply may cite these chunks."""
        request = Request(self.prompt.system, (text,), self.reply_tokens, schema=self.schema)

        def accept(reply: Reply) -> None:
            self.read(reply.text, citable, reply.complete)

        return Question(request, accept)


@dataclass(frozen=True)
class Forms:
    """The two kinds of questions."""

    part: Form[tuple[Cited, ...]]
    whole: Form[Whole]


def _make_part_form(budget: Budget, settings: Settings) -> Form[tuple[Cited, ...]]:
    most = budget.context_tokens // REPLY_SHARE
    reply = min(most, (PART_SENTENCES + 1) * SENTENCE_TOKENS)
    count = max(1, reply // SENTENCE_TOKENS - 1)
    size = f"Write at most {count} sentences, fewer where little happens."
    prompt = _make_prompt("part", size, settings)
    caps = Caps(EXCESS * count)
    return Form(budget, prompt, part_schema(count), count, reply, caps, read_part)


def _make_whole_form(budget: Budget, settings: Settings) -> Form[Whole]:
    """As many sentences as wished for, or as three quarters of the reply hold."""
    most, wanted = budget.context_tokens // REPLY_SHARE, SENTENCES[settings.length]
    extras = TITLE_TOKENS * (1 + MOST_MOMENTS)
    reply = min(most, wanted * SENTENCE_TOKENS + extras + MOST_CHAPTERS * TITLE_TOKENS)
    count = max(1, min(wanted, (reply - extras) * 3 // 4 // SENTENCE_TOKENS))
    left = reply - extras - count * SENTENCE_TOKENS
    chapters = max(1, min(MOST_CHAPTERS, left // TITLE_TOKENS))
    size = (
        f"Write about {count} sentences, fewer where little happens, at most {chapters} chapters"
        f" and at most {MOST_MOMENTS} key moments."
    )
    schema = whole_schema(count + count // 2, chapters, MOST_MOMENTS)
    caps = Caps(EXCESS * count, chapters, MOST_MOMENTS)
    prompt = _make_prompt("whole", size, settings)
    return Form(budget, prompt, schema, count, reply, caps, read_whole)


def _make_prompt(name: str, size: str, settings: Settings) -> Prompt:
    """All that is the same for every question of the run, so that a server's cache serves it."""
    lines = [read_prompt(name).system, size]
    if language := one_line(defuse(settings.language)):
        lines.append(f"Write in {language}.")
    if focus := one_line(defuse(settings.focus)):
        lines.append(f"The reader wants to know: {focus}")
        lines.append("Tell what there is to that above all, and only what you are told.")
    return Prompt("\n".join(lines))


def summarize(
    descriptions: Sequence[Note], budget: Budget, settings: Settings
) -> Talk[Summary | None]:
    """The summary of a note for each chunk: all of them stand in a question of the first level.

    None without notes, without room for them, and where there is no answer about the whole.
    """
    forms = Forms(_make_part_form(budget, settings), _make_whole_form(budget, settings))
    if not descriptions or min(forms.part.room, forms.whole.room) < LEAST_ROOM:
        return None
    source = _Source(descriptions)
    width, level = NODE_NOTES, 1

    def fits(notes: Sequence[Note]) -> bool:
        few = level > 1 or len(notes) <= NODE_NOTES
        return few and forms.part.fits(_show(notes, level))

    notes = [piece for note in source.merged for piece in cut_note(note, fits)]
    while True:
        groups = group_notes(notes, width, fits)
        if len(groups) == 1 and forms.whole.fits(_show(notes, level)):
            return (yield from _ask_whole(forms, source, notes, level, settings))
        # What is a few sentences already gains nothing from a question of its own.
        asked = [group for group in groups if level == 1 or len(group) > forms.part.sentences]
        if not asked and width > descriptions[-1].evidence[-1]:
            return None
        notes = yield from _ask_parts(forms.part, source, groups, asked, level)
        width, level = NODE_BLOCKS * width, level + bool(asked)


class _Source:
    """The descriptions, a note for each chunk, and with equal neighbours merged into one note."""

    def __init__(self, descriptions: Sequence[Note]) -> None:
        self.descriptions = descriptions
        self.merged = merge_same(descriptions)
        self._by_chunk = {number: note for note in self.merged for number in note.evidence}

    def list_cited(self, notes: Iterable[Note]) -> list[Note]:
        """The descriptions that the notes rest on, each once, in time order."""
        found = [self._by_chunk[number] for number in list_evidence(notes)]
        return list({note.evidence: note for note in found}.values())

    def cite(self, sentences: Iterable[Cited], after: float = 0.0) -> list[Note]:
        """Sentences in time order, each resting also on chunks that say the same beside its own.

        They stand at `after` at least: where their group does.
        """
        notes = []
        for text, chunks in sentences:
            cited = join_notes([self._by_chunk[number] for number in chunks])
            place = max(cited.at, after)
            notes.append(replace(cited, text=text, wording="model", place=place))
        return sorted(notes, key=lambda note: note.evidence)


def _show(notes: Sequence[Note], level: int, cited: Sequence[Note] = ()) -> str:
    """The text of a question: descriptions, or sentences and the descriptions beside them."""
    if level == 1:
        return show_notes(notes)
    text = f"Sentences on parts:\n{show_notes(notes)}"
    return text + (f"\n\nDescriptions that they rest on:\n{show_notes(cited)}" if cited else "")


def _make_question(form: Form[T], source: _Source, notes: Sequence[Note], level: int) -> Question:
    """The question about these notes, recorded as a node.

    Above the first level, descriptions that they cite come along, evenly, as far as the room goes.
    """
    cited: list[Note] = []
    if level > 1:
        longest = form.room // 4
        known = source.list_cited(notes)
        short = [note for note in known if form.budget.fits(show_note(note), longest)]
        cited = spread_notes(short, lambda some: form.fits(_show(notes, level, some)))
    text = _show(notes, level, cited)
    form.budget.record(level, notes, text)
    return form.ask(text, set(list_evidence(notes)))


def _ask_parts(
    form: Form[tuple[Cited, ...]],
    source: _Source,
    groups: Sequence[list[Note]],
    asked: Sequence[list[Note]],
    level: int,
) -> Talk[list[Note]]:
    """The sentences of all groups; one that is not `asked` about stays as it is."""
    answers = yield from ask_all([_make_question(form, source, g, level) for g in asked])
    found: dict[int, list[Note]] = {}
    for group, answer in zip(asked, answers, strict=True):
        if answer is not None:
            read = form.read(answer, set(list_evidence(group)))
            found[id(group)] = source.cite(read, group[0].at)
        else:
            words = shorten(own_words([note.text for note in group], OWN_WORDS), OWN_WORDS)
            found[id(group)] = [replace(join_notes(group), text=words)]
    return [note for group in groups for note in found.get(id(group), group)]


def _ask_whole(
    forms: Forms, source: _Source, notes: Sequence[Note], level: int, settings: Settings
) -> Talk[Summary | None]:
    """The root: the summary of what is left, all of which one question tells."""
    answers = yield [_make_question(forms.whole, source, notes, level)]
    if answers[0] is None:
        return None
    read = forms.whole.read(answers[0], set(list_evidence(notes)))
    sentences = source.cite(read.sentences)
    count = forms.whole.sentences
    short = (
        f"the summary may be shorter than wished for: a context of"
        f" {forms.whole.budget.context_tokens} tokens has room for about {count} sentences"
    )
    return Summary(
        headline=read.headline,
        sentences=tuple(Sentence(n.text, n.evidence, n.wording) for n in sentences),
        chapters=place_chapters(read.chapters, source.descriptions) or _outline(source, sentences),
        moments=place_moments(read.moments, source.descriptions),
        remarks=(short,) if count < SENTENCES[settings.length] else (),
    )


def _outline(source: _Source, sentences: Sequence[Note]) -> tuple[Chapter, ...]:
    """Chapters by the descriptions' titles where those are few, else one for each sentence."""
    runs = groupby(source.merged, key=lambda n: make_title(n.text, TITLE_WORDS).casefold())
    titled = [next(run) for _, run in runs]
    kept = titled if len(titled) <= MOST_CHAPTERS else sentences
    titles = {n.evidence[0]: make_title(n.text, TITLE_WORDS) for n in reversed(kept)}
    return place_chapters(sorted(titles.items()), source.descriptions)


def place_chapters(titles: Sequence[Titled], notes: Sequence[Note]) -> tuple[Chapter, ...]:
    """A chapter from each first chunk to the next one's, over all notes, one for each chunk.

    A number that is no chunk's is left out; the first chapter begins with the first chunk.
    """
    starts = {note.evidence[0]: note.span.start for note in notes}
    known = [(starts[number], title) for number, title in titles if number in starts]
    if not known:
        return ()
    begins = [notes[0].span.start, *(start for start, _ in known[1:])]
    ends = [*begins[1:], max(note.span.end for note in notes)]
    return tuple(
        Chapter(Span(begin, end), title)
        for begin, end, (_, title) in zip(begins, ends, known, strict=True)
        if end > begin
    )


def place_moments(moments: Sequence[Titled], notes: Sequence[Note]) -> tuple[Moment, ...]:
    """The moments with the spans of their chunks; a number that is no chunk's is left out."""
    spans = {note.evidence[0]: note.span for note in notes}
    return tuple(Moment(n, spans[n], what) for n, what in moments if n in spans)
