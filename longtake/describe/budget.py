"""How much of each chunk an engine is shown: which frames, how large, and how many words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from longtake.describe import prompt
from longtake.describe.context import FullContext, MemoryContext
from longtake.describe.frame_limits import SMALLEST_SIDE, View, fit_view
from longtake.describe.prompt import MAX_TOKENS, NO_CONTEXT, SPARE_TOKENS, Context
from longtake.errors import UsageError
from longtake.inference.engine import Engine, byte_bound
from longtake.inference.frame_tokens import FRAME_WORD_TOKENS, frame_tokens
from longtake.inference.scheduler import Work
from longtake.prompts import read_prompt
from longtake.records import NO_WORDS, Chunk, Frame, Scan, Words
from longtake.settings import Settings
from longtake.text.plurals import say_count
from longtake.timecode import Span
from longtake.video.choose_frames import Slot, frames_of_clip, plan_slots, spread_evenly
from longtake.video.frames import scale

FEW_TOKENS = 1120
"""A frame up to 512 px takes no more in any known family: Qwen-VL in Ollama does."""
CONTEXT_PER_WORDS = 8
"""Of a small context, what is said takes no more than this part, nor what is written."""
MEMORY_SHARE = 0.30
"""Of a prompt without it: flow II is to cost at most about a third more than flow I."""
FULL_PART = 4
"""Of the model's context, at least this part is for all so far."""
LEAST_MEMORY = 48
"""With less than so many tokens a memory is of no use."""
MOST_COUNTED = 10_000
"""Lines whose tokens are kept in mind, so that memory stays flat."""
FEW_FRAME_WORDS = 5
"""Tokens of the time before a frame, at least."""

MEMORY, FULL = MemoryContext.empty, FullContext.empty
SOME_CHUNK = Chunk(1, Span(0.0, 6.0))


def word_budgets(settings: Settings, engine: Engine, speech: bool, text: bool) -> tuple[int, int]:
    """Tokens that a prompt may hold of what is said and of what is written, where there is any."""
    most = engine.capabilities.context_tokens // CONTEXT_PER_WORDS
    return (
        min(settings.speech_tokens, most) if speech else 0,
        min(settings.text_tokens, most) if text else 0,
    )


