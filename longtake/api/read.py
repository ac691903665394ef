"""What a request says, read within limits: its query, and its body as JSON. Problem else."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
from starlette.requests import ClientDisconnect, Request

from longtake.door.gate import BODY_SECONDS
from longtake.door.problem import Problem
from longtake.settings.values import shorten

MOST_BODY_BYTES = 100_000
MOST_DIGITS = 18
"""Of a whole number: more is no number of anything here."""


async def read_json(request: Request) -> Any:
    """The body's value."""
    check_encoding(request)
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    charset = rest.partition("=")[2].strip(" \"'").casefold()
    if kind.strip().casefold() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise Problem(415, "the body is not JSON", "Send it with Content-Type: application/json.")
    try:
        with anyio.fail_after(BODY_SECONDS):
            return parse(await _read_body(request))
    except TimeoutError:
        raise Problem(
            408, f"the body did not come within {BODY_SECONDS:g} seconds", "Send it again."
        ) from None
    except ClientDisconnect:
        raise Problem(400, "the request broke off", "Send it again.") from None


def check_encoding(request: Request) -> None:
    """Problem for a body that is packed: it is small, and nothing is unpacked here."""
    encoding = request.headers.get("content-encoding", "identity").strip().casefold()
    if encoding not in ("", "identity"):
        raise Problem(415, "a packed body is not read", "Send it without a Content-Encoding.")


async def _read_body(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > MOST_BODY_BYTES:
        raise _too_large()
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > MOST_BODY_BYTES:
            raise _too_large()
    return body


def _too_large() -> Problem:
    return Problem(413, f"the body has more than {MOST_BODY_BYTES:,} bytes", "Ask for less.")


def parse(body: bytes) -> Any:
    """JSON that means one thing: no member twice, and no number or letter that can't be kept."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_int=_read_whole,
            parse_float=_read_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_read_members,
        )
        _check_letters(value)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem(400, f"the body can't be read: {shorten(said)}", "Send JSON.") from None
    return value


def _read_whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has more than {MOST_DIGITS} digits")
    return int(digits)


def _read_number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _read_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _check_letters(value: Any) -> None:
    """ValueError for half a letter (a lone surrogate), which no file or answer could hold."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            name.encode("utf-8")
            _check_letters(member)
    elif isinstance(value, list):
        for member in value:
            _check_letters(member)


def read_query(request: Request, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The query's parameters as their schemas want them; a number that is none stays text."""
    given = request.query_params
    for name in given:
        if name not in known:
            raise Problem(
                422,
                f"unknown parameter {shorten(repr(name))}",
                f"Known: {', '.join(known)}." if known else "None is known here.",
            )
    return {name: _read_values(given.getlist(name), known[name]) for name in known if name in given}


def _read_values(values: Sequence[str], schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "array":
        return list(values)
    if len(values) > 1:
        return list(values)  # which its schema refuses
    (value,) = values
    if schema["type"] == "integer" and re.fullmatch(rf"-?[0-9]{{1,{MOST_DIGITS}}}", value):
        return int(value)
    if schema["type"] == "number" and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", value):
        return float(value)
    return value
