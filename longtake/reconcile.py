"""Descriptions to one summary, by small questions whose evidence is known by construction.

A group of neighbouring notes becomes one sentence; too many sentences are grouped again. A model's
sentence stands only if the check finds its clauses in the notes, and something of each note in it;
else the notes' own words do. Asks nobody itself: it yields questions and is sent the answers.
"""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from longtake.check import find_missing, find_support, list_claims
from longtake.clauses import (
    CLAUSE_END,
    CROSSES,
    QUOTED,
    TEXT,
    VOICE,
    first_sentence,
    join_clauses,
    lower_start,
    make_title,
    own_words,
    pair_quotes,
    say_text,
    say_voice,
    split_text,
    unquote,
)
from longtake.engines.base import Reply, Request
from longtake.errors import BadReply
from longtake.plain import defuse, restore
from longtake.prompts import read_prompt
from longtake.questions import Answers, Question, Talk
from longtake.records import Chapter, Description, Sentence, Summary, Wording
from longtake.timecode import Span

VERSION = 2
"""Part of each answer's key: raised whenever replies are accepted in another way."""
GROUP_NOTES = 3
"""Neighbours that one sentence speaks for, at most: small models lose track of more."""
MAX_SENTENCES = 12
"""A summary longer than this is folded: its sentences become notes of their own."""
REPLY_TOKENS = 64
PROMPT_RESERVE_TOKENS = 512
"""Kept free of notes: the prompt and its examples, the chat template, a correction, the reply."""
SENTENCE_WORDS = 45
OWN_WORDS = 60
HEADLINE_WORDS = 12
HEADLINE_CLAIMS = 3
TITLE_WORDS = 10
SHORT_QUOTATION = 16
"""Letters of a piece whose halves are not both put in quotation marks."""
COMMON_NOTES = 4
"""From this many notes on, a clause that half of them share is said once for all."""


@dataclass(frozen=True)
class Note:
    """A text, the chunks that it rests on, the stretch that they cover, and who worded it."""

    text: str
    evidence: tuple[int, ...]
    span: Span
    wording: Wording = "own words"


CountTokens = Callable[[str], int]


def reconcile(
    descriptions: Sequence[Description], context_tokens: int, count_tokens: CountTokens
) -> Talk[Summary | None]:
    """Yields lists of questions that may be asked side by side; returns the summary.

    None where nothing was described. Every described chunk is in the evidence of a sentence.
    """
    budget = max(64, context_tokens - PROMPT_RESERVE_TOKENS)
    told = [Note(text, (d.chunk.number,), d.chunk.span) for d in descriptions if (text := tell(d))]
    if not any(d.text for d in descriptions):
        return None
    notes, common = set_apart_common(told)
    outline: list[Note] = []
    while notes:
        merged = merge_equal(notes)
        groups = group_notes(merged, budget, count_tokens)
        notes = yield from _fold(groups)
        titled = merge_titles(merged)
        outline = outline or (titled if len(titled) <= MAX_SENTENCES else [])
        pieces = [note for group in groups for note in group]
        if len(notes) <= MAX_SENTENCES or _size(notes) >= _size(pieces):
            break
    outline = outline or merge_titles(notes) or common
    headline = yield from _find_headline(outline)
    return Summary(
        headline=headline,
        sentences=tuple(Sentence(n.text, n.evidence, n.wording) for n in [*notes, *common]),
        chapters=make_chapters(outline),
    )


def tell(description: Description) -> str:
    """The description, and what is said and written there where it does not quote that itself.

    Of a chunk without a description, what is said and written is known all the same.
    """
    text = pair_quotes(description.text)
    said = " ".join(description.speech.replace(CROSSES, " ").split())
    if said:
        text = _tell_speech(text, said)
    quoted = [_words(quotation) for quotation in re.findall(QUOTED, text)]
    lines = [
        line
        for line in description.on_screen.split(" / ")
        if line and not any(_words(line) in quotation for quotation in quoted)
    ]
    return f"{text} {say_text(' / '.join(lines))}.".strip() if lines else text


def _tell_speech(text: str, said: str) -> str:
    """The text with all that is said; what it quotes the beginning of is quoted whole."""
    for quotation in re.findall(QUOTED, text):
        if _words(said) in _words(quotation):
            return text
        begun = f"{VOICE} {quotation}"
        if begun in text and _words(said).startswith(_words(quotation)[:-1]):
            return text.replace(begun, say_voice(said), 1)
    return f"{text} {say_voice(said)}.".strip()


