"""Replies as JSON: the schemas that ask for them, and what is read from one, leniently.

Knows no prompt and no tree. What a reply cites without having been told of it is left out; where
nothing is left, it is a BadReply whose correction repeats none of its words.
"""

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from longtake.errors import BadReply
from longtake.text.clauses import shorten
from longtake.text.untrusted import one_line, restore
from longtake.text.words import count_words

SENTENCE_WORDS, TITLE_WORDS = 80, 12
MOST_SECONDS = 1e7

Cited = tuple[str, tuple[int, ...]]
"""A sentence and the chunks that it cites."""
Titled = tuple[int, str]
"""A chunk and a few words on it."""

Schema = Mapping[str, Any]

_NO_JSON = "Your last answer was not the JSON that was asked for. Give that object alone."
_NO_SENTENCE = "Your last answer held no sentence. Give at least one, with its chunks."
_WRONG_CHUNK = "Your last answer cited wrong chunks. Cite only numbers that stand in brackets."
_TOO_MANY = "Your last answer held too many sentences. Keep to the number that was asked for."
_TOO_LONG = "Your last answer held a sentence that was too long. Write short sentences."
_CUT_OFF = "Your last answer was too long and was cut off. Write less."
_NO_HEADLINE = "Your last answer had no headline."


@dataclass(frozen=True)
class Caps:
    """The most that a reply may hold; of chapters and moments, some of more are kept."""

    sentences: int
    chapters: int = 0
    moments: int = 0


@dataclass(frozen=True)
class Whole:
    """What a reply about the whole video holds."""

    headline: str
    sentences: tuple[Cited, ...]
    chapters: tuple[Titled, ...] = ()
    moments: tuple[Titled, ...] = ()


def part_schema(most_sentences: int) -> Schema:
    """Of a reply about a part: sentences with the chunks that they rest on."""
    return _object(sentences=_sentences(most_sentences))


def whole_schema(most_sentences: int, most_chapters: int, most_moments: int) -> Schema:
    """Of a reply about the whole: also a headline, chapters and key moments."""
    number, text = {"type": "integer"}, {"type": "string"}
    return _object(
        headline=text,
        sentences=_sentences(most_sentences),
        chapters=_list(_object(first_chunk=number, title=text), 0, most_chapters),
        key_moments=_list(_object(chunk=number, what=text), 0, most_moments),
    )


ROUTES = ("moment", "whole", "all")


def route_schema() -> Schema:
    """Of a reply that says what is needed to answer a question."""
    return _object(needs={"type": "string", "enum": list(ROUTES)})


def answer_schema(most_sentences: int) -> Schema:
    """Of a reply to a question: whether it was told, and sentences with what they rest on."""
    chunks = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
    sentences = _list(_object(text={"type": "string"}, chunks=chunks), 0, most_sentences)
    return _object(told={"type": "boolean"}, sentences=sentences)


ACTIONS = ("answer", "zoom", "view", "read", "not_here")


@dataclass(frozen=True)
class Act:
    """What a model that looks at frames does next: one of ACTIONS.

    `text` and `frames` (numbers from 1) are an answer's, `box` in thousandths and the first frame a
    zoom's, `start` and `end` in seconds a view's.
    """

    kind: str
    text: str = ""
    frames: tuple[int, ...] = ()
    box: tuple[int, ...] = ()
    start: float = 0.0
    end: float = 0.0


def look_schema(kinds: Sequence[str]) -> Schema:
    """Of a reply about frames: what to do, and with which of them."""
    number = {"type": "integer"}
    return _object(
        action={"type": "string", "enum": list(kinds)},
        text={"type": "string"},
        frames=_list(number, 0, 32),
        box=_list(number, 0, 4),
        start={"type": "number"},
        end={"type": "number"},
    )


def _sentences(most: int) -> Schema:
    chunks = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
    return _list(_object(text={"type": "string"}, chunks=chunks), 1, most)


