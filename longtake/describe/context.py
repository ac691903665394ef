"""What flow II carries from chunk to chunk of one stretch: three kinds, one way to use them.

Each tells the context of the next chunk's prompt, reads a reply, and takes what came of a chunk. A
chunk that failed is never taken: nothing of it reaches a later prompt.
"""

from dataclasses import replace

from longtake.describe.memory import (
    SCHEMA,
    Memory,
    noted_from_json,
    read_reply,
    remember,
    say_memory,
)
from longtake.describe.prompt import MAX_TOKENS, NO_CONTEXT, Context
from longtake.describe.replies import read_description
from longtake.errors import BadReply
from longtake.inference.engine import Reply
from longtake.inference.questions import CountLines
from longtake.records import Chunk
from longtake.text.clauses import first_sentence, shorten
from longtake.text.untrusted import defuse, one_line
from longtake.timecode import format_time

NOTE_TOKENS = 128
"""What a reply may take for its notes, beside the description."""
FOLDED_WORDS = 8
"""Of a description that is folded, so many words are left."""


class NoContext:
    """Flow I: no prompt tells of an earlier chunk. What flow II carries overrides it."""

    empty: Context = NO_CONTEXT

    def __init__(self, count_lines: CountLines) -> None:
        self._count_lines = count_lines

    def context(self, chunk: Chunk, budget: int) -> Context:
        """What the prompt of that chunk holds, within a budget in tokens."""
        return NO_CONTEXT

    def read(self, chunk: Chunk, reply: Reply) -> tuple[str, str]:
        """The description, and what is noted beside it, as JSON; BadReply where there is none."""
        return read_description(reply), ""

    def add(self, chunk: Chunk, text: str, noted: str) -> None:
        """Carry on what came of a chunk, as `read` gave it."""


class PreviousContext(NoContext):
    """The description of the chunk before."""

    empty = Context(tokens=MAX_TOKENS, prompt="describe_earlier")

    def __init__(self, count_lines: CountLines) -> None:
        super().__init__(count_lines)
        self._last = ""

    def context(self, chunk: Chunk, budget: int) -> Context:
        """The last description, with its time."""
        tokens = self._count_lines([self._last])[0] if self._last else 0
        return replace(self.empty, text=self._last, tokens=tokens)

    def add(self, chunk: Chunk, text: str, noted: str) -> None:
        """Keep this description in place of the one before."""
        self._last = _say_line(chunk, text)


class FullContext(NoContext):
    """All descriptions so far; where they are too many, the older half is folded to few words."""

    empty = Context(prompt="describe_earlier")

    def __init__(self, count_lines: CountLines) -> None:
        super().__init__(count_lines)
        self._lines: list[str] = []
        self._folded = 0
        """So many of the first ones are folded."""

    def context(self, chunk: Chunk, budget: int) -> Context:
        """All descriptions; the oldest are folded until they fit."""
        while self._lines and (tokens := self._count()) > budget:
            self._fold()
        tokens = self._count()
        return replace(self.empty, text="\n".join(self._lines), tokens=tokens)

    def add(self, chunk: Chunk, text: str, noted: str) -> None:
        """Append the description, as one line."""
        self._lines.append(_say_line(chunk, text))

    def _count(self) -> int:
        return sum(tokens + 1 for tokens in self._count_lines(self._lines)) if self._lines else 0

    def _fold(self) -> None:
        """The older half of what is whole becomes short; at last each second short one goes."""
        whole = len(self._lines) - self._folded
        if whole:
            last = self._folded + (whole + 1) // 2
            self._lines[self._folded : last] = [
                shorten(first_sentence(line), FOLDED_WORDS)
                for line in self._lines[self._folded : last]
            ]
            self._folded = last
        else:
            del self._lines[::2]
            self._folded = len(self._lines)


class MemoryContext(NoContext):
    """A bounded memory of who and what was seen, what happened and what is open."""

    empty = Context(prompt="describe_memory", max_tokens=MAX_TOKENS + NOTE_TOKENS, schema=SCHEMA)

    def __init__(self, count_lines: CountLines) -> None:
        super().__init__(count_lines)
        self.memory = Memory()

    def context(self, chunk: Chunk, budget: int) -> Context:
        """The lines of the memory that the budget has room for."""
        text, tokens = say_memory(self.memory, chunk, budget, self._count_lines)
        return replace(self.empty, text=text, tokens=tokens)

    def read(self, chunk: Chunk, reply: Reply) -> tuple[str, str]:
        """The description with the right marks, and what it notes."""
        description, noted = read_reply(reply)
        if description.text.lstrip().startswith("{"):
            raise BadReply(f"the reply is a broken document: {one_line(reply.text)[:80]!r}")
        _, text, noted = remember(self.memory, chunk, read_description(description), noted)
        return text, noted.as_json()

    def add(self, chunk: Chunk, text: str, noted: str) -> None:
        """The memory takes it in; of a chunk that looks the same as another, who is in that one."""
        self.memory, _, _ = remember(self.memory, chunk, text, noted_from_json(noted))


CONTEXTS: dict[str, type[NoContext]] = {
    "previous": PreviousContext,
    "memory": MemoryContext,
    "full": FullContext,
}
"""By the value of the setting `context`."""


def _say_line(chunk: Chunk, text: str) -> str:
    return f"{format_time(chunk.span.start)} {defuse(text)}"
