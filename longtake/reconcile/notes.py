"""Notes: what is told of chunks, joined, set apart, shown and made into chapters; no model."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from longtake.claims import plain_words
from longtake.clauses import (
    CLAUSE_END,
    CROSSES,
    MUCH,
    QUOTED,
    TEXT,
    VOICE,
    join_clauses,
    lower_start,
    make_title,
    pair_quotes,
    say_text,
    say_voice,
    split_text,
    unquote,
)
from longtake.plain import defuse, join_numbers, one_line
from longtake.records import Chapter, Description, Wording
from longtake.timecode import Span

TITLE_WORDS = 10
COMMON_NOTES = 4
"""From this many notes on, a clause that half of them share is said once for all."""


@dataclass(frozen=True)
class Note:
    """A text, the chunks that it rests on, the stretch that they cover, and who worded it.

    `place` is where it stands on the line of chunk numbers; 0: at its first chunk.
    """

    text: str
    evidence: tuple[int, ...]
    span: Span
    wording: Wording = "own words"
    place: float = 0.0

    @property
    def at(self) -> float:
        """Where it stands: a piece of a long description behind its chunk's number."""
        return self.place or float(self.evidence[0])


def make_notes(descriptions: Iterable[Description]) -> list[Note]:
    """A note of each chunk of which something is known, in time order."""
    told = ((d.chunk, one_line(tell(d))) for d in descriptions)
    return [Note(text, (chunk.number,), chunk.span) for chunk, text in told if text]


def tell(description: Description) -> str:
    """The description, and what is said and written there where it does not quote that itself.

    Of a chunk without a description, what is said and written is known all the same.
    """
    text = pair_quotes(description.text)
    said = " ".join(description.speech.replace(CROSSES, " ").split())
    if said:
        text = _tell_speech(text, said)
    quoted = [plain_words(quotation) for quotation in re.findall(QUOTED, text)]
    lines = [
        line
        for line in description.on_screen.split(" / ")
        if line and not any(plain_words(line) in quotation for quotation in quoted)
    ]
    return f"{text} {say_text(' / '.join(lines))}.".strip() if lines else text


def _tell_speech(text: str, said: str) -> str:
    """The text with all that is said; what it quotes the beginning of is quoted whole."""
    for quotation in re.findall(QUOTED, text):
        if plain_words(said) in plain_words(quotation):
            return text
        begun = f"{VOICE} {quotation}"
        if begun in text and plain_words(said).startswith(plain_words(quotation)[:-1]):
            return text.replace(begun, say_voice(said), 1)
    return f"{text} {say_voice(said)}.".strip()


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
    together = join_notes(
        [note for note, left in zip(notes, rest, strict=True) if left is not note]
    )
    text = join_clauses([MUCH + lower_start(common[0]), *common[1:]])
    return [note for note in rest if note.text], [replace(together, text=text)]


def _without(note: Note, clauses: Sequence[str]) -> Note:
    """The note less those clauses; the very same note, where it has none of them."""
    parts = split_text(note.text, CLAUSE_END)
    kept = [clause for clause in parts if clause not in clauses]
    if len(kept) == len(parts):
        return note
    return replace(note, text=". ".join(kept) + "." if kept else "")


def merge_same(notes: Iterable[Note]) -> list[Note]:
    """Neighbours with the very same text, as one note with the evidence of all."""
    runs = groupby(notes, key=lambda note: note.text.casefold())
    return [join_notes(list(run)) for _, run in runs]


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
            first = replace(join_notes(same), text=text)
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
    return [join_notes(list(run)) for _, run in runs]


def make_chapters(outline: Sequence[Note]) -> tuple[Chapter, ...]:
    """A chapter for each note in time order, each from where the one before it ends."""
    chapters: list[Chapter] = []
    for note in outline:
        start = max(note.span.start, chapters[-1].span.end if chapters else 0.0)
        if note.span.end > start:
            title = make_title(note.text, TITLE_WORDS)
            chapters.append(Chapter(Span(start, note.span.end), title))
    return tuple(chapters)


def join_notes(notes: Sequence[Note]) -> Note:
    """The first note's text with the evidence and the stretch of all."""
    evidence = tuple(sorted({number for note in notes for number in note.evidence}))
    span = Span(min(n.span.start for n in notes), max(n.span.end for n in notes))
    return replace(notes[0], evidence=evidence, span=span)


def list_evidence(notes: Iterable[Note]) -> tuple[int, ...]:
    """All chunks that the notes rest on, in order."""
    return tuple(sorted({number for note in notes for number in note.evidence}))


def show_note(note: Note) -> str:
    """`[12] 1:06–1:12 text`, as data for a prompt: its text names no chunk in brackets."""
    text = re.sub(r"\[([\d\s,–-]+)\]", r"(\1)", note.text)
    return f"[{join_numbers(note.evidence)}] {note.span} {defuse(text)}"


def show_plain(note: Note) -> str:
    """`- text`, as data for a prompt."""
    return f"- {defuse(note.text)}"


def show_notes(notes: Iterable[Note], show: Callable[[Note], str]) -> str:
    """A line for each."""
    return "\n".join(map(show, notes))
