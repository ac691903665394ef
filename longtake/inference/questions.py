"""How a step asks without knowing whom: it yields lists of questions, and is sent their answers."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from longtake.errors import BadReply, EngineUnreachable, LongtakeError
from longtake.inference.engine import Engine, Reply, Request
from longtake.inference.scheduler import GAVE_REPLY, Job, Prepared, Work, answer_all
from longtake.records import Found, Progress, Steps
from longtake.store import Answer, make_key

CountTokens = Callable[[str], int]
"""The tokens of a text, for the model at hand; `CountLines`: of each line."""
CountLines = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Question:
    """A request, and what raises BadReply about a reply that must not be used."""

    request: Request
    accept: Callable[[Reply], None]
    shown: Mapping[str, object] = field(default_factory=dict)
    """What tells the pictures that go with the words: part of the key."""
    show: Callable[[Request], Request] = lambda request: request
    """Puts the pictures in; only called where the store lacks the answer."""


Answers = Sequence[str | None]
"""One for each question, in order: the reply's text, or None where none could be used."""

Talk = Generator[list[Question], Answers, Found]
"""Questions that may be asked side by side, list by list; what it returns is what was found."""


def hold_talk(
    work: Work, stage: str, version: int, engine: Engine | None, talk: Talk[Found], note: str
) -> Steps[Found]:
    """Drive a step to its result: ask its questions, and send it the answers.

    An answer is None where no reply could be used. Raises where the engine is gone, or has not
    given a single reply.
    """
    asked, came = 0, False
    answers: list[str | None] | None = None
    while True:
        try:
            questions = talk.send(answers) if answers is not None else next(talk)
        except StopIteration as stop:
            found: Found = stop.value
            return found
        assert engine, "a step without an engine asks nothing"
        total = asked + len(questions)
        yield Progress(stage, asked, total, note)
        answers = [None] * len(questions)
        causes: list[Exception | None] = [None] * len(questions)
        jobs = (_as_job(stage, version, engine, question) for question in questions)
        for place, outcome, _ in answer_all(work, stage, engine, jobs):
            if isinstance(outcome, Answer):
                answers[place] = outcome.text or None
            elif isinstance(outcome, LongtakeError):
                causes[place] = outcome
            asked += 1
            yield Progress(stage, asked, total)
        gone = all(isinstance(cause, EngineUnreachable) for cause in causes)
        came = came or not all(causes) or any(isinstance(c, GAVE_REPLY) for c in causes)
        if gone or not came:
            raise_if_nothing_came(causes)


def _as_job(stage: str, version: int, engine: Engine, question: Question) -> Job:
    request = question.request
    facts = {
        "stage": stage,
        "messages": request.messages(request.text),
        "max_tokens": request.max_tokens,
        "schema": request.schema,
        "engine": engine.name,
        "options": dict(engine.options),
        "version": version,
        **({"shown": question.shown} if question.shown else {}),
    }

    def read(reply: Reply) -> tuple[str, str]:
        question.accept(reply)
        return reply.text, ""

    return Job(make_key(facts), lambda: Prepared(question.show(request)), read, keep_bad=True)


def raise_if_nothing_came(outcomes: Iterable[Exception | None]) -> None:
    """Raise the commonest error where no reply came to any question.

    An unusable reply (BadReply) counts as one: it leaves a gap with its reason.
    """
    causes = [cause for cause in outcomes if cause]
    if causes and not any(isinstance(cause, BadReply) for cause in causes):
        commonest, _ = Counter(map(type, causes)).most_common(1)[0]
        raise next(cause for cause in causes if type(cause) is commonest)
