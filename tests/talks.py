"""Drives a step that asks, and writes down what it tells, without an engine's patience."""

import json
import re
from collections.abc import Callable
from math import ceil
from typing import Any

from longtake.inference.engine import Request
from longtake.inference.questions import Answers, Found, Question, Talk


def drive(talk: Talk[Found], answer_all: Callable[[list[Question]], Answers]) -> Found:
    """Answer each list of questions; what the step found."""
    try:
        questions = next(talk)
        while True:
            questions = talk.send(answer_all(questions))
    except StopIteration as stop:
        found: Found = stop.value
        return found


def read_lines(text: str) -> list[tuple[list[int], str]]:
    """What a reconciler's question tells: numbers and text of each line."""
    lines = []
    for numbers, told in re.findall(r"^\[([\d ,–]+)\] \S+–\S+ (.*)$", text, re.MULTILINE):
        found: list[int] = []
        for run in numbers.split(", "):
            first, _, last = run.partition("–")
            found += range(int(first), int(last or first) + 1)
        lines.append((found, told))
    return lines


def is_whole(request: Request) -> bool:
    """Whether a reconciler's question is the one about the whole video."""
    return bool(request.schema) and "headline" in request.schema["properties"]


def write_down(request: Request) -> str:
    """As many sentences as are asked for, each the first of some lines, citing them all."""
    assert request.schema
    lines = read_lines(request.text.partition("\n\nDescriptions")[0])
    width = ceil(len(lines) / request.schema["properties"]["sentences"]["maxItems"])
    runs = [lines[k : k + width] for k in range(0, len(lines), width)]
    cited = [[n for numbers, _ in run for n in numbers] for run in runs]
    said = [{"text": run[0][1], "chunks": ns} for run, ns in zip(runs, cited, strict=True)]
    reply: dict[str, Any] = {"sentences": said}
    return json.dumps(reply | {"headline": lines[0][1]} if is_whole(request) else reply)


BRIDGE = [
    "The arch bridge carries its load into the banks.",
    "Every stone of the arch is pressed by the load above.",
    "A beam bridge bends under the load of a truck.",
    "Steel cables hold the deck of a suspension bridge.",
    "The towers of the bridge take the load of the cables.",
    "Engineers weigh the load before the bridge is built.",
]

SOUP = [
    "Peel the onions and fry them in butter.",
    "Add carrots and stock to the pot of soup.",
    "Let the soup simmer until the carrots are soft.",
    "Salt the soup and stir the pot with a spoon.",
    "Serve the soup hot with bread and butter.",
    "Onions and carrots give the stock its taste.",
]
