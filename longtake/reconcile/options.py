"""What the reader wants of a summary."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SummaryOptions:
    """How long it is, in which language (as English names it), and what it is to tell first.

    An empty language is the model's choice; an empty focus asks for nothing special.
    """

    length: str = "medium"
    language: str = ""
    focus: str = ""
