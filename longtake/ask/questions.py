"""How a step asks without knowing whom: it yields lists of questions, and is sent their answers."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from longtake.ask.engine import Reply, Request

Found = TypeVar("Found")

CountTokens = Callable[[str], int]
"""The tokens of a text, for the model at hand; `CountLines`: of each line."""
CountLines = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Question:
    """A request, and what raises BadReply about a reply that must not be used."""

    request: Request
    accept: Callable[[Reply], None]


Answers = Sequence[str | None]
"""One for each question, in order: the reply's text, or None where none could be used."""

Talk = Generator[list[Question], Answers, Found]
"""Questions that may be asked side by side, list by list; what it returns is what was found."""
