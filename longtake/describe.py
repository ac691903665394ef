"""One chunk to one description: what is asked, under which key, and what counts as an answer.

Asks nobody itself: the pipeline does.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from longtake.engines.base import Engine, Reply, Request
from longtake.errors import BadReply
from longtake.plain import one_line
from longtake.prompts import read_prompt
from longtake.records import Chunk, Frame, Video
from longtake.timecode import format_time
from longtake.video.picks import Slot

MAX_TOKENS = 256
SPARE_TOKENS = 64
"""Kept free for what a chat template puts around the words."""
VERSION = 3
"""Part of a chunk's key: raised whenever frames are picked, or replies accepted, in another way."""

_REFUSAL = re.compile(
    r"(i['’]?m|i am) (sorry|unable)|sorry,|unfortunately,? i\b|as an? (ai|large|language)\b|"
    r"i (can ?not|can['’]t|don['’]t have the ability to|don['’]t have access)|"
    r"please (provide|upload|attach|share|send)\b|"
    r"(i don['’]t see( any)?|(it (looks|seems|appears) (like|that) )?(there (is|are|was|were) )?no)"
    r" (\w+ )?(images?|frames?|videos?|files?)\b[^.]{0,20}?"
    r"(attached|provided|uploaded|shared|included|available|to describe|[.!]|$)|"
    r"it (looks|seems|appears)\b[^.]{0,30}?\b(attached|provided|uploaded|shared)\b",
    re.IGNORECASE,
)
_SERVER_WORDS = re.compile(
    r"error(:| \d)|internal server error|bad gateway|service unavailable|gateway timeout|"
    r"too many requests|rate limit|(the )?model is (loading|overloaded)|upstream (request|connect)|"
    r"traceback \(most",
    re.IGNORECASE,
)
"""What servers and proxies send in place of an answer, as text with status 200."""
_DEBRIS = re.compile(r"<\|?/?(think|im_|unk|end|pad|image|video|bos|eos)|\[/?INST\]", re.IGNORECASE)
FEWEST_WORDS = 3


def make_request(chunk: Chunk, frames: Sequence[Frame]) -> Request:
    """The prompt, then each frame after its time, then the stretch and its cuts."""
    question = make_question(chunk)
    parts: list[str | Frame] = []
    for frame in frames:
        parts += [f"Frame at {format_time(frame.time)}:", frame]
    return replace(question, parts=(*parts, *question.parts))


def make_question(chunk: Chunk) -> Request:
    """The request without its frames."""
    said = f"These frames are from {chunk.span} of the video."
    if chunk.cuts:
        said += f" The view is cut at {', '.join(map(format_time, chunk.cuts))}."
    parts = (f"{said} Describe this stretch.",)
    return Request(read_prompt("describe").system, parts, MAX_TOKENS, cuts=len(chunk.cuts))


def key_facts(
    video: Video, chunk: Chunk, engine: Engine, slots: Sequence[Slot], side: int
) -> dict[str, object]:
    """All that would change this chunk's description; `side` is a frame's longest, in pixels."""
    question = make_question(chunk)
    return {
        "stage": "describe",
        "video": video.sha256,
        "span": [chunk.span.start, chunk.span.end],
        "version": VERSION,
        "frames": [[list(slot.times) for slot in slots], side],
        "prompt": [question.system, question.text, question.max_tokens],
        "engine": engine.name,
        "options": dict(engine.options),
    }


def accept(reply: Reply) -> None:
    """BadReply where the text is no description: empty, markup, a refusal, a loop, cut short."""
    text = clean(reply)
    for is_wrong, what in (
        (not reply.complete and not text, "was cut off before the end of its first sentence"),
        (not re.search(r"[^\W\d_]", text), "holds no words"),
        (_is_markup(reply.text), "is markup or data, not a description"),
        (_REFUSAL.match(text), "declines: the model did not describe"),
        (_SERVER_WORDS.match(text), "is a server's message, not a description"),
        (_DEBRIS.search(text), "holds debris of the model's template"),
        (len(text.split()) < FEWEST_WORDS, f"has fewer than {FEWEST_WORDS} words"),
        (_is_loop(text), "repeats itself"),
        (read_prompt("describe").system[:40].casefold() in text.casefold(), "repeats the question"),
        (text.startswith("Frame at "), "repeats the question"),
    ):
        if is_wrong:
            raise BadReply(f"the reply {what}: {one_line(reply.text)[:80]!r}")


def clean(reply: Reply) -> str:
    """The reply's text on one line; without its last sentence where that is only half there."""
    text = one_line(reply.text)
    if not reply.complete:
        whole = re.match(r"^.*[.!?][\"”’']?(?=\s|$)", text)
        text = whole[0] if whole else ""
    return text


def _is_markup(text: str) -> bool:
    start = re.sub(r"^```\w*|```$", "", text.strip()).strip()
    if re.match(r"<(!doctype|html|\?xml|body|div|error)\b", start, re.IGNORECASE):
        return True
    try:
        return isinstance(json.loads(start), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_loop(text: str) -> bool:
    """Whether one sentence comes four times, counting up or not, or one word is half of many."""
    plain = re.sub(r"\d+", "0", text.casefold())
    sentences = Counter(part.strip() for part in re.split(r"[.!?]\s", plain))
    if max(sentences.values()) >= 4:
        return True
    words = text.casefold().split()
    return len(words) >= 20 and Counter(words).most_common(1)[0][1] > len(words) / 2
