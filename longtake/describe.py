"""One chunk to one description: what is asked, under which key, and what counts as an answer.

Asks nobody itself: the pipeline does.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence

from longtake.engines.base import Engine, Reply, Request
from longtake.errors import BadReply
from longtake.plain import one_line
from longtake.prompts import read_prompt
from longtake.records import Chunk, Frame, Video
from longtake.timecode import format_time

MAX_TOKENS = 256
SAMPLING = "even"
"""How frames are picked; part of a chunk's key, so it changes when the picking does."""

_REFUSAL = re.compile(
    r"(i['’]?m sorry|i am sorry|sorry,|unfortunately,? i|i (can ?not|can['’]t|am unable to|"
    r"don['’]t have the ability to)|as an ai\b)",
    re.IGNORECASE,
)


def make_request(chunk: Chunk, frames: Sequence[Frame]) -> Request:
    """The prompt, then each frame after its time, then the stretch that they come from."""
    parts: list[str | Frame] = []
    for frame in frames:
        parts += [f"Frame at {format_time(frame.time)}:", frame]
    parts.append(f"These frames are from {chunk.span} of the video. Describe this stretch.")
    return Request(read_prompt("describe").system, tuple(parts), MAX_TOKENS)


def key_facts(
    video: Video, chunk: Chunk, engine: Engine, times: Sequence[float], side: int
) -> dict[str, object]:
    """All that would change this chunk's description; `side` is a frame's longest, in pixels."""
    return {
        "stage": "describe",
        "video": video.sha256,
        "span": [chunk.span.start, chunk.span.end],
        "frames": [SAMPLING, list(times), side],
        "prompt": read_prompt("describe").system,
        "engine": engine.name,
        "options": dict(engine.options),
    }


def accept(reply: Reply) -> None:
    """BadReply where the text is no description: empty, markup, a refusal, a loop, cut short."""
    text = clean(reply)
    if not re.search(r"[^\W\d_]", text):
        raise BadReply(f"the reply holds no words: {reply.text[:60]!r}")
    if _is_markup(reply.text):
        raise BadReply(f"the reply is markup or data, not a description: {reply.text[:60]!r}")
    if _REFUSAL.match(text):
        raise BadReply(f"the model declined: {text[:80]!r}")
    if _is_loop(text):
        raise BadReply(f"the reply repeats itself: {text[:60]!r}")
    if read_prompt("describe").system[:40].casefold() in text.casefold():
        raise BadReply("the reply repeats the question")


def clean(reply: Reply) -> str:
    """The reply's text on one line; without its last sentence where that is only half there."""
    text = one_line(reply.text)
    if not reply.complete:
        whole = re.match(r"^.*[.!?][\"”’']?(?=\s|$)", text)
        text = whole[0] if whole else ""
    return text


def _is_markup(text: str) -> bool:
    start = text.strip()
    if re.match(r"<(!doctype|html|\?xml|body|div|error)\b", start, re.IGNORECASE):
        return True
    try:
        return isinstance(json.loads(start), dict | list)
    except ValueError:
        return False


def _is_loop(text: str) -> bool:
    """Whether one sentence comes four times, or one word is half of many."""
    sentences = Counter(part.strip().casefold() for part in re.split(r"[.!?]\s", text))
    if max(sentences.values()) >= 4:
        return True
    words = text.casefold().split()
    return len(words) >= 20 and Counter(words).most_common(1)[0][1] > len(words) / 2