def _words(text: str) -> str:
    """The words alone, between spaces."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(words)} "


def _size(notes: Sequence[Note]) -> tuple[int, int]:
    """What must shrink from round to round, so that there is a last one: notes, then characters."""
    return len(notes), sum(len(note.text) for note in notes)


def set_apart_common(notes: Sequence[Note]) -> tuple[list[Note], list[Note]]:
    """The notes without the clauses that at least half of them share, and one note of those.

    What is quoted is never one of them: it belongs to its time.
    A note with nothing else to say is gone from the first list; the second one rests on it.
    """
    if len(notes) < COMMON_NOTES:
        return list(notes), []
    sharing = Counter(clause for note in notes for clause in set(split_text(note.text, CLAUSE_END)))
    common = [
        clause
        for clause, sharers in sharing.most_common()
        if 2 * sharers >= len(notes) and not re.search(QUOTED, clause)
    ]
    if not common:
        return list(notes), []
    rest = [_without(note, common) for note in notes]
    together = _join([note for note, left in zip(notes, rest, strict=True) if left is not note])
    text = join_clauses(["Much of the video: " + lower_start(common[0]), *common[1:]])
    return [note for note in rest if note.text], [replace(together, text=text)]


def _without(note: Note, clauses: Sequence[str]) -> Note:
    """The note less those clauses; the very same note, where it has none of them."""
    parts = split_text(note.text, CLAUSE_END)
    kept = [clause for clause in parts if clause not in clauses]
    if len(kept) == len(parts):
        return note
    return replace(note, text=". ".join(kept) + "." if kept else "")


def merge_equal(notes: Iterable[Note]) -> list[Note]:
    """Neighbours that say or show the same, as one note with the evidence of all.

    What voices say in them follows one after the other; a line on screen comes once.
    """
    merged = []
    for _, run in groupby(notes, key=_what_it_shows):
        first, *others = run
        if others:
            same = [first, *others]
            clauses = dict.fromkeys(c for note in same for c in split_text(note.text, CLAUSE_END))
            text = ". ".join(join_quotes(list(clauses))) + "."
            first = replace(_join(same), text=text)
        merged.append(first)
    return merged


def join_quotes(clauses: Sequence[str]) -> list[str]:
    """The clauses with all quotes of voices as one of them, and all of lines on screen as another.

    Both stand where the first of them stood.
    """
    said = [clause for clause in clauses if unquote(clause, VOICE)]
    read = [clause for clause in clauses if unquote(clause, TEXT)]
    voice = " ".join(unquote(clause, VOICE) for clause in said)
    lines = [line for clause in read for line in unquote(clause, TEXT).split(" / ")]
    quotes = [say_voice(voice)] if said else []
    quotes += [say_text(" / ".join(dict.fromkeys(lines)))] if read else []
    first = next((k for k, clause in enumerate(clauses) if clause in (*said, *read)), 0)
    rest = [clause for clause in clauses[first:] if clause not in (*said, *read)]
    return [*clauses[:first], *quotes, *rest]


def _what_it_shows(note: Note) -> tuple[str, ...]:
    """What its first clause quotes, else all that it quotes from the pictures, else all it says."""
    clauses = split_text(note.text.casefold(), CLAUSE_END)
    shown = [clause for clause in clauses if not clause.startswith(VOICE.casefold())]
    if shown and re.search(QUOTED, shown[0]):
        return tuple(shown[:1])
    return tuple(re.findall(QUOTED, ". ".join(shown))) or (note.text.casefold(),)


def merge_titles(notes: Iterable[Note]) -> list[Note]:
    """Neighbours that would have the same title, as one note: an outline of the video."""
    runs = groupby(notes, key=lambda note: make_title(note.text, TITLE_WORDS).casefold())
    return [_join(list(run)) for _, run in runs]


def group_notes(notes: Sequence[Note], budget: int, count_tokens: CountTokens) -> list[list[Note]]:
    """Neighbours in groups of at most GROUP_NOTES, about equally large, each within the budget.

    A note over the budget alone is cut into pieces that fit; all of them are kept.
    """
    pieces = [piece for note in notes for piece in _cut(note, budget, count_tokens)]
    count = -(-len(pieces) // GROUP_NOTES)
    groups: list[list[Note]] = []
    for k in range(count):
        part = pieces[k * len(pieces) // count : (k + 1) * len(pieces) // count]
        groups += _fit(part, budget, count_tokens)
    return groups


def _fit(notes: list[Note], budget: int, count_tokens: CountTokens) -> Iterator[list[Note]]:
    group: list[Note] = []
    used = 0
    for note in notes:
        tokens = count_tokens(note.text) + 2
        if group and used + tokens > budget:
            yield group
            group, used = [], 0
        group.append(note)
        used += tokens
    yield group


def _cut(note: Note, budget: int, count_tokens: CountTokens) -> Iterator[Note]:
    """The note in pieces that fit: halves of halves, at a space where there is one."""
    if len(note.text) < 2 or count_tokens(note.text) + 2 <= budget:
        yield note
        return
    middle = len(note.text) // 2
    space = note.text.rfind(" ", 1, middle)
    place = space if space > 0 else middle
    first, second = note.text[:place].strip(), note.text[place:].strip()
    if first.count('"') % 2 and len(note.text) > SHORT_QUOTATION:
        first, second = f'{first}"', f'"{second}'
    for text in (first, second):
        if text:
            yield from _cut(replace(note, text=text), budget, count_tokens)


def _fold(groups: Sequence[list[Note]]) -> Generator[list[Question], Answers, list[Note]]:
    """Each group as a model's sentence, or in its own words: note by note, as long as they fit."""
    answers = yield [_ask("sentence", _texts(group), check_sentence) for group in groups]
    answered = list(zip(groups, answers, strict=True))
    if sum(1 if answer else len(group) for group, answer in answered) > MAX_SENTENCES:
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
        return replace(_join(group), text=text, wording="model")
    by_model = any(note.wording == "model" for note in group)
    text = own_words(_texts(group), OWN_WORDS)
    return replace(_join(group), text=text, wording="model" if by_model else "own words")


