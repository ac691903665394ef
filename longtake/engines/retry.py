"""Asking again where that can help, and no longer than that: one function around any engine."""

import random
import time
from collections.abc import Callable
from dataclasses import replace

from longtake.engines.base import Engine, Reply, Request
from longtake.errors import BadReply, EngineBusy, EngineError

TRIES = 3
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0


def ask(
    engine: Engine,
    request: Request,
    accept: Callable[[Reply], None],
    *,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> Reply:
    """The first reply that `accept` does not raise BadReply about; else the last EngineError.

    Both carry in `tries` how often was asked. A correction goes with the next attempt alone.
    """
    correction = ""
    for attempt in range(tries):
        try:
            reply = engine.answer(request.again(attempt, correction))
            accept(reply)
            return replace(reply, tries=attempt + 1)
        except EngineError as error:
            error.tries = attempt + 1
            if not error.retry or error.tries == tries:
                raise
            correction = error.correction if isinstance(error, BadReply) else ""
            sleep(_wait_seconds(error, error.tries))
    raise ValueError(f"tries must be at least 1, not {tries}")


def _wait_seconds(error: EngineError, attempt: int) -> float:
    """What the engine asks for, else twice as long each time, with some chance in it."""
    if isinstance(error, BadReply):
        return 0.0
    if isinstance(error, EngineBusy) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_WAIT_SECONDS)
    wait = FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1)
    return min(LONGEST_WAIT_SECONDS, wait * random.uniform(0.75, 1.25))  # noqa: S311
