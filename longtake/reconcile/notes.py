"""Notes: texts with the chunks that they rest on, joined and shown in prompts. Knows no model."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from longtake.records import Description, Wording
from longtake.text.clauses import (
    CROSSES,
    QUOTED,
    VOICE,
    pair_quotes,
    say_text,
    say_voice,
)
from longtake.text.entity_marks import plain_words
from longtake.text.untrusted import defuse, join_numbers, one_line
from longtake.timecode import Span

MOST_QUOTATIONS = 100
MOST_QUOTED = 20_000
"""So many quotations of a description, and so many of their letters, are held against what is said
and written there; what it quotes beyond these is told again."""


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
    texts = ((d.chunk, one_line(say_chunk(d))) for d in descriptions)
    return [Note(text, (chunk.number,), chunk.span) for chunk, text in texts if text]


def say_chunk(description: Description) -> str:
    """The description, with what is said and written there where it does not quote that itself.

    Of a chunk without a description, what is said and written is known all the same.
    """
    text = pair_quotes(description.text)
    said = " ".join(description.speech.replace(CROSSES, " ").split())
    if said:
        text = _quote_speech(text, said)
    quoted = "\n".join(map(plain_words, _list_quotations(text)))[:MOST_QUOTED]
    lines = [
        line
        for line in description.on_screen.split(" / ")
        if line and plain_words(line) not in quoted
    ]
    return f"{text} {say_text(' / '.join(lines))}.".strip() if lines else text


def _quote_speech(text: str, said: str) -> str:
    """The text with all that is said; what it quotes the beginning of is quoted whole."""
    words = plain_words(said)
    for quotation in _list_quotations(text):
        if words in plain_words(quotation):
            return text
        begun = f"{VOICE} {quotation}"
        if begun in text and words.startswith(plain_words(quotation)[:-1]):
            return text.replace(begun, say_voice(said), 1)
    return f"{text} {say_voice(said)}.".strip()


def _list_quotations(text: str) -> list[str]:
    found = islice(re.finditer(QUOTED, text), MOST_QUOTATIONS)
    return [quotation[0] for quotation in found]


def merge_same(notes: Iterable[Note]) -> list[Note]:
    """Neighbours with the very same text, as one note with the evidence of all."""
    runs = groupby(notes, key=lambda note: note.text.casefold())
    return [join_notes(list(run)) for _, run in runs]


def join_notes(notes: Sequence[Note]) -> Note:
    """The first note's text with the evidence and the stretch of all."""
    span = Span(min(n.span.start for n in notes), max(n.span.end for n in notes))
    return replace(notes[0], evidence=list_evidence(notes), span=span)


def list_evidence(notes: Iterable[Note]) -> tuple[int, ...]:
    """All chunks that the notes rest on, in order."""
    return tuple(sorted({number for note in notes for number in note.evidence}))


def show_note(note: Note) -> str:
    """`[12] 1:06–1:12 text`, as data for a prompt: its text names no chunk in brackets."""
    text = re.sub(r"\[([\d\s,–-]+)\]", r"(\1)", note.text)
    return f"[{join_numbers(note.evidence)}] {note.span} {defuse(text)}"


def show_notes(notes: Iterable[Note]) -> str:
    """The notes as lines of a prompt."""
    return "\n".join(map(show_note, notes))
