"""Drives a step that asks, without a store and an engine's patience."""

from collections.abc import Callable

from longtake.questions import Answers, Found, Question, Talk


def drive(talk: Talk[Found], answer_all: Callable[[list[Question]], Answers]) -> Found:
    """Answer each list of questions; what the step found."""
    try:
        questions = next(talk)
        while True:
            questions = talk.send(answer_all(questions))
    except StopIteration as stop:
        found: Found = stop.value
        return found
