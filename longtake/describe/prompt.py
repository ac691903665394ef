"""What is asked of one chunk, and under which key.

Asks nobody itself: the pipeline does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

from longtake.inference.engine import Engine, Request, byte_bound
from longtake.inference.questions import CountLines
from longtake.prompts import read_prompt
from longtake.records import NO_WORDS, Chunk, Frame, ScreenText, Segment, Video, Words
from longtake.text.untrusted import defuse, one_line
from longtake.timecode import Span, format_time
from longtake.video.choose_frames import Slot

MAX_TOKENS = 256
SPARE_TOKENS = 64
"""Kept free for what a chat template puts around the words."""
TIME_TOKENS = 12
"""For a line's time and its ellipsis."""
VERSION = 5
"""Part of a chunk's key: raised whenever frames are picked, or replies accepted, in another way."""

_START = Span(0.0, 0.0)
SOME_WORDS = Words(
    (Segment(_START, "…"),), (ScreenText(_START, "…", 0, 0),), (Segment(_START, "…"),)
)
"""A little of each kind, to know what stands around them."""

LATE = 0.8
"""A text is cut at a space that lies behind this share of it."""

Line = TypeVar("Line", Segment, ScreenText)


@dataclass(frozen=True)
class Context:
    """What the prompt of a chunk holds of earlier ones: `text`, which takes `tokens`.

    `prompt` is the prompt that tells what to do with it, `schema` the form of the reply.
    """

    text: str = ""
    tokens: int = 0
    prompt: str = "describe"
    max_tokens: int = MAX_TOKENS
    schema: Mapping[str, Any] | None = None


NO_CONTEXT = Context()


def make_request(
    chunk: Chunk,
    frames: Sequence[Frame],
    words: Words = NO_WORDS,
    context: Context = NO_CONTEXT,
) -> Request:
    """The prompt, the context, each frame after its time, what is said and written, the stretch.

    What changes least comes first, for servers that keep the beginning of a prompt.
    """
    question = make_question(chunk, words, context)
    shown: list[str | Frame] = []
    for frame in frames:
        shown += [_say_frame(frame), frame]
    before = _say_context(context)
    return replace(question, parts=(*before, *shown, *question.parts[len(before) :]))


def _say_frame(frame: Frame) -> str:
    first, again = format_time(frame.time), format_time(frame.again)
    same = f", the same at {again}" if frame.again and again != first else ""
    return f"Frame at {first}{same}:"


def make_question(chunk: Chunk, words: Words = NO_WORDS, context: Context = NO_CONTEXT) -> Request:
    """The request without its frames."""
    said = f"These frames are from {chunk.span} of the video."
    if chunk.cuts:
        said += f" The view is cut at {', '.join(map(format_time, chunk.cuts))}."
    parts = (*_say_context(context), *_say_words(words), f"{said} Describe this stretch.")
    return Request(
        read_prompt(context.prompt).system,
        parts,
        context.max_tokens,
        cuts=len(chunk.cuts),
        schema=context.schema,
    )


def _say_context(context: Context) -> list[str]:
    """What is known from before, between tags that nothing in it can close."""
    return [f"<earlier>\n{context.text}\n</earlier>"] if context.text else []


def _say_words(words: Words) -> list[str]:
    """What is said and written, each kind between tags that nothing in it can close."""
    return [
        "\n".join([f"{title}:", f"<{tag}>", *map(_say_line, lines), f"</{tag}>"])
        for title, tag, lines in (
            ("Said just before", "before", words.before),
            ("Said in this stretch, as it was heard", "speech", words.speech),
            ("Written in the pictures, as it was read", "text", words.text),
        )
        if lines
    ]


def _say_line(line: Segment | ScreenText) -> str:
    text = defuse(one_line(line.text))
    return f"[{format_time(line.span.start)}] {text}" if isinstance(line, Segment) else text


def fit_words(words: Words, speech_tokens: int, text_tokens: int, count_lines: CountLines) -> Words:
    """As much of the words as the budgets hold: what is said first, the rest for what was before.

    Of what comes too long its beginning is kept, of what was said before its end. `count_lines` is
    only called where the bytes leave a doubt.
    """
    before = words.before[::-1]
    spoken = [_say_line(line) for line in (*words.speech, *before)]
    written = [_say_line(line) for line in words.text]
    if _most(spoken) <= speech_tokens and _most(written) <= text_tokens:
        return words
    tokens = [count + 1 for count in count_lines([*spoken, *written])]
    said, earlier = len(words.speech), len(spoken)
    speech, left = _fit_lines(words.speech, tokens[:said], speech_tokens, count_lines)
    text, _ = _fit_lines(words.text, tokens[earlier:], text_tokens, count_lines)
    kept = sum(total <= left for total in accumulate(tokens[said:earlier]))
    return Words(speech, text, before[:kept][::-1])


def _most(lines: Sequence[str]) -> int:
    """A number of tokens that is never too low; each line has a break of its own."""
    return sum(byte_bound(line) + 1 for line in lines)


def _fit_lines(
    lines: Sequence[Line], tokens: Sequence[int], budget: int, count_lines: CountLines
) -> tuple[tuple[Line, ...], int]:
    """The first lines, the last one cut to what room there is, and what is left of the budget."""
    kept: list[Line] = []
    for line, needed in zip(lines, tokens, strict=True):
        if needed > budget:
            kept += _cut(line, needed, budget, count_lines)
            return tuple(kept), 0
        kept.append(line)
        budget -= needed
    return tuple(kept), budget


def _cut(line: Line, needed: int, budget: int, count_lines: CountLines) -> list[Line]:
    """As much of the line's beginning as fits; nothing, where that is next to nothing."""
    text = line.text
    while budget > TIME_TOKENS:
        text = _start(text, min(0.9, (budget - TIME_TOKENS) / needed))
        if not text:
            break
        cut = replace(line, text=f"{text} …")
        needed = count_lines([_say_line(cut)])[0] + 1
        if needed <= budget:
            return [cut]
    return []


def _start(text: str, share: float) -> str:
    """That share of the text, up to the end of a word where one ends near."""
    start = text[: int(len(text) * share)]
    space = start.rfind(" ")
    return start[:space] if space > LATE * len(start) else start


def key_facts(
    video: Video,
    chunk: Chunk,
    engine: Engine,
    slots: Sequence[Slot],
    side: int,
    words: Words = NO_WORDS,
    context: Context = NO_CONTEXT,
) -> dict[str, object]:
    """All that would change this chunk's description; `side` is a frame's longest, in pixels."""
    question = make_question(chunk, words, context)
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
