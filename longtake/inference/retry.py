"""Asking again where that can help, and no longer than that: one function around any engine.

Takes off what stands round an answer, before anybody judges it.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from longtake.errors import (
    BadReply,
    EngineBusy,
    EngineError,
    EngineRefused,
    EngineUnreachable,
    OnlyThought,
    OutOfMemory,
    RequestTooLarge,
)
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.text.untrusted import one_line
from longtake.text.wrapping import unwrap

TRIES = 3
PATIENCE_SECONDS = 60.0
"""How long to wait in all for an engine that is busy or away: a server may be started anew."""
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
AWAY = (EngineUnreachable, EngineBusy)
MORE_ROOM = 8
"""A reply that was all thought is asked for once more with so many times the tokens."""
SPARE_TOKENS = 64
"""Of the context, for what the correction and a template add."""

T = TypeVar("T")


def ask(
    engine: Engine,
    request: Request,
    read: Callable[[Reply], T],
    *,
    tries: int = TRIES,
    patience: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    notice: Callable[[EngineError], None] = lambda error: None,
) -> tuple[Reply, T]:
    """The first reply that `read` raises no BadReply about, and what it reads; else EngineError.

    Both carry in `tries` how often was asked, and what all replies took, in tokens and seconds. A
    correction goes with the next attempt alone. An engine that is away or busy gets as many tries
    as fit into `patience`, in seconds, where that is more than none. `notice` is told each error.
    What came as thoughts alone is asked for once more with more room, where the context has any.
    """
    correction, attempt = "", 0
    came: list[Reply] = []
    lacking: OnlyThought | None = None

    def act() -> tuple[Reply, T]:
        asked = request.again(attempt, correction)
        if lacking:
            asked = replace(asked, max_tokens=_more_room(request, came[-1], engine.capabilities))
        try:
            reply = tidy(engine.answer(asked))
        except (EngineRefused, OutOfMemory, RequestTooLarge) as error:
            if lacking:  # there is no more room
                raise lacking from error
            raise
        came.append(reply)
        check_answer(reply)
        return reply, read(reply)

    def learn(error: EngineError) -> None:
        # Only another reply needs another attempt: what comes after trouble is the same.
        nonlocal correction, attempt, lacking
        attempt += isinstance(error, BadReply)
        correction = error.correction if isinstance(error, BadReply) else ""
        if isinstance(error, OnlyThought):
            error.retry = not lacking
            lacking = error
        notice(error)

    try:
        answered, asked = insist(act, tries=tries, patience=patience, sleep=sleep, notice=learn)
    except EngineError as error:
        error.input_tokens, error.output_tokens, error.seconds = _add_up(came)
        raise
    inputs, outputs, seconds = _add_up(came)
    reply, found = answered
    reply = replace(reply, tries=asked, input_tokens=inputs, output_tokens=outputs, seconds=seconds)
    return reply, found


def tidy(reply: Reply) -> Reply:
    """The reply without what stands round its answer."""
    text, thought = unwrap(reply.text)
    return replace(reply, text=text, thought=thought or reply.thought)


def check_answer(reply: Reply) -> None:
    """BadReply with the reason where a tidy reply has no text, and that is known."""
    if reply.text:
        return
    if reply.refusal:
        raise BadReply(f"the model refused: {one_line(reply.refusal)[:200]!r}")
    if reply.thought and not reply.complete:
        spent = f"all {reply.output_tokens} tokens" if reply.output_tokens else "all its tokens"
        raise OnlyThought(
            f"the reply is thought alone: {spent} went into it",
            "Switch thinking off where the model is served, or use a model that answers at once.",
            "Answer at once and briefly, without thinking first.",
        )
    if reply.thought:
        raise BadReply(
            "the reply is thought alone, without an answer",
            "Switch thinking off where the model is served, or use a model that answers at once.",
            "Your last answer was thought alone. Give the answer.",
        )


def _more_room(request: Request, last: Reply, able: Capabilities) -> int:
    """Tokens for a reply that thinks first: more than before, as far as the context has them."""
    left = able.context_tokens - (last.input_tokens or able.context_tokens // 2) - SPARE_TOKENS
    return max(request.max_tokens, min(MORE_ROOM * request.max_tokens, left))


def _add_up(replies: Sequence[Reply]) -> tuple[int, int, float]:
    """Tokens in, tokens out and seconds of all of them."""
    return (
        sum(reply.input_tokens for reply in replies),
        sum(reply.output_tokens for reply in replies),
        round(sum(reply.seconds for reply in replies), 3),
    )


def insist(
    act: Callable[[], T],
    *,
    tries: int = TRIES,
    patience: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    notice: Callable[[EngineError], None] = lambda error: None,
) -> tuple[T, int]:
    """The result of `act`, tried again after an EngineError with `retry`; and the tries."""
    if tries < 1:
        raise ValueError(f"tries must be at least 1, not {tries}")
    done, failed, waited = 0, 0, 0.0
    while True:
        done += 1
        try:
            return act(), done
        except EngineError as error:
            error.tries = done
            notice(error)
            away = patience > 0 and isinstance(error, AWAY)
            failed += not away
            if not error.retry or failed == tries or (away and waited >= patience):
                raise
            wait = _wait_seconds(error, done)
            waited += wait
            sleep(wait)


def _wait_seconds(error: EngineError, attempt: int) -> float:
    """As `retry_after` asks for, else exponential backoff with jitter."""
    if isinstance(error, BadReply):
        return 0.0
    if isinstance(error, EngineBusy) and error.retry_after is not None:
        return min(max(error.retry_after, FIRST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
    wait = FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1)
    return min(LONGEST_WAIT_SECONDS, wait * random.uniform(0.75, 1.25))  # noqa: S311
