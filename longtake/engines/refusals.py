"""What a server's refusal means: which error its status and its words make.

Knows many servers' words; sends and reads nothing.
"""

import re
from dataclasses import dataclass

from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    OutOfMemory,
    RequestTooLarge,
)

_OUT_OF_MEMORY = re.compile(
    r"out[ -]of[ -]memory|OutOfMemory|(insufficient|not enough) (\w+ )?memory"
    r"|fail(ed|ure) to allocate|alloc(ation)?[_ ]failed|unable to allocate"
    r"|more (\w+ )?memory \([^)]*\) than is available"
    # llama.cpp, where slots share one cache and it is full: fewer at once fit into it.
    r"|context size has been exceeded",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"context[ _-]?(length|size|window|limit|the overflow)"
    r"|(prompt|input|request|message|payload|token|image|frame)[^.]{0,60}(too (long|large)|exceed)"
    r"|exceed[^.]{0,60}(token|image|limit)|too many (image|token|frame)"
    r"|at most [1-9]\d* (image|token)"
    r"|inputs?\W{0,3}tokens?[^.]{0,40}must be (<|at most|less)",  # Text Generation Inference
    re.IGNORECASE,
)
_MOST_IMAGES = re.compile(
    r"at most ([1-9]\d*) image|limit of ([1-9]\d*)\b(?=[^.]*$)", re.IGNORECASE
)
_QUOTA = re.compile(r"quota|billing|insufficient (funds|credit|balance)", re.IGNORECASE)
_SPENT = re.compile(r"insufficient_quota|per[ _-]?day|daily", re.IGNORECASE)
"""Beside those words: no limit by the minute, whatever else is said."""
_BY_MINUTE = re.compile(r"per[ _-]?(min|sec)|rate[ _-]?limit|\b[RT]PM\b", re.IGNORECASE)
_OVERLOADED = re.compile(
    r"overload|at capacity|too busy|try again (later|in)|temporarily unavailable", re.IGNORECASE
)
_TIME = (
    r"(\d{1,9}(?:\.\d{1,9})?)\s{0,3}"
    r"(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)(?![a-z])"
)
_COME_BACK = re.compile(rf"(?:retry|again|wait)[^\d\n]{{0,30}}((?:{_TIME}\s{{0,3}}){{1,4}})", re.I)
_SECONDS = {"ms": 0.001, "mil": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
MOST_WAIT_SECONDS = 3600.0
"""Who says to come back later than that has no more to give in this run."""
_CONTEXT_TOO_SHORT = re.compile(
    r"exceeds? .{0,40}context|max(imum)? context length|context (length|window) (of|is|exceeded)",
    re.IGNORECASE,
)
"""Specific enough to be trusted at any other status."""
_TOO_LARGE_AT = {400: _TOO_LARGE, 422: _TOO_LARGE}
_PERHAPS_TOO_MUCH = (400, 415, 422, 500, 501)
"""A server that takes fewer frames than it was sent says so in words of its own, or in none."""


@dataclass(frozen=True)
class Refusal:
    """An answer that is no success: its status, its error's words, its body and `Retry-After`."""

    status: int
    words: str
    body: str
    retry_after: str

    @property
    def wait_seconds(self) -> float | None:
        """When to come back, by its header or in its words; None where neither says it."""
        try:
            return max(0.0, float(self.retry_after))
        except ValueError:  # none, or a date, which HTTP also allows
            said = _COME_BACK.search(self.body)
        parts = re.findall(_TIME, said[1], re.IGNORECASE) if said else []
        return sum(float(n) * _as_seconds(unit.casefold()) for n, unit in parts) if said else None


def find_error(refusal: Refusal, said: str) -> EngineError:
    """The error for it, with what was said in short."""
    status, words = refusal.status, refusal.words
    if status in (401, 403):
        return EngineRefused(said, "Check the key: --api-key, or OPENAI_API_KEY.")
    if _OUT_OF_MEMORY.search(words):
        return OutOfMemory(said, "Lower --at-once, --frames or --frame-side.")
    if status == 413 or _TOO_LARGE_AT.get(status, _CONTEXT_TOO_SHORT).search(words):
        most = _MOST_IMAGES.search(words) if "image" in words else None
        images = int(most[1] or most[2]) if most else 0
        return RequestTooLarge(said, "Lower --frames or --frame-side.", images)
    if status == 429 and _quota_is_spent(refusal):
        return EngineRefused(said, "The account behind the key has no more to spend there.")
    return _find_passing_trouble(refusal, said) or _find_lasting_trouble(status, said)


def _find_lasting_trouble(status: int, said: str) -> EngineError:
    error = (
        EngineFailed(said, "The server's own log says more.")
        if status >= 500
        else EngineRefused(said, "Check --base-url and the model's name.")
    )
    error.perhaps_too_much = status in _PERHAPS_TOO_MUCH
    return error


def _quota_is_spent(refusal: Refusal) -> bool:
    """Whether a 429 is no limit by the minute, which waiting for a while would lift."""
    if not _QUOTA.search(refusal.body):
        return False
    wait = refusal.wait_seconds
    if _SPENT.search(refusal.body) or (wait or 0) > MOST_WAIT_SECONDS:
        return True
    return wait is None and not _BY_MINUTE.search(refusal.body)


def _find_passing_trouble(refusal: Refusal, said: str) -> EngineError | None:
    """The error of a server that may answer later; None: it would say the same again."""
    status = refusal.status
    if status in (408, 504, 524):
        return EngineTimeout(said)
    if status in (502, 521, 522, 523):
        return EngineUnreachable(said, "What stands before the server does not reach it.")
    overloaded = status >= 500 and _OVERLOADED.search(refusal.body)
    if overloaded or status in (429, 503, 529):
        return EngineBusy(said, "Lower --at-once.", refusal.wait_seconds)
    return None


def _as_seconds(unit: str) -> float:
    return next(seconds for start, seconds in _SECONDS.items() if unit.startswith(start))