def context_room(settings: Settings, engine: Engine, context: Context) -> Context:
    """The context that the frames must leave room for: as long as that kind ever gets.

    All so far is left a part of the model's own, however many frames that costs.
    """
    if settings.context == "memory":
        return replace(context, tokens=_most_memory(settings, engine))
    if settings.context == "full":
        return replace(context, tokens=engine.capabilities.context_tokens // FULL_PART)
    return context


def _most_memory(settings: Settings, engine: Engine) -> int:
    return min(settings.memory_tokens, engine.capabilities.context_tokens // CONTEXT_PER_WORDS)


@dataclass(frozen=True)
class Prices:
    """Tokens that parts of a prompt take: a frame (0: not known) and the question around it.

    `memory` is what telling of a memory takes more, `full` the question that tells of all so far.
    """

    frame: int
    question: int
    memory: int
    full: int


def recall_prices(work: Work, engine: Engine, size: tuple[int, int]) -> Prices:
    """The prices for frames of that size in pixels; an engine is asked for them once."""
    facts = {
        "stage": "prices",
        "size": list(size),
        "prompts": [read_prompt(c.prompt).system for c in (NO_CONTEXT, MEMORY, FULL)],
        "engine": engine.name,
        "options": dict(engine.options),
        "version": prompt.VERSION,
    }

    def count(context: Context, words: Words = NO_WORDS) -> int:
        question = prompt.make_question(SOME_CHUNK, words, context)
        return engine.count_tokens(f"{question.system} {question.text}")

    def find() -> list[int]:
        alone = count(NO_CONTEXT)
        full = count(FULL, prompt.SOME_WORDS)
        return [engine.frame_tokens(*size), alone, count(MEMORY) - alone, full]

    found: Prices = work.store.recall(
        facts, engine.name, find, lambda kept: Prices(*map(int, kept))
    )
    return found


class LineCounter:
    """Counts the tokens of lines; an engine is asked once for a line, and the store keeps it."""

    def __init__(self, work: Work, engine: Engine) -> None:
        self._work, self._engine = work, engine
        self._known: dict[str, int] = {}

    def count(self, lines: Sequence[str]) -> list[int]:
        """The tokens of each line."""
        new = [line for line in dict.fromkeys(lines) if line not in self._known]
        if new:
            engine = self._engine
            facts = {
                "stage": "words",
                "lines": new,
                "engine": engine.name,
                "options": dict(engine.options),
            }
            self._known |= self._work.store.recall(
                facts,
                engine.name,
                lambda: list(map(engine.count_tokens, new)),
                lambda kept: dict(zip(new, map(int, kept), strict=True)),
            )
        counts = [self._known[line] for line in lines]
        if len(self._known) > MOST_COUNTED:
            self._known.clear()
        return counts


def context_budget(
    settings: Settings,
    engine: Engine,
    prices: Prices,
    frames: int,
    word_tokens: int,
    words: Words = NO_WORDS,
) -> int:
    """Tokens that what is known from before may take in the prompt of a chunk.

    It shows so many frames and these words, for which `word_tokens` are kept free. All so far may
    take what room there is; the memory no more than makes the prompt about a third longer, where it
    is known what a frame costs.
    """
    if settings.context == "full":
        shown = frames * ((prices.frame or FEW_TOKENS) + FRAME_WORD_TOKENS)
        taken = prices.full + MAX_TOKENS + SPARE_TOKENS + shown + word_tokens
        return max(0, engine.capabilities.context_tokens - taken)
    budget = _most_memory(settings, engine)
    if prices.frame:
        said = prompt.make_question(SOME_CHUNK, words).text
        # Words are never more than their tokens.
        base = prices.question + frames * (prices.frame + FEW_FRAME_WORDS) + len(said.split())
        budget = min(budget, max(LEAST_MEMORY, int(MEMORY_SHARE * base) - prices.memory))
    return budget


def recall_view(
    work: Work,
    engine: Engine,
    size: tuple[int, int],
    word_tokens: int,
    context: Context = NO_CONTEXT,
) -> View:
    """The view as it was planned once: an engine is not asked again what a frame costs it."""
    settings = work.settings
    facts = {
        "stage": "view",
        "size": list(size),
        # The 0 stands for a limit that is gone, so that kept views still serve.
        "settings": [settings.frames, settings.frame_side, 0, word_tokens],
        "context": engine.capabilities.context_tokens,
        "engine": engine.name,
        "options": dict(engine.options),
        "context_of": [context.prompt, context.tokens],
        "version": prompt.VERSION,
    }

    def find() -> list[int]:
        view = plan_view(settings, engine, size, word_tokens, context)
        return [view.frames, view.side]

    found: View = work.store.recall(facts, engine.name, find, lambda kept: View(*map(int, kept)))
    return found


def plan_view(
    settings: Settings,
    engine: Engine,
    size: tuple[int, int],
    word_tokens: int = 0,
    context: Context = NO_CONTEXT,
) -> View:
    """How much of each chunk of a video of that size to show, within what the engine takes.

    `word_tokens` are kept free for what is said and written in a chunk, `context.tokens` for what
    is known from before. UsageError where its context does not even hold one small frame.
    """
    word_tokens += context.tokens
    able = engine.capabilities
    most = settings.frames or able.frames_per_chunk
    most = max(1, min(most, able.images or most))
    side = settings.frame_side or able.frame_side

    def cost(side: int) -> int:
        return engine.frame_tokens(*scale(*size, side))

    wanted = View(most, side)
    rough = max(FEW_TOKENS, frame_tokens("", *scale(*size, side))) + FRAME_WORD_TOKENS
    words = prompt.SOME_WORDS if word_tokens else NO_WORDS
    chunk = Chunk(1, Span(0.0, settings.chunk_seconds))
    question = prompt.make_question(chunk, words, context)
    text = f"{question.system} {question.text}"
    room = able.context_tokens - question.max_tokens - prompt.SPARE_TOKENS - word_tokens
    # Bounds ask no model, which might have to be loaded for it, and most contexts hold them.
    if most * rough <= room - byte_bound(text):
        return wanted
    if found := fit_view(wanted, room - engine.count_tokens(text), cost):
        return found
    raise UsageError(
        f"the context of {engine.name} is too small: {able.context_tokens} tokens are to hold a"
        f" question of {engine.count_tokens(text) + word_tokens}, a reply of {question.max_tokens}"
        f" and one frame of {cost(SMALLEST_SIDE)}",
        "Start it with a longer context, or use another model.",
    )


def plan_frames(
    settings: Settings,
    engine: Engine,
    chunk: Chunk,
    scan: Scan,
    most: int,
    keys: Sequence[float] = (),
) -> tuple[Slot, ...]:
    """Where in a chunk to look for frames, at most so many in one of usual length.

    Key frames at `keys` are preferred, where an engine leaves the choice.
    """
    able = engine.capabilities
    of_clip = min(most, frames_of_clip(chunk, scan))
    if able.repeats or of_clip:
        share = min(1.0, chunk.span.seconds / settings.chunk_seconds)
        count = max(1, of_clip, round(most * share) if able.repeats else 0)
        times = spread_evenly(chunk.span, count)
        return tuple(Slot((time,)) for time in times)
    spacing = able.frame_seconds
    if settings.frames:
        spacing = min(spacing, settings.chunk_seconds / max(1, settings.frames - 1))
    return plan_slots(chunk, scan, most, spacing, keys)


def say_frames(frames: Sequence[Frame]) -> str:
    """`3 frames of 384×216`."""
    size = f"{frames[0].width}×{frames[0].height}"
    return f"{say_count(len(frames), 'frame')} of {size}"
