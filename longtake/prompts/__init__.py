"""The words that models are given: one .md a prompt.

A file holds the system's words, then any number of examples: `### notes` and `### answer`.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Prompt:
    """The system's words, and pairs of a question and its answer to learn from."""

    system: str
    examples: tuple[tuple[str, str], ...] = ()


@cache
def read_prompt(name: str) -> Prompt:
    """The prompt in `<name>.md`."""
    text = files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8")
    system, *turns = re.split(r"^### (?:notes|answer)\n", text, flags=re.MULTILINE)
    pairs = zip(turns[::2], turns[1::2], strict=True)
    examples = tuple((question.strip(), answer.strip()) for question, answer in pairs)
    return Prompt(system.strip(), examples)