def _find_headline(outline: Sequence[Note]) -> Generator[list[Question], Answers, str]:
    """A model's headline for the outline's titles, else the first of them."""
    titles = [make_title(note.text, TITLE_WORDS) for note in outline]
    (answer,) = yield [_ask("headline", titles, check_headline)]
    clauses = split_text(_read_answer(answer), CLAUSE_END) if answer else titles
    return clauses[0].rstrip(".")


def make_chapters(outline: Sequence[Note]) -> tuple[Chapter, ...]:
    """A chapter for each note in time order, each from where the one before it ends."""
    chapters: list[Chapter] = []
    for note in outline:
        start = max(note.span.start, chapters[-1].span.end if chapters else 0.0)
        if note.span.end > start:
            title = make_title(note.text, TITLE_WORDS)
            chapters.append(Chapter(Span(start, note.span.end), title))
    return tuple(chapters)


def _texts(notes: Sequence[Note]) -> list[str]:
    return [note.text for note in notes]


def _join(notes: Sequence[Note]) -> Note:
    """The first note's text with the evidence and the stretch of all."""
    evidence = tuple(sorted({number for note in notes for number in note.evidence}))
    span = Span(min(n.span.start for n in notes), max(n.span.end for n in notes))
    return Note(notes[0].text, evidence, span, notes[0].wording)


def _ask(kind: str, texts: Sequence[str], check: Callable[[str, Sequence[str]], None]) -> Question:
    """The question of that prompt about these texts."""
    prompt = read_prompt(kind)
    question = defuse("\n".join(f"- {text}" for text in texts))
    request = Request(prompt.system, (question,), REPLY_TOKENS, prompt.examples)

    def accept(reply: Reply) -> None:
        text = _read_answer(reply.text)
        if not reply.complete and not text.endswith((".", "!", "?")):
            raise BadReply(f"the reply was cut off: {text[:80]!r}")
        check(text, texts)

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
                correction=f"Your last answer left this out: {source}",
            )


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
    if find_support(text, sources) is None:
        raise BadReply(
            f"the reply puts the notes' words together in another way: {text[:80]!r}",
            correction="Your last answer mixed the words of different notes. Keep the words of each"
            " note together and in their order.",
        )
