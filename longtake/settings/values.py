"""A setting's value: made its type, brought into the one form of all that mean the same, checked.

What is wrong with one is blamed on the place that is named. Knows no setting.
"""

import dataclasses
from difflib import get_close_matches
from typing import Any

from longtake.errors import UsageError

MOST_SHOWN = 100
"""Letters of a value that a message shows."""
MOST_NUMBER = 10**18
"""What is more can't be meant, and not be counted with."""
MOST_OF_CODE = 3
"""Letters of a word that may be a language's code, and is no name to be written with a capital."""


def convert(spec: "dataclasses.Field[Any]", value: Any, place: str) -> Any:
    """The value as the setting's type; UsageError for one that is of another kind."""
    kind: Any = type(spec.default)
    shown = "…" if spec.metadata["secret"] else show(value)
    wrong = UsageError(f"{place}: {shown} is not a {_KINDS[kind]}", _say_help(spec))
    if kind is bool:
        if (switch := _SWITCHES.get(show(value).strip("'").casefold())) is None:
            raise wrong
        return switch
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        raise wrong
    try:
        if kind is int and value != int(value) and not isinstance(value, str):
            raise wrong
        return _tidy(spec.name, value) if kind is str else kind(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None


def _tidy(name: str, text: str) -> str:
    """The text in the one form of all that mean the same."""
    text = text.strip()
    if name.endswith("base_url"):
        return ",".join(list_addresses(text))
    if name.endswith("_url"):
        return text.rstrip("/")
    if name == "language":  # its codes, of two or three letters, stay as they are
        return " ".join(map(_write_name, text.split()))
    return text


def list_addresses(text: str) -> tuple[str, ...]:
    """The addresses that commas part, each once, in their order; empty parts are none."""
    parts = (part.strip().rstrip("/") for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _write_name(word: str) -> str:
    """A word of a language's name with its capital, where all its letters are alike."""
    alike = word.isalpha() and (word.islower() or word.isupper())
    return word.capitalize() if alike and len(word) > MOST_OF_CODE else word


_SWITCHES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "whole number", float: "number", str: "text", bool: "switch: true or false"}


def check(spec: "dataclasses.Field[Any]", value: Any, place: str) -> None:
    """UsageError for a value of the right type that can't be: unknown, out of range, too long."""
    choices, minimum = spec.metadata["choices"], spec.metadata["minimum"]
    most_letters = spec.metadata["most_letters"]
    if choices and value not in choices:
        near = get_close_matches(value, choices, 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        said = f"{place}: {show(value)} is unknown"
        raise UsageError(said, f"{meant}Known: {', '.join(choices)}.")
    if minimum is not None and not minimum <= value <= (spec.metadata["maximum"] or MOST_NUMBER):
        most = spec.metadata["maximum"]
        bound = f"and at most {most}" if most else "and finite"
        raise UsageError(
            f"{place}: {show(value)} is out of range", f"It must be at least {minimum} {bound}."
        )
    if most_letters and len(value) > most_letters:
        raise UsageError(
            f"{place} is {len(value):,} letters long: {value[:40]!r} …",
            f"It may have at most {most_letters}: it stands in every question.",
        )


def show(value: object) -> str:
    """A value as it may stand in a message, in short."""
    try:
        return shorten(repr(value))
    except (RecursionError, ValueError):  # Python writes no number of more than 4,300 digits
        return "a value that can't be shown"


def shorten(text: str) -> str:
    """The text as far as a message shows it."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"


def _say_help(spec: "dataclasses.Field[Any]") -> str:
    text: str = spec.metadata["help"]
    return f"{text[0].upper()}{text[1:]}."