def _list(items: Schema, fewest: int, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": fewest, "maxItems": most}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_part(text: str, citable: Set[int], caps: Caps, complete: bool = True) -> tuple[Cited, ...]:
    """The sentences of a reply about a part; `citable` are the chunks that it may cite."""
    return _read_sentences(_read_object(text, complete), citable, caps.sentences)


def read_route(text: str) -> str:
    """What a question needs; one moment, where the reply does not say."""
    try:
        needs = _read_object(text, True).get("needs")
    except BadReply:
        return ROUTES[0]
    return needs if needs in ROUTES else ROUTES[0]


def read_answer(
    text: str, citable: Set[int], most: int, complete: bool = True
) -> tuple[Cited, ...]:
    """The sentences of an answer; none where the reply says that it was not told."""
    found = _read_object(text, complete)
    if found.get("told") is False or found.get("sentences") == []:
        return ()
    return _read_sentences(found, citable, most)


def read_act(text: str, kinds: Sequence[str], count: int) -> Act:
    """What a reply about `count` frames does; not_here, where that can't be done."""
    found = _read_object(text, True)
    kind = found.get("action")
    frames = tuple(sorted(n for n in _read_chunks(found.get("frames")) if 1 <= n <= count))
    said = shorten(_read_text(found.get("text")), SENTENCE_WORDS)
    box, span = _read_box(found.get("box")), _read_span(found)
    able = {
        "answer": bool(said and frames),
        "zoom": bool(frames and box),
        "view": span is not None,
        "read": True,
    }
    if kind not in kinds or not able.get(str(kind), False):
        return Act("not_here")
    start, end = span or (0.0, 0.0)
    return Act(str(kind), said, frames, box, start, end)


def read_verdict(text: str) -> str:
    """yes, no or unsure; the last where a reply is none of them."""
    found = re.match(r"\W*(yes|no)\b", text, re.IGNORECASE)
    return found[1].lower() if found else "unsure"


def _read_box(found: Any) -> tuple[int, ...]:
    """Left, top, right, bottom in thousandths; nothing where they are no part of a picture."""
    numbers = found if isinstance(found, list) else []
    if len(numbers) != 4 or not all(isinstance(n, int | float) for n in numbers):
        return ()
    left, top, right, bottom = (int(min(max(n, 0), 1000)) for n in numbers)
    return (left, top, right, bottom) if left < right and top < bottom else ()


def _read_span(found: Mapping[str, Any]) -> tuple[float, float] | None:
    start, end = found.get("start"), found.get("end")
    if not (isinstance(start, int | float) and isinstance(end, int | float)):
        return None
    return (float(start), float(end)) if 0 <= start < end < MOST_SECONDS else None


def read_whole(text: str, citable: Set[int], caps: Caps, complete: bool = True) -> Whole:
    """A reply about the whole; chapters and moments of what it was not told of are left out."""
    found = _read_object(text, complete)
    headline = shorten(_read_text(found.get("headline")), 2 * TITLE_WORDS).rstrip(".。।")
    if not headline:
        raise BadReply("the reply has no headline", correction=_NO_HEADLINE)
    chapters = _read_titles(found.get("chapters"), "first_chunk", "title", TITLE_WORDS)
    moments = _read_titles(found.get("key_moments"), "chunk", "what", SENTENCE_WORDS)
    return Whole(
        headline=headline,
        sentences=_read_sentences(found, citable, caps.sentences),
        chapters=_keep(chapters, citable, caps.chapters),
        moments=_keep(moments, citable, caps.moments),
    )


def _read_object(text: str, complete: bool) -> Mapping[str, Any]:
    """The first JSON object in a reply, whatever stands around it."""
    decoder = json.JSONDecoder(strict=False)  # line breaks inside strings are common
    for start in (found.start() for found in re.finditer(r"\{", text)):
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break  # what is broken is not searched for a whole part
        return found if isinstance(found, dict) else {}
    raise BadReply(
        f"the reply is no JSON object: {one_line(text)[:80]!r}",
        correction=_NO_JSON if complete else _CUT_OFF,
    )


def _read_sentences(found: Mapping[str, Any], citable: Set[int], most: int) -> tuple[Cited, ...]:
    """Each with its citable chunks; without any, it is left out."""
    sentences: dict[str, tuple[int, ...]] = {}
    wrong: set[int] = set()
    for entry in _list_objects(found.get("sentences")):
        text = _read_text(entry.get("text"))
        if not text:
            continue
        if count_words(text) > SENTENCE_WORDS:
            raise BadReply(
                f"a sentence is longer than {SENTENCE_WORDS} words", correction=_TOO_LONG
            )
        chunks = _read_chunks(entry.get("chunks")) or {-1}
        wrong |= chunks - citable
        if chunks & citable:
            sentences[text] = tuple(sorted({*(chunks & citable), *sentences.get(text, ())}))
    _check_number(sentences, wrong, most)
    return tuple(sentences.items())


def _check_number(sentences: Mapping[str, object], wrong: Set[int], most: int) -> None:
    """BadReply where a reply has no sentence, or too many."""
    if not sentences and wrong:
        shown = ", ".join(str(number) for number in sorted(wrong)[:5] if number >= 0) or "nothing"
        raise BadReply(
            f"the reply cites {shown}, which it was not told of", correction=_WRONG_CHUNK
        )
    if not sentences:
        raise BadReply("the reply holds no sentence", correction=_NO_SENTENCE)
    if len(sentences) > most:
        raise BadReply(
            f"the reply holds {len(sentences)} sentences, more than {most}", correction=_TOO_MANY
        )


def _read_titles(found: Any, number: str, words: str, most_words: int) -> tuple[Titled, ...]:
    titled: dict[int, str] = {}
    for entry in _list_objects(found):
        title = shorten(_read_text(entry.get(words)), most_words)
        chunk = _read_number(entry.get(number))
        if title and chunk is not None:
            titled.setdefault(chunk, title)
    return tuple(sorted(titled.items()))


def _keep(titled: Sequence[Titled], citable: Set[int], most: int) -> tuple[Titled, ...]:
    """Those of citable chunks, at most so many, evenly from the first one on."""
    known = [entry for entry in titled if entry[0] in citable]
    count = min(most, len(known))
    return tuple(known[k * len(known) // count] for k in range(count))


def _list_objects(found: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _read_text(found: Any) -> str:
    """A value as text on one line; empty where it holds no word."""
    text = one_line(restore(found)) if isinstance(found, str) else ""
    return text if re.search(r"[^\W\d_]{2}", text) else ""


def _read_chunks(found: Any) -> set[int]:
    entries = found if isinstance(found, list) else [found]
    return {-1 if (n := _read_number(entry)) is None else n for entry in entries}


def _read_number(found: Any) -> int | None:
    """A chunk's number, also as `"12"` or `"[12]"`."""
    if isinstance(found, str) and (digits := re.fullmatch(r"\[?(\d{1,9})\]?", found.strip())):
        return int(digits[1])
    return found if isinstance(found, int) and not isinstance(found, bool) else None
