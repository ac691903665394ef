"""The shape of the tree: which notes stand in one prompt. Knows no prompt's words and no answer.

All follows from the chunks' numbers. The line of numbers is cut into blocks of one width, and a
block whose notes don't fit into a prompt into halves, and halves of halves. A note too long for any
prompt is halved with the stretch behind its number. So a chunk that changes moves no other one to
another group: only the questions on its own path to the root are asked anew.
"""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from longtake.inference.engine import byte_bound
from longtake.inference.questions import Answers, CountTokens, Question
from longtake.prompts import Prompt
from longtake.reconcile.notes import Note, list_evidence
from longtake.records import Node
from longtake.text.clauses import halve

Fits = Callable[[Sequence[Note]], bool]

TURN_TOKENS, TEMPLATE_TOKENS = 16, 64
"""What a chat template puts around each turn, and around them all, at most."""
CORRECTION_BYTES = 128
"""The most that a word on the last reply may take; no token is shorter than a byte."""


@dataclass
class Budget:
    """The tokens of one context, and the nodes that they were spent on.

    Tokens are counted by the model, once a text, and only where the bytes leave a doubt.
    """

    context_tokens: int
    count_tokens: CountTokens
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count_tokens = cache(self.count_tokens)

    def room(self, prompt: Prompt, reply_tokens: int) -> int:
        """Tokens that are left for a question's text beside the prompt and the reply."""
        turns = [prompt.system, *(text for example in prompt.examples for text in example)]
        words = sum(self.count_tokens(text) + TURN_TOKENS for text in turns)
        spare = TURN_TOKENS + TEMPLATE_TOKENS + CORRECTION_BYTES
        return self.context_tokens - words - spare - reply_tokens

    def fits(self, text: str, room: int) -> bool:
        """Whether the text takes at most `room` tokens."""
        return byte_bound(text) <= room or self.count_tokens(text) <= room

    def record(self, level: int, notes: Iterable[Note], text: str) -> None:
        """Keep the proof that the notes' chunks stand in the text of a question."""
        self.nodes.append(Node(level, list_evidence(notes), self.count_tokens(text)))


def group_notes(notes: Sequence[Note], width: int, fits: Fits) -> list[list[Note]]:
    """Notes by blocks of `width` numbers, each block in halves until they fit.

    Notes come and go in order; one that does not fit alone is a group all the same: see
    `cut_note`.
    """
    blocks: dict[int, list[Note]] = {}
    for note in notes:
        blocks.setdefault(math.floor((note.at - 1) / width), []).append(note)
    return [
        group
        for block, members in blocks.items()
        for group in _halve(members, 1 + block * width, width, fits)
    ]


def _halve(notes: list[Note], start: float, width: float, fits: Fits) -> Iterator[list[Note]]:
    if len(notes) == 1 or fits(notes):
        yield notes
        return
    half = width / 2
    if notes[0].at == notes[-1].at:  # of one chunk: only their order is left to go by
        place = len(notes) // 2
    else:
        place = sum(note.at < start + half for note in notes)
    for part, begin in ((notes[:place], start), (notes[place:], start + half)):
        if part:
            yield from _halve(part, begin, half, fits)


def cut_note(note: Note, fits: Fits, width: float = 1.0) -> Iterator[Note]:
    """The note in pieces that fit: halves of halves, at a space where there is one."""
    if len(note.text) < 2 or fits([note]):
        yield note
        return
    first, second = halve(note.text)
    for text, place in ((first, note.at), (second, note.at + width / 2)):
        if text:
            yield from cut_note(replace(note, text=text, place=place), fits, width / 2)


def spread_notes(notes: Sequence[Note], fits: Fits) -> list[Note]:
    """As many of the notes as fit, evenly from the first to the last."""
    count = len(notes)
    while count:
        chosen = [notes[(2 * k + 1) * len(notes) // (2 * count)] for k in range(count)]
        if fits(chosen):
            return chosen
        count = count * 3 // 4
    return []


def ask_all(questions: Sequence[Question]) -> Generator[list[Question], Answers, Answers]:
    """The answers; a question that stands there twice is asked once, and none need no asking."""
    if not questions:
        return []
    once: dict[str, Question] = {}
    for question in questions:
        once.setdefault(question.request.text, question)
    answers = yield list(once.values())
    known = dict(zip(once, answers, strict=True))
    return [known[question.request.text] for question in questions]
